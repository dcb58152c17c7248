#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/frame_start.h"
#include "dataplane/target.h"
#include "dataplane/udp_payloads.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// UDP datagrams (RFC 768), each port with its payload. Frames differ in size from port to port, so
// unlike the other templates this one prepares nothing: write() writes all of a frame.
//
// Thread: immutable once made. Cost: bench/dataplane/probe_template_bench.cc.
template <typename Address>
class BasicUdpTemplate {
 public:
  BasicUdpTemplate(const BasicProbeSource<Address>& source,
                   std::shared_ptr<const UdpPayloads> payloads);

  // The mean size of the frames for `ports`, each padded to the shortest Ethernet frame, rounded
  // up.
  [[nodiscard]] static ByteCount mean_frame_size(const UdpPayloads& payloads,
                                                 std::span<const std::uint16_t> ports) noexcept;

  // Returns the size of the frame it writes. Needs kLargestFrame bytes at `frame`.
  [[nodiscard]] std::size_t write(std::byte* frame, std::uint64_t head, BasicTarget<Address> target,
                                  Cookie cookie, std::uint32_t probe_stamp) const noexcept;

  static constexpr std::size_t kLargestFrame = wire::kEthernetSize + wire::kVlanTagSize +
                                               BasicFrameStart<Address>::kHeader.count() +
                                               wire::kUdpSize + UdpPayload::kMostBytes;

 private:
  struct Datagram {
    BasicFrameStart<Address> start;
    std::vector<std::byte> bytes;  // UDP header and payload.
    wire::ChecksumPart sum;        // Over the pseudo-header and the constant bytes.
    std::vector<UdpSlot> slots;    // Offsets from the start of the UDP header.
  };

  std::shared_ptr<const UdpPayloads> payloads_;
  std::vector<Datagram> datagrams_;  // As payloads_->all().
};

using UdpTemplate = BasicUdpTemplate<Ipv4Address>;
extern template class BasicUdpTemplate<Ipv4Address>;
extern template class BasicUdpTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
