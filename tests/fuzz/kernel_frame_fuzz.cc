// Frames that the kernel wants sent: none of them may reach a blocked address, and none may come
// from a port of the survey, whatever its bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "dataplane/exception/kernel_frame_check.h"
#include "dataplane/wire.h"

using namespace trawl;
using namespace trawl::dataplane;

namespace {

// 128.0.0.0/1 and 8000::/1: every other address.
PacketGuard half_blocked() {
  Ipv4Set v4;
  v4.add(Ipv4Prefix{Ipv4Address{0x80000000}, 1});
  Ipv6Set v6;
  v6.add(Ipv6Prefix{Ipv6Address{Uint128{1} << 127U}, 1});
  return {v4, v6};
}

KernelFrameCheck check_for(const IpAddress& source) {
  return {{.kind = ProbeKind::TcpSyn,
           .ports = {.first = 61000, .last = 64999},
           .vlan = {},
           .sources = {source}},
          std::nullopt};
}

void require(bool holds) {
  if (!holds) std::abort();
}

void look_at(std::span<const std::byte> frame, KernelFrameCheck::Verdict verdict) {
  if (verdict != KernelFrameCheck::Verdict::Allowed) return;
  require(frame.size() >= wire::kEthernetSize + wire::kIpSize);
  const std::byte* const packet = frame.data() + wire::kEthernetSize;
  switch (wire::read16(packet - 2)) {
    case wire::kTypeArp: return;
    case wire::kTypeIpv4: return require(wire::read8(packet + wire::kIpDestination) < 0x80);
    case wire::kTypeIpv6: {
      const bool leaves_the_link = wire::read8(packet + wire::kIpv6HopLimit) != 255 ||
                                   wire::read8(packet + wire::kIpv6NextHeader) != 58;
      return require(!leaves_the_link || wire::read8(packet + wire::kIpv6Destination) < 0x80);
    }
    default: return require(false);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PacketGuard guard = half_blocked();
  static const KernelFrameCheck v4 = check_for(Ipv4Address{0x0a000001});
  static const KernelFrameCheck v6 = check_for(Ipv6Address{Uint128{0x20010db8} << 96U | 1});
  const auto frame = std::as_bytes(std::span{data, size});
  look_at(frame, v4.judge(frame, guard));
  look_at(frame, v6.judge(frame, guard));
  return 0;
}
