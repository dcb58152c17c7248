#include "control/os/os_reset.h"

#include <algorithm>

#include "dataplane/wire.h"

namespace trawl::control {

namespace wire = dataplane::wire;

bool write_reset(std::span<const std::byte> syn_ack, std::uint8_t ttl,
                 std::span<std::byte, kResetSize> out) noexcept {
  constexpr std::uint8_t kPlainHeader = 0x45;
  constexpr std::uint16_t kDontFragment = 0x4000;
  if (syn_ack.size() < kResetSize || wire::read8(syn_ack.data()) != kPlainHeader) return false;
  if (wire::read8(syn_ack.data() + wire::kIpProtocol) != wire::kProtocolTcp) return false;
  const std::byte* const from = syn_ack.data() + wire::kIpSize;
  constexpr auto kBoth = static_cast<std::uint8_t>(wire::kSyn | wire::kAck);
  if ((wire::read8(from + wire::kTcpFlags) & kBoth) != kBoth) return false;
  std::ranges::fill(out, std::byte{0});
  std::byte* const ip = out.data();
  wire::write8(ip, kPlainHeader);
  wire::write16(ip + wire::kIpLength, kResetSize);
  wire::write16(ip + wire::kIpFragment, kDontFragment);
  wire::write8(ip + wire::kIpTtl, ttl);
  wire::write8(ip + wire::kIpProtocol, wire::kProtocolTcp);
  wire::write32(ip + wire::kIpSource, wire::read32(syn_ack.data() + wire::kIpDestination));
  wire::write32(ip + wire::kIpDestination, wire::read32(syn_ack.data() + wire::kIpSource));
  wire::store(ip + wire::kIpChecksum, wire::ChecksumPart::over(ip, wire::kIpSize).finish());
  std::byte* const tcp = ip + wire::kIpSize;
  wire::write16(tcp + wire::kTcpSourcePort, wire::read16(from + wire::kTcpDestinationPort));
  wire::write16(tcp + wire::kTcpDestinationPort, wire::read16(from + wire::kTcpSourcePort));
  wire::write32(tcp + wire::kTcpSequence, wire::read32(from + wire::kTcpAck));
  wire::write8(tcp + wire::kTcpOffset, wire::kTcpSize / 4 << 4U);
  wire::write8(tcp + wire::kTcpFlags, wire::kRst);
  wire::ChecksumPart sum = wire::ChecksumPart::over(ip + wire::kIpSource, 8);
  sum.add(wire::swap16(wire::kProtocolTcp));
  sum.add(wire::swap16(wire::kTcpSize));
  sum.add(wire::ChecksumPart::over(tcp, wire::kTcpSize));
  wire::store(tcp + wire::kTcpChecksum, sum.finish());
  return true;
}

}  // namespace trawl::control
