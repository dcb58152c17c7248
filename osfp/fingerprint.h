#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trawl::osfp {

// The thirteen lines of a fingerprint (Nmap book, "Understanding an Nmap Fingerprint"), in the
// order in which they are printed.
enum class FingerprintLine : std::uint8_t {
  Seq,
  Ops,
  Win,
  Ecn,
  T1,
  T2,
  T3,
  T4,
  T5,
  T6,
  T7,
  U1,
  Ie
};
inline constexpr std::size_t kFingerprintLines = 13;

// The names of tests. A name means the same on every line that has it.
enum class FingerprintTest : std::uint8_t {
  R,
  DF,
  T,
  TG,
  W,
  S,
  A,
  F,
  O,
  RD,
  Q,
  CC,  // Of one response.
  SP,
  GCD,
  ISR,
  TI,
  CI,
  II,
  SS,
  TS,  // Of sequences of them.
  O1,
  O2,
  O3,
  O4,
  O5,
  O6,
  W1,
  W2,
  W3,
  W4,
  W5,
  W6,  // OPS and WIN.
  IPL,
  UN,
  RIPL,
  RID,
  RIPCK,
  RUCK,
  RUD,  // Of a port unreachable error.
  DFI,
  CD  // Of two echo replies.
};
inline constexpr std::size_t kFingerprintTests = 41;

[[nodiscard]] std::string_view to_string(FingerprintLine line) noexcept;
[[nodiscard]] std::string_view to_string(FingerprintTest test) noexcept;
[[nodiscard]] std::optional<FingerprintLine> find_line(std::string_view name) noexcept;
[[nodiscard]] std::optional<FingerprintTest> find_test(std::string_view name) noexcept;

[[nodiscard]] constexpr FingerprintLine line_at(std::size_t index) noexcept {
  return static_cast<FingerprintLine>(index);
}
[[nodiscard]] constexpr std::size_t index_of(FingerprintLine line) noexcept {
  return static_cast<std::size_t>(line);
}
// The tests that a line may have, in the order in which they are printed.
[[nodiscard]] std::span<const FingerprintTest> tests_of(FingerprintLine line) noexcept;

// The places of all lines' tests, numbered from 0 in printing order.
inline constexpr std::size_t kFingerprintPlaces = 122;
// nullopt when the line has no such test.
[[nodiscard]] std::optional<std::size_t> place_of(FingerprintLine line,
                                                  FingerprintTest test) noexcept;

// What one host answered in one round of probes: a value for some of the tests of some lines, each
// as it is printed. That a test is absent (nothing is known) is not the same as an empty value.
class Fingerprint {
 public:
  // nullptr when there is no value, or the line has no such test.
  [[nodiscard]] const std::string* find(FingerprintLine line, FingerprintTest test) const noexcept;
  [[nodiscard]] bool has(FingerprintLine line) const noexcept;
  // Needs a test that the line has.
  void set(FingerprintLine line, FingerprintTest test, std::string value);
  void clear(FingerprintLine line) noexcept;

  // "T2(R=N)"; empty for a line without values.
  [[nodiscard]] std::string print(FingerprintLine line) const;
  // All lines that have values, each ended by a newline.
  [[nodiscard]] std::string print() const;
  // Reads what print() writes, and what scanners print for one round: line breaks and "OS:"
  // prefixes may be anywhere, and a SCAN line is passed over. Fails with BadInput, naming what is
  // wrong.
  [[nodiscard]] static Result<Fingerprint> parse(std::string_view text);

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;

 private:
  std::array<std::optional<std::string>, kFingerprintPlaces> values_;
};

}  // namespace trawl::osfp
