#include "bench/simnet/population6.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kAddressKey = 0x1b6adde55;

constexpr std::uint64_t high(Ipv6Address address) noexcept {
  return static_cast<std::uint64_t>(address.value() >> 64U);
}
constexpr std::uint64_t low(Ipv6Address address) noexcept {
  return static_cast<std::uint64_t>(address.value());
}

// The `number`th address drawn from `prefix`.
Ipv6Address drawn(const Ipv6Prefix& prefix, std::uint64_t key, std::uint64_t number) {
  constexpr std::uint64_t kLowest = 0x10;
  constexpr std::uint64_t kLowAddresses = 0x400;
  const std::uint64_t subnet = mix64(key + 2 * number);
  const std::uint64_t interface = mix64(key + 2 * number + 1);
  const bool is_low = (subnet & 1U) != 0;
  const std::uint64_t last = is_low ? kLowest + interface % kLowAddresses : interface;
  const Uint128 all = (Uint128{subnet >> 1U} << 64U) | last;
  const Uint128 room = prefix.first().value() ^ prefix.last().value();
  return Ipv6Address{prefix.first().value() | (all & room)};
}

}  // namespace

Population6::Population6(const PopulationOptions& options)
    : key_{mix64(options.seed ^ kAddressKey)} {
  if (!options.prefix6) return;
  router_ = Ipv6Address{options.prefix6->first().value() + 2};
  for (std::uint64_t i = 0; i < options.live6; ++i) {
    addresses_.push_back(drawn(*options.prefix6, key_, i));
  }
  std::sort(addresses_.begin(), addresses_.end());
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
  std::erase(addresses_, router_);
  slots_.assign(std::bit_ceil(2 * addresses_.size() + 2), 0);
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    std::size_t at = draw(addresses_[i]) % slots_.size();
    while (slots_[at] != 0) at = (at + 1) % slots_.size();
    slots_[at] = static_cast<std::uint32_t>(i + 1);
  }
}

std::uint64_t Population6::draw(Ipv6Address address) const noexcept {
  return mix64(mix64(key_ ^ high(address)) + low(address));
}

std::optional<std::uint32_t> Population6::number(Ipv6Address address) const noexcept {
  if (empty()) return std::nullopt;
  std::size_t at = draw(address) % slots_.size();
  for (; slots_[at] != 0; at = (at + 1) % slots_.size()) {
    if (addresses_[slots_[at] - 1] == address) return slots_[at] - 1;
  }
  return std::nullopt;
}

}  // namespace trawl::simnet
