#include <immintrin.h>

#include <cstring>

#include "dataplane/internal/aes_blocks.h"

namespace trawl::dataplane::internal {
namespace {

constexpr std::size_t kRounds = 10;
// Blocks or vectors in flight: AES instructions take 3-4 cycles but start every cycle or half.
constexpr std::size_t kInFlight = 8;

}  // namespace

[[gnu::target("aes,sse4.1")]] void aes_ni(const ProbeMac::RoundKeys& keys,
                                          std::span<MacBlock> blocks) noexcept {
  __m128i key[kRounds + 1];
  for (std::size_t r = 0; r <= kRounds; ++r) {
    key[r] = _mm_load_si128(reinterpret_cast<const __m128i*>(keys.bytes[r].data()));
  }
  auto* at = reinterpret_cast<__m128i*>(blocks.data());
  std::size_t left = blocks.size();
  for (; left >= kInFlight; left -= kInFlight, at += kInFlight) {
    __m128i x[kInFlight];
    for (std::size_t i = 0; i < kInFlight; ++i)
      x[i] = _mm_xor_si128(_mm_load_si128(at + i), key[0]);
    for (std::size_t r = 1; r < kRounds; ++r) {
      for (auto& block : x) block = _mm_aesenc_si128(block, key[r]);
    }
    for (std::size_t i = 0; i < kInFlight; ++i) {
      _mm_store_si128(at + i, _mm_aesenclast_si128(x[i], key[kRounds]));
    }
  }
  for (; left > 0; --left, ++at) {
    __m128i x = _mm_xor_si128(_mm_load_si128(at), key[0]);
    for (std::size_t r = 1; r < kRounds; ++r) x = _mm_aesenc_si128(x, key[r]);
    _mm_store_si128(at, _mm_aesenclast_si128(x, key[kRounds]));
  }
}

[[gnu::target("vaes,avx2,aes")]] void aes_vaes256(const ProbeMac::RoundKeys& keys,
                                                  std::span<MacBlock> blocks) noexcept {
  constexpr std::size_t kPerVector = 2;
  __m256i key[kRounds + 1];
  for (std::size_t r = 0; r <= kRounds; ++r) {
    key[r] = _mm256_broadcastsi128_si256(
        _mm_load_si128(reinterpret_cast<const __m128i*>(keys.bytes[r].data())));
  }
  auto* at = reinterpret_cast<__m256i*>(blocks.data());
  std::size_t left = blocks.size();
  constexpr std::size_t kStep = kInFlight * kPerVector;
  for (; left >= kStep; left -= kStep, at += kInFlight) {
    __m256i x[kInFlight];
    for (std::size_t i = 0; i < kInFlight; ++i) {
      x[i] = _mm256_xor_si256(_mm256_loadu_si256(at + i), key[0]);
    }
    for (std::size_t r = 1; r < kRounds; ++r) {
      for (auto& pair : x) pair = _mm256_aesenc_epi128(pair, key[r]);
    }
    for (std::size_t i = 0; i < kInFlight; ++i) {
      _mm256_storeu_si256(at + i, _mm256_aesenclast_epi128(x[i], key[kRounds]));
    }
  }
  aes_ni(keys, blocks.last(left));
}

[[gnu::target("vaes,avx512f,aes")]] void aes_vaes512(const ProbeMac::RoundKeys& keys,
                                                     std::span<MacBlock> blocks) noexcept {
  constexpr std::size_t kPerVector = 4;
  constexpr std::size_t kVectors = 4;
  constexpr __mmask16 kAllLanes = 0xffff;
  __m512i key[kRounds + 1];
  for (std::size_t r = 0; r <= kRounds; ++r) {
    // The masked form: g++ 12 takes the plain one for a use of uninitialised memory.
    key[r] = _mm512_maskz_broadcast_i32x4(
        kAllLanes, _mm_load_si128(reinterpret_cast<const __m128i*>(keys.bytes[r].data())));
  }
  auto* at = reinterpret_cast<MacBlock*>(blocks.data());
  std::size_t left = blocks.size();
  constexpr std::size_t kStep = kVectors * kPerVector;
  for (; left >= kStep; left -= kStep, at += kStep) {
    __m512i x[kVectors];
    for (std::size_t i = 0; i < kVectors; ++i) {
      x[i] = _mm512_xor_si512(_mm512_loadu_si512(at + i * kPerVector), key[0]);
    }
    for (std::size_t r = 1; r < kRounds; ++r) {
      for (auto& four : x) four = _mm512_aesenc_epi128(four, key[r]);
    }
    for (std::size_t i = 0; i < kVectors; ++i) {
      _mm512_storeu_si512(at + i * kPerVector, _mm512_aesenclast_epi128(x[i], key[kRounds]));
    }
  }
  aes_ni(keys, blocks.last(left));
}

}  // namespace trawl::dataplane::internal
