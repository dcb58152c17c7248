#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace trawl::dataplane {

// A keyed bijection on [0, size): the order in which a target space is visited.
//
// A position is split into a pair (left, right) on a rows x columns grid that holds size() cells
// and less than one row more. Feistel rounds add a keyed hash of one half to the other, modulo its
// range (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, method 3); the
// few results beyond size() are walked through again (method 2), which visits each index exactly
// once. The grid fits the space so closely that walks are rare at every size, where a power of two
// would cost up to twice the work. Any position is evaluated alone and inverted, so shards are
// ranges, resuming is a cursor, and a reply tells at which position its probe was sent.
//
// Not a cipher: it spreads load and hides no secret.
// Thread: immutable once made. Cost: bench/dataplane/permutation_bench.cc.
class Permutation {
 public:
  static constexpr std::uint64_t kMostSize = std::uint64_t{1} << 48U;
  // Even. With four, the counts per network of a small space vary 40 % more than a uniform draw's;
  // with six they match (docs/decisions.md).
  static constexpr std::size_t kRounds = 6;

  // Needs 1 <= size <= kMostSize. The same (size, key) gives the same order on every machine.
  Permutation(std::uint64_t size, std::uint64_t key_low, std::uint64_t key_high) noexcept;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  // The index visited at `position`. Needs position < size().
  [[nodiscard]] std::uint64_t forward(std::uint64_t position) const noexcept {
    std::uint64_t x = mix(position);
    while (x >= size_) x = mix(x);
    return x;
  }
  // The position at which `index` is visited. Needs index < size().
  [[nodiscard]] std::uint64_t inverse(std::uint64_t index) const noexcept {
    std::uint64_t x = unmix(index);
    while (x >= size_) x = unmix(x);
    return x;
  }
  // indexes[i] = forward(first + i), four or more at a time where the processor can.
  // Needs first + indexes.size() <= size().
  void forward_batch(std::uint64_t first, std::span<std::uint64_t> indexes) const noexcept;

  // What the rounds need, shared with the vector code.
  struct Round {
    std::uint32_t add;
    std::uint32_t multiply_1;  // Odd.
    std::uint32_t multiply_2;  // Odd.
  };
  struct Rounds {
    std::uint32_t rows;
    std::uint32_t columns;
    std::array<Round, kRounds> round;
  };

 private:
  [[nodiscard]] std::uint64_t mix(std::uint64_t x) const noexcept;
  [[nodiscard]] std::uint64_t unmix(std::uint64_t x) const noexcept;

  std::uint64_t size_;
  Rounds rounds_{};
  bool vector_;  // The processor has AVX2 and rows are long enough for it.
};

}  // namespace trawl::dataplane
