#include "dataplane/tcp_template.h"

#include <algorithm>
#include <span>

namespace trawl::dataplane {
namespace {

constexpr std::uint16_t kWindow = 64240;
// The maximum segment size fills a frame of the link, an Ethernet frame at most: it depends on the
// header (RFC 9293 section 3.7.1). Hosts need not take less than this at once (RFC 791
// section 3.1).
constexpr std::size_t kSegmentSizeAt = 2;
constexpr unsigned kLargestPacket = 1500;
constexpr unsigned kSmallestPacket = 576;
// The MSS, which may stand alone; SACK permitted; timestamps (value stamped, echo 0); no-op; window
// scale 7.
constexpr std::array<std::uint8_t, 20> kSynOptions{2, 4, 0, 0, 4, 2, 8, 10, 0, 0,
                                                   0, 0, 0, 0, 0, 0, 1, 3,  3, 7};

// Fills in what is the same in every segment that is as long as `segment`.
template <typename Address>
wire::ChecksumPart write_constants(std::span<std::byte> segment, std::uint8_t flags,
                                   const BasicFrameStart<Address>& start) noexcept {
  segment[wire::kTcpOffset] = static_cast<std::byte>(segment.size() / 4 << 4U);
  segment[wire::kTcpFlags] = std::byte{flags};
  wire::write16(segment.data() + wire::kTcpWindow, kWindow);
  wire::ChecksumPart sum = start.pseudo_header();
  sum.add(wire::ChecksumPart::over(segment.data(), segment.size()));
  return sum;
}

}  // namespace

template <typename Address, SynOptions Options>
BasicTcpSynTemplate<Address, Options>::BasicTcpSynTemplate(
    const BasicProbeSource<Address>& source) noexcept
    : start_{source, wire::kProtocolTcp, kPacketSize} {
  std::copy_n(std::as_bytes(std::span{kSynOptions}).begin(), kSegmentSize - wire::kTcpSize,
              segment_.begin() + wire::kTcpSize);
  const std::uint64_t headers = BasicFrameStart<Address>::kHeader.count() + wire::kTcpSize;
  wire::write16(segment_.data() + wire::kTcpSize + kSegmentSizeAt,
                static_cast<std::uint16_t>(std::clamp(source.mtu, kSmallestPacket, kLargestPacket) -
                                           headers));
  sum_ = write_constants(segment_, wire::kSyn, start_);
}

template <typename Address, SynOptions Options>
void BasicTcpSynTemplate<Address, Options>::prepare(std::byte* frame) const noexcept {
  start_.prepare(frame);
  std::copy(segment_.begin(), segment_.end(), frame + start_.payload());
}

template <typename Address>
BasicTcpAckTemplate<Address>::BasicTcpAckTemplate(const BasicProbeSource<Address>& source) noexcept
    : start_{source, wire::kProtocolTcp, kPacketSize} {
  sum_ = write_constants(segment_, wire::kAck, start_);
}

template <typename Address>
void BasicTcpAckTemplate<Address>::prepare(std::byte* frame) const noexcept {
  start_.prepare(frame);
  std::copy(segment_.begin(), segment_.end(), frame + start_.payload());
}

template class BasicTcpSynTemplate<Ipv4Address, SynOptions::Linux>;
template class BasicTcpSynTemplate<Ipv4Address, SynOptions::Mss>;
template class BasicTcpSynTemplate<Ipv6Address, SynOptions::Linux>;
template class BasicTcpSynTemplate<Ipv6Address, SynOptions::Mss>;
template class BasicTcpAckTemplate<Ipv4Address>;
template class BasicTcpAckTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
