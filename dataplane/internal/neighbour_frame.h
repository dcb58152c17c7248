#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/ip.h"
#include "base/mac.h"
#include "dataplane/neighbours.h"
#include "dataplane/source_addresses.h"
#include "dataplane/vlan.h"
#include "dataplane/wire.h"

namespace trawl::dataplane::internal {

// Neighbour discovery (RFC 4861) with one option, an Ethernet address: both the question and the
// answer.
inline constexpr std::size_t kNeighbourFrameSize =
    wire::kEthernetSize + wire::kIpv6Size + wire::kNeighbourSize + wire::kLinkAddressOption;
inline constexpr std::size_t kMostNeighbourFrame = kNeighbourFrameSize + wire::kVlanTagSize;

// Writes a solicitation for `wanted` from `source` to the group it listens to; kNeighbourFrameSize
// bytes and the tag.
void write_neighbour_request(std::span<std::byte> frame, MacAddress mac, Ipv6Address source,
                             Ipv6Address wanted, VlanId vlan = {}) noexcept;

enum class NeighbourOutcome { Nothing, Learnt, AnswerWritten };

// Reads a frame that ReplyParser took for neighbour discovery: learns from an advertisement what we
// need, and writes to `answer` the advertisement for a solicitation of one of `sources`; a
// solicitation alone proves nothing about its sender. What RFC 4861 section 7.1 calls invalid is
// ignored.
[[nodiscard]] NeighbourOutcome handle_neighbour(std::span<const std::byte> frame, MacAddress mac,
                                                const SourceAddresses6& sources,
                                                Neighbours6& neighbours,
                                                std::span<std::byte, kMostNeighbourFrame> answer,
                                                VlanId vlan = {}) noexcept;

}  // namespace trawl::dataplane::internal
