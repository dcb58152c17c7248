#include "dataplane/probe_template.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace trawl::dataplane {
namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kWindow = 64240;
// MSS 1460; SACK permitted; timestamps (value stamped, echo 0); no-op; window scale 7.
constexpr std::array<std::uint8_t, 20> kOptionBytes{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                                    0, 0, 0,    0,    0, 0, 1, 3,  3, 7};

}  // namespace

ProbeTemplate::ProbeTemplate(MacAddress source_mac, Ipv4Address source) noexcept {
  std::byte* const frame = bytes_.data();
  std::memcpy(frame + wire::kEthernetSource, source_mac.bytes().data(), 6);
  wire::write16(frame + wire::kEthernetType, wire::kTypeIpv4);
  frame[kIp] = std::byte{0x45};
  wire::write16(frame + kIp + wire::kIpLength, kSize.count() - kIp);
  wire::write16(frame + kIp + wire::kIpFragment, kDontFragment);
  frame[kIp + wire::kIpTtl] = std::byte{kTtl};
  frame[kIp + wire::kIpProtocol] = std::byte{wire::kProtocolTcp};
  wire::write32(frame + kIp + wire::kIpSource, source.value());
  frame[kTcp + wire::kTcpOffset] = std::byte{(wire::kTcpSize + kOptionBytes.size()) / 4 << 4U};
  frame[kTcp + wire::kTcpFlags] = std::byte{wire::kSyn};
  wire::write16(frame + kTcp + wire::kTcpWindow, kWindow);
  std::memcpy(frame + kOptions, kOptionBytes.data(), kOptionBytes.size());
  constexpr std::size_t kSegment = kSize.count() - kTcp;
  ip_sum_ = wire::ChecksumPart::over(frame + kIp, wire::kIpSize);
  tcp_sum_ = wire::ChecksumPart::over(frame + kTcp, kSegment);
  tcp_sum_.add(wire::swap32(source.value()));
  tcp_sum_.add(wire::swap16(wire::kProtocolTcp));
  tcp_sum_.add(wire::swap16(kSegment));
}

std::uint64_t ProbeTemplate::frame_head(MacAddress next_hop) const noexcept {
  std::array<std::byte, sizeof(std::uint64_t)> bytes;
  std::memcpy(bytes.data(), next_hop.bytes().data(), wire::kEthernetSource);
  std::copy_n(bytes_.begin() + wire::kEthernetSource, 2, bytes.begin() + wire::kEthernetSource);
  return std::bit_cast<std::uint64_t>(bytes);
}

void ProbeTemplate::prepare(std::span<std::byte> frame) const noexcept {
  std::copy(bytes_.begin(), bytes_.end(), frame.begin());
}

}  // namespace trawl::dataplane
