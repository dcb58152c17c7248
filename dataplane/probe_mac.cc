#include "dataplane/probe_mac.h"

#include <cpuid.h>

#include "dataplane/internal/aes_blocks.h"

namespace trawl::dataplane {
namespace {

using Implementation = ProbeMac::Implementation;

// FIPS 197 section 5.2, for 128-bit keys.
ProbeMac::RoundKeys expand(const ScanKey& key) noexcept {
  ProbeMac::RoundKeys keys;
  keys.bytes[0] = key;
  std::uint8_t constant = 1;
  for (std::size_t round = 1; round < keys.bytes.size(); ++round) {
    const auto& before = keys.bytes[round - 1];
    auto& now = keys.bytes[round];
    for (std::size_t i = 0; i < 4; ++i) {
      now[i] = before[i] ^ internal::aes_sbox(before[12 + (i + 1) % 4]);
    }
    now[0] ^= constant;
    for (std::size_t i = 4; i < 16; ++i) now[i] = before[i] ^ now[i - 4];
    constant = static_cast<std::uint8_t>((constant << 1U) ^ ((constant >> 7U) * 0x1bU));
  }
  return keys;
}

auto function_of(Implementation implementation) noexcept {
  switch (implementation) {
    case Implementation::Portable: return &internal::aes_portable;
    case Implementation::AesNi: return &internal::aes_ni;
    case Implementation::Vaes256: return &internal::aes_vaes256;
    case Implementation::Vaes512: return &internal::aes_vaes512;
  }
  return &internal::aes_portable;
}

// CPUID leaf 7, ECX bit 9. clang 14's __builtin_cpu_supports() does not know the name.
bool cpu_has_vaes() noexcept {
  constexpr unsigned kVaes = 1U << 9U;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kVaes) != 0;
}

}  // namespace

ProbeMac::ProbeMac(const ScanKey& key) noexcept : ProbeMac{key, supported().back()} {}

ProbeMac::ProbeMac(const ScanKey& key, Implementation implementation) noexcept
    : round_keys_{expand(key)},
      implementation_{implementation},
      apply_{function_of(implementation)} {}

std::vector<Implementation> ProbeMac::supported() {
  std::vector<Implementation> found{Implementation::Portable};
  __builtin_cpu_init();
  if (__builtin_cpu_supports("aes") == 0 || __builtin_cpu_supports("sse4.1") == 0) return found;
  found.push_back(Implementation::AesNi);
  const bool vaes = cpu_has_vaes();
  if (vaes && __builtin_cpu_supports("avx2") != 0) found.push_back(Implementation::Vaes256);
  if (vaes && __builtin_cpu_supports("avx512f") != 0) found.push_back(Implementation::Vaes512);
  return found;
}

std::string_view ProbeMac::name(Implementation implementation) noexcept {
  switch (implementation) {
    case Implementation::Portable: return "portable";
    case Implementation::AesNi: return "aes-ni";
    case Implementation::Vaes256: return "vaes-256";
    case Implementation::Vaes512: return "vaes-512";
  }
  return "portable";
}

}  // namespace trawl::dataplane
