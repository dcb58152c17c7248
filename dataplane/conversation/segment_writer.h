#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/ip.h"
#include "dataplane/conversation/outgoing.h"
#include "dataplane/conversation_plan.h"
#include "dataplane/frame_start.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// Writes the segments of conversations as frames (not the SYNs: those are probes).
//
// The IPv4 flag "don't fragment" is clear: where the path is narrower than a payload, routers cut
// it up and no ICMP error has to find its way back to a conversation without state. Over IPv6 every
// segment fits the smallest MTU there is.
// Thread: immutable once made.
template <typename Address>
class BasicSegmentWriter {
 public:
  static constexpr std::size_t kTimestamps = 12;  // The option and two no-ops before it.
  static constexpr std::size_t kLargestFrame =
      wire::kEthernetSize + wire::kVlanTagSize + BasicFrameStart<Address>::kHeader.count() +
      wire::kTcpSize + kTimestamps + ConversationPlan::kMostPayload;
  static_assert(kLargestFrame - wire::kEthernetSize - wire::kVlanTagSize <= 1280);

  BasicSegmentWriter(MacAddress mac, VlanId vlan, std::shared_ptr<const ConversationPlan> plan);

  // Returns the size of the frame it writes; `head` is ProbeTemplate::frame_head(). Needs
  // kLargestFrame bytes at `frame`, and a segment whose part of a payload is one.
  [[nodiscard]] std::size_t write(std::byte* frame, std::uint64_t head,
                                  const BasicOutgoing<Address>& segment) const noexcept;

 private:
  static constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;
  static constexpr std::size_t kIpHeader = BasicFrameStart<Address>::kHeader.count();

  [[nodiscard]] wire::ChecksumPart write_ip(std::byte* packet,
                                            const BasicOutgoing<Address>& segment,
                                            std::size_t length) const noexcept;

  std::shared_ptr<const ConversationPlan> plan_;
  std::vector<wire::ChecksumPart> sums_;  // Of whole payloads.
  std::size_t ip_;                        // Where the IP header begins.
  std::array<std::byte, wire::kEthernetSize + wire::kVlanTagSize> ethernet_{};
};

extern template class BasicSegmentWriter<Ipv4Address>;
extern template class BasicSegmentWriter<Ipv6Address>;

}  // namespace trawl::dataplane
