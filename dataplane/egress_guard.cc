#include "dataplane/egress_guard.h"

#include <algorithm>
#include <bit>

namespace trawl::dataplane {
namespace {

bool test(const std::array<std::uint64_t, 4>& bits, std::uint32_t at) noexcept {
  return ((bits[at >> 6U] >> (at & 63U)) & 1U) != 0;
}

void set(std::array<std::uint64_t, 4>& bits, std::uint32_t at) noexcept {
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

// Intervals come in rising order, so leaves are appended in the order rank() counts them.
EgressGuard::EgressGuard(const Ipv4Set& blocked) : second_index_(1U << 16U, 0) {
  for (const auto& interval : blocked.intervals()) {
    block(interval.first.value(), interval.last.value());
  }
}

void EgressGuard::set_first(std::uint32_t top, unsigned verdict) noexcept {
  std::uint64_t& word = first_[top >> 5U];
  const unsigned shift = (top & 31U) * 2U;
  word = (word & ~(std::uint64_t{3} << shift)) | (std::uint64_t{verdict} << shift);
}

void EgressGuard::block(std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t top = first >> 16U; top <= last >> 16U; ++top) {
    const std::uint32_t low = std::max(first, top << 16U);
    const std::uint32_t high = std::min(last, (top << 16U) | 0xffffU);
    if (high - low == 0xffffU) {
      set_first(top, kBlocked);
    } else {
      block_in_16(low, high);
    }
  }
}

EgressGuard::Mixed16& EgressGuard::mixed_16(std::uint32_t top) {
  const unsigned verdict = (first_[top >> 5U] >> ((top & 31U) * 2U)) & 3U;
  if (verdict != kMixed) {
    set_first(top, kMixed);
    second_index_[top] = static_cast<std::uint32_t>(second_.size());
    second_.emplace_back();
    third_base_.push_back(static_cast<std::uint32_t>(third_.size()));
  }
  return second_[second_index_[top]];
}

EgressGuard::Bits256& EgressGuard::mixed_24(std::uint32_t top, std::uint32_t middle) {
  Mixed16& net = mixed_16(top);
  if (!test(net.mixed, middle)) {
    set(net.mixed, middle);
    third_.emplace_back();
  }
  return third_[third_base_[second_index_[top]] + rank(net.mixed, middle)];
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
  Bits256& leaf = mixed_24(first >> 16U, (first >> 8U) & 0xffU);
  for (std::uint32_t address = first & 0xffU; address <= (last & 0xffU); ++address) {
    set(leaf, address);
  }
}

bool EgressGuard::allows_in_mixed(std::uint32_t ip) const noexcept {
  const std::uint32_t at = second_index_[ip >> 16U];
  const Mixed16& net = second_[at];
  const std::uint32_t middle = (ip >> 8U) & 0xffU;
  if (test(net.blocked, middle)) return false;
  if (!test(net.mixed, middle)) return true;
  return !test(third_[third_base_[at] + rank(net.mixed, middle)], ip & 0xffU);
}

std::size_t EgressGuard::memory() const noexcept {
  return sizeof first_ + second_index_.size() * sizeof(std::uint32_t) +
         second_.size() * sizeof(Mixed16) + third_base_.size() * sizeof(std::uint32_t) +
         third_.size() * sizeof(Bits256);
}

}  // namespace trawl::dataplane
