#include "dataplane/egress_guard.h"

#include <algorithm>
#include <bit>

namespace trawl::dataplane {
namespace {

template <std::size_t Words>
bool test(const std::array<std::uint64_t, Words>& bits, std::uint32_t at) noexcept {
  return ((bits[at >> 6U] >> (at & 63U)) & 1U) != 0;
}

template <std::size_t Words>
void set(std::array<std::uint64_t, Words>& bits, std::uint32_t at) noexcept {
  bits[at >> 6U] |= std::uint64_t{1} << (at & 63U);
}

// How many bits are set below `at`.
std::uint32_t rank(const std::array<std::uint64_t, 4>& bits, std::uint32_t at) noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t word = 0; word < at >> 6U; ++word) {
    count += static_cast<std::uint32_t>(std::popcount(bits[word]));
  }
  const std::uint64_t below = (std::uint64_t{1} << (at & 63U)) - 1;
  return count + static_cast<std::uint32_t>(std::popcount(bits[at >> 6U] & below));
}

}  // namespace

// Intervals come in rising order, so entries of the lower levels are appended in the order that
// counting bits finds them in.
EgressGuard::EgressGuard(const Ipv4Set& blocked) {
  for (const auto& interval : blocked.intervals()) {
    block(interval.first.value(), interval.last.value());
  }
  std::uint16_t count = 0;
  for (std::size_t word = 0; word < mixed_top_.bits.size(); ++word) {
    mixed_top_.before[word] = count;
    count = static_cast<std::uint16_t>(count + std::popcount(mixed_top_.bits[word]));
  }
}

void EgressGuard::block(std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t top = first >> 16U; top <= last >> 16U; ++top) {
    const std::uint32_t low = std::max(first, top << 16U);
    const std::uint32_t high = std::min(last, (top << 16U) | 0xffffU);
    if (high - low == 0xffffU) {
      set(blocked_top_, top);
    } else {
      block_in_16(low, high);
    }
  }
}

EgressGuard::Mixed16& EgressGuard::mixed_16(std::uint32_t top) {
  if (!test(mixed_top_.bits, top)) {
    set(mixed_top_.bits, top);
    second_.emplace_back();
    third_base_.push_back(static_cast<std::uint32_t>(third_.size()));
  }
  return second_.back();
}

void EgressGuard::block_in_16(std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t net = first >> 8U; net <= last >> 8U; ++net) {
    const std::uint32_t low = std::max(first, net << 8U);
    const std::uint32_t high = std::min(last, (net << 8U) | 0xffU);
    if (high - low == 0xffU) {
      set(mixed_16(net >> 8U).blocked, net & 0xffU);
    } else {
      block_in_24(low, high);
    }
  }
}

void EgressGuard::block_in_24(std::uint32_t first, std::uint32_t last) {
  Mixed16& net = mixed_16(first >> 16U);
  const std::uint32_t middle = (first >> 8U) & 0xffU;
  if (!test(net.mixed, middle)) {
    set(net.mixed, middle);
    third_.emplace_back();
  }
  for (std::uint32_t address = first & 0xffU; address <= (last & 0xffU); ++address) {
    set(third_.back(), address);
  }
}

// Where in second_ the entry of a mixed /16 is.
std::uint32_t EgressGuard::mixed_index(std::uint32_t top) const noexcept {
  const std::uint64_t below = (std::uint64_t{1} << (top & 63U)) - 1;
  return mixed_top_.before[top >> 6U] +
         static_cast<std::uint32_t>(std::popcount(mixed_top_.bits[top >> 6U] & below));
}

// The last word on an address in a mixed /24.
bool EgressGuard::leaf_blocks(std::uint32_t ip) const noexcept {
  const std::uint32_t at = mixed_index(ip >> 16U);
  return test(third_[third_base_[at] + rank(second_[at].mixed, (ip >> 8U) & 0xffU)], ip & 0xffU);
}

bool EgressGuard::allows(Ipv4Address address) const noexcept {
  const Target target{address, 0};
  return blocked({&target, 1}) == 0;
}

std::uint64_t EgressGuard::blocked(std::span<const Target> targets) const noexcept {
  std::array<std::uint8_t, 64> look_closer;
  std::size_t mixed = 0;
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const std::uint32_t top = targets[i].ip.value() >> 16U;
    result |= std::uint64_t{test(blocked_top_, top)} << i;
    look_closer[mixed] = static_cast<std::uint8_t>(i);
    mixed += static_cast<std::size_t>(test(mixed_top_.bits, top));
  }
  std::size_t leaves = 0;
  for (std::size_t m = 0; m < mixed; ++m) {
    const std::uint8_t i = look_closer[m];
    const std::uint32_t ip = targets[i].ip.value();
    const Mixed16& net = second_[mixed_index(ip >> 16U)];
    const std::uint32_t middle = (ip >> 8U) & 0xffU;
    result |= std::uint64_t{test(net.blocked, middle)} << i;
    look_closer[leaves] = i;
    leaves += static_cast<std::size_t>(test(net.mixed, middle));
  }
  for (std::size_t l = 0; l < leaves; ++l) {
    const std::uint8_t i = look_closer[l];
    result |= std::uint64_t{leaf_blocks(targets[i].ip.value())} << i;
  }
  return result;
}

std::size_t EgressGuard::memory() const noexcept {
  return sizeof *this + second_.size() * sizeof(Mixed16) +
         third_base_.size() * sizeof(std::uint32_t) + third_.size() * sizeof(Bits256);
}

}  // namespace trawl::dataplane
