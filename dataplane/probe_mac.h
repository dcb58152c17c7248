#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace trawl::dataplane {

// The 128-bit secret of one scan.
using ScanKey = std::array<std::uint8_t, 16>;

// One AES block, as four words in host order. Not initialised: arrays of them are scratch space.
struct alignas(16) MacBlock {
  std::array<std::uint32_t, 4> words;
};
static_assert(sizeof(MacBlock) == 16);

// A keyed MAC over one block: AES-128 (FIPS 197) of it under the scan key.
//
// Batches run on VAES (512 or 256 bits), AES-NI or portable code, chosen once at run time; all give
// the same bytes, so a survey begun on one machine is validated on another.
//
// Thread: immutable once made. Cost: bench/dataplane/probe_mac_bench.cc.
class ProbeMac {
 public:
  enum class Implementation { Portable, AesNi, Vaes256, Vaes512 };

  // Uses the fastest implementation this processor has.
  explicit ProbeMac(const ScanKey& key) noexcept;
  // Needs `implementation` to be among supported().
  ProbeMac(const ScanKey& key, Implementation implementation) noexcept;

  // Replaces every block by its MAC.
  void apply(std::span<MacBlock> blocks) const noexcept { apply_(round_keys_, blocks); }

  // Slowest first.
  [[nodiscard]] static std::vector<Implementation> supported();
  [[nodiscard]] static std::string_view name(Implementation implementation) noexcept;
  [[nodiscard]] Implementation implementation() const noexcept { return implementation_; }

  struct alignas(16) RoundKeys {
    std::array<std::array<std::uint8_t, 16>, 11> bytes{};
  };

 private:
  using Apply = void (*)(const RoundKeys&, std::span<MacBlock>) noexcept;

  RoundKeys round_keys_;
  Implementation implementation_;
  Apply apply_;
};

}  // namespace trawl::dataplane
