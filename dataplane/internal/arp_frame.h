#pragma once

#include <cstddef>
#include <span>

#include "base/ip.h"
#include "base/mac.h"
#include "dataplane/neighbours.h"
#include "dataplane/source_addresses.h"
#include "dataplane/vlan.h"

namespace trawl::dataplane::internal {

inline constexpr std::size_t kArpFrameSize = 60;  // Padded to the shortest Ethernet frame.

// Writes "who has `wanted`? tell `source`" (RFC 826). Needs frame.size() >= kArpFrameSize.
void write_arp_request(std::span<std::byte> frame, MacAddress mac, Ipv4Address source,
                       Ipv4Address wanted, VlanId vlan = {}) noexcept;

enum class ArpOutcome { Nothing, Learnt, AnswerWritten };

// Reads an ARP frame: learns from a reply what we need, and turns a request for one of `sources`
// into our answer, in the same VLAN; a request alone proves nothing about its sender. Needs frame
// to be writable and its tag to be that of `vlan`; shorter ones are ignored.
[[nodiscard]] ArpOutcome handle_arp(std::span<std::byte> frame, MacAddress mac,
                                    const SourceAddresses& sources, Neighbours& neighbours,
                                    VlanId vlan = {}) noexcept;

}  // namespace trawl::dataplane::internal
