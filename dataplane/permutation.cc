#include "dataplane/permutation.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "dataplane/internal/permutation_avx2.h"

namespace trawl::dataplane {
namespace {

// Positions a vector batch takes at least as one row, so that a batch crosses one row end at most.
constexpr std::uint32_t kVectorColumns = 64;

// The keyed hash of `value`, scaled to [0, range).
std::uint32_t hash(std::uint32_t value, const Permutation::Round& round,
                   std::uint32_t range) noexcept {
  const std::uint64_t product = std::uint64_t{value + round.add} * round.multiply_1;
  const auto folded = static_cast<std::uint32_t>(product ^ (product >> 32U));
  const std::uint32_t hashed = folded * round.multiply_2;
  return static_cast<std::uint32_t>((std::uint64_t{hashed} * range) >> 32U);
}

std::uint32_t add_modulo(std::uint32_t a, std::uint32_t b, std::uint32_t range) noexcept {
  const std::uint32_t sum = a + b;  // Both are below 2^24 + 1: no overflow.
  return sum >= range ? sum - range : sum;
}

std::uint32_t subtract_modulo(std::uint32_t a, std::uint32_t b, std::uint32_t range) noexcept {
  return a >= b ? a - b : a + range - b;
}

std::uint32_t rows_for(std::uint64_t size) noexcept {
  auto rows = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(size)));
  while (rows * rows < size) ++rows;
  return static_cast<std::uint32_t>(rows);
}

}  // namespace

Permutation::Permutation(std::uint64_t size, std::uint64_t key_low, std::uint64_t key_high) noexcept
    : size_{size} {
  rounds_.rows = rows_for(size);
  rounds_.columns = static_cast<std::uint32_t>((size + rounds_.rows - 1) / rounds_.rows);
  std::uint64_t state = mix64(key_low ^ mix64(key_high));
  for (Round& round : rounds_.round) {
    state = mix64(state + key_low);
    // 31 bits, so that adding it to a half stays within 32.
    round.add = static_cast<std::uint32_t>(state >> 33U);
    state = mix64(state + key_high);
    round.multiply_1 = static_cast<std::uint32_t>(state >> 32U) | 1U;
    round.multiply_2 = static_cast<std::uint32_t>(state) | 1U;
  }
  vector_ = __builtin_cpu_supports("avx2") != 0 && rounds_.columns >= kVectorColumns;
}

std::uint64_t Permutation::mix(std::uint64_t x) const noexcept {
  const auto& [rows, columns, round] = rounds_;
  auto left = static_cast<std::uint32_t>(x / columns);
  auto right = static_cast<std::uint32_t>(x % columns);
  for (std::size_t r = 0; r < kRounds; r += 2) {
    left = add_modulo(left, hash(right, round[r], rows), rows);
    right = add_modulo(right, hash(left, round[r + 1], columns), columns);
  }
  return std::uint64_t{left} * columns + right;
}

std::uint64_t Permutation::unmix(std::uint64_t x) const noexcept {
  const auto& [rows, columns, round] = rounds_;
  auto left = static_cast<std::uint32_t>(x / columns);
  auto right = static_cast<std::uint32_t>(x % columns);
  for (std::size_t r = kRounds; r > 0; r -= 2) {
    right = subtract_modulo(right, hash(left, round[r - 1], columns), columns);
    left = subtract_modulo(left, hash(right, round[r - 2], rows), rows);
  }
  return std::uint64_t{left} * columns + right;
}

void Permutation::forward_batch(std::uint64_t first,
                                std::span<std::uint64_t> indexes) const noexcept {
  constexpr std::size_t kStep = 8;
  std::size_t done = 0;
  while (vector_ && indexes.size() - done >= kStep) {
    const std::size_t count = std::min<std::size_t>(indexes.size() - done, kVectorColumns) & ~7U;
    const std::uint64_t at = first + done;
    internal::mix_avx2(rounds_, static_cast<std::uint32_t>(at / rounds_.columns),
                       static_cast<std::uint32_t>(at % rounds_.columns), indexes.data() + done,
                       count);
    for (std::uint64_t& index : indexes.subspan(done, count)) {
      while (index >= size_) [[unlikely]] index = mix(index);
    }
    done += count;
  }
  for (; done < indexes.size(); ++done) indexes[done] = forward(first + done);
}

}  // namespace trawl::dataplane
