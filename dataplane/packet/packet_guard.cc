#include "dataplane/packet/packet_guard.h"

#include "dataplane/wire.h"

namespace trawl::dataplane {

bool PacketGuard::allows_options(std::span<const std::byte> options) const noexcept {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNothing = 1;
  constexpr std::uint8_t kLooseRoute = 131;
  constexpr std::uint8_t kStrictRoute = 137;
  constexpr std::size_t kFirstHop = 3;
  while (!options.empty() && wire::read8(options.data()) != kEnd) {
    const std::uint8_t type = wire::read8(options.data());
    if (type == kNothing) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return false;
    const std::size_t length = wire::read8(options.data() + 1);
    if (length < 2 || length > options.size()) return false;
    if (type == kLooseRoute || type == kStrictRoute) {
      for (std::size_t i = kFirstHop; i + 4 <= length; i += 4) {
        if (!v4_.allows(Ipv4Address{wire::read32(options.data() + i)})) return false;
      }
    }
    options = options.subspan(length);
  }
  return true;
}

}  // namespace trawl::dataplane
