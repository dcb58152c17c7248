#include "dataplane/probe_template.h"

#include <algorithm>
#include <cstring>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kIp = wire::kEthernetSize;
constexpr std::size_t kTcp = kIp + wire::kIpSize;
constexpr std::size_t kOptions = kTcp + wire::kTcpSize;
constexpr std::size_t kTimestampValue = kOptions + 8;
constexpr std::size_t kSegment = ProbeTemplate::kSize.count() - kTcp;

constexpr std::uint8_t kTtl = 64;
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kWindow = 64240;
// MSS 1460; SACK permitted; timestamps (value stamped, echo 0); no-op; window scale 7.
constexpr std::array<std::uint8_t, 20> kOptionBytes{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                                    0, 0, 0,    0,    0, 0, 1, 3,  3, 7};

// The two 16-bit words of a 32-bit field, for a one's complement sum.
constexpr std::uint64_t words(std::uint32_t x) noexcept { return (x >> 16U) + (x & 0xffffU); }

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
  ip_sum_ = wire::sum(frame + kIp, wire::kIpSize);
  tcp_sum_ =
      wire::sum(frame + kTcp, kSegment) + words(source.value()) + wire::kProtocolTcp + kSegment;
}

void ProbeTemplate::prepare(std::span<std::byte> frame) const noexcept {
  std::copy(bytes_.begin(), bytes_.end(), frame.begin());
}

void ProbeTemplate::stamp(std::byte* frame, MacAddress next_hop, Target target, Cookie cookie,
                          std::uint32_t probe_stamp) const noexcept {
  const std::uint32_t ip = target.ip.value();
  std::memcpy(frame, next_hop.bytes().data(), 6);
  std::byte* const header = frame + kIp;
  wire::write16(header + wire::kIpId, cookie.ip_id);
  wire::write16(header + wire::kIpChecksum, wire::fold(ip_sum_ + cookie.ip_id + words(ip)));
  wire::write32(header + wire::kIpDestination, ip);
  std::byte* const segment = frame + kTcp;
  wire::write16(segment + wire::kTcpSourcePort, cookie.source_port);
  wire::write16(segment + wire::kTcpDestinationPort, target.port);
  wire::write32(segment + wire::kTcpSequence, cookie.sequence);
  wire::write32(frame + kTimestampValue, probe_stamp);
  const std::uint64_t total = tcp_sum_ + words(ip) + cookie.source_port + target.port +
                              words(cookie.sequence) + words(probe_stamp);
  wire::write16(segment + wire::kTcpChecksum, wire::fold(total));
}

}  // namespace trawl::dataplane
