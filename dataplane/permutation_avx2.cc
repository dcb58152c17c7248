#include "dataplane/internal/permutation_avx2.h"

#include <immintrin.h>

namespace trawl::dataplane::internal {
namespace {

struct VectorRound {
  __m256i add;
  __m256i multiply_1;
  __m256i multiply_2;
};

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i all(std::uint32_t value) noexcept {
  return _mm256_set1_epi64x(static_cast<long long>(value));
}

// (into + hash(from) * range / 2^32) modulo range, on four lanes of 64 bits whose upper halves are
// 0.
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i step(__m256i into, __m256i from,
                                                                const VectorRound& round,
                                                                __m256i range) noexcept {
  const __m256i product = _mm256_mul_epu32(_mm256_add_epi64(from, round.add), round.multiply_1);
  const __m256i folded = _mm256_xor_si256(product, _mm256_srli_epi64(product, 32));
  const __m256i hash = _mm256_mul_epu32(folded, round.multiply_2);
  const __m256i scaled = _mm256_srli_epi64(_mm256_mul_epu32(hash, range), 32);
  const __m256i sum = _mm256_add_epi64(into, scaled);
  // Where the sum is below the range, the difference wraps and the minimum keeps the sum. The upper
  // halves compare 0 with 0xffffffff or with 0.
  return _mm256_min_epu32(sum, _mm256_sub_epi64(sum, range));
}

}  // namespace

[[gnu::target("avx2")]] void mix_avx2(const Permutation::Rounds& rounds, std::uint32_t row,
                                      std::uint32_t column, std::uint64_t* indexes,
                                      std::size_t count) noexcept {
  VectorRound round[Permutation::kRounds];
  for (std::size_t r = 0; r < Permutation::kRounds; ++r) {
    round[r] = VectorRound{all(rounds.round[r].add), all(rounds.round[r].multiply_1),
                           all(rounds.round[r].multiply_2)};
  }
  const __m256i rows = all(rounds.rows);
  const __m256i columns = all(rounds.columns);
  const __m256i last_column = all(rounds.columns - 1);
  const __m256i four = all(4);
  __m256i next = _mm256_add_epi64(all(column), _mm256_setr_epi64x(0, 1, 2, 3));
  for (std::size_t i = 0; i < count; i += 8) {
    __m256i left[2];
    __m256i right[2];
    for (int v = 0; v < 2; ++v) {
      const __m256i wrapped = _mm256_cmpgt_epi64(next, last_column);
      right[v] = _mm256_sub_epi64(next, _mm256_and_si256(wrapped, columns));
      left[v] = _mm256_sub_epi64(all(row), wrapped);
      next = _mm256_add_epi64(next, four);
    }
    for (std::size_t r = 0; r < Permutation::kRounds; r += 2) {
      for (int v = 0; v < 2; ++v) left[v] = step(left[v], right[v], round[r], rows);
      for (int v = 0; v < 2; ++v) right[v] = step(right[v], left[v], round[r + 1], columns);
    }
    for (int v = 0; v < 2; ++v) {
      const __m256i index = _mm256_add_epi64(_mm256_mul_epu32(left[v], columns), right[v]);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(indexes + i + 4 * static_cast<unsigned>(v)),
                          index);
    }
  }
}

}  // namespace trawl::dataplane::internal
