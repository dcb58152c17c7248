#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "osfp/database/os_database.h"
#include "osfp/fingerprint.h"

namespace trawl::osfp {

// How well an entry fits: of the points of all tests that it and the measured fingerprint have,
// those of the tests that match (Nmap book, "OS Matching Algorithms").
struct OsScore {
  std::uint32_t matched = 0;
  std::uint32_t possible = 0;  // 0 when nothing could be compared; then the entry fits not at all.

  [[nodiscard]] constexpr bool is_perfect() const noexcept {
    return possible > 0 && matched == possible;
  }
  // Of a hundred, rounded down, as reports tell it: 99 is not perfect.
  [[nodiscard]] constexpr unsigned percent() const noexcept {
    return possible == 0 ? 0 : static_cast<unsigned>(std::uint64_t{matched} * 100 / possible);
  }
  friend bool operator==(const OsScore&, const OsScore&) = default;
};

// The fits of measured fingerprints with all entries of a database.
//
// Entries share most of what they ask: 5,678 have 15,000 different lines, and those fewer different
// tests still. So each different test is judged once for a host, then each different line is added
// up, then each entry adds up its thirteen lines, without a branch.
//
// Thread: immutable once made, so all threads share one.
// Cost:   score() is timed by bench/osfp/os_scorer_bench.cc.
class OsScorer {
 public:
  explicit OsScorer(std::shared_ptr<const OsDatabase> database);

  // A fit for each entry, in their order.
  [[nodiscard]] std::vector<OsScore> score(const Fingerprint& measured) const;

  [[nodiscard]] const OsDatabase& database() const noexcept { return *database_; }

 private:
  // One alternative of a test. Literals are numbered, so that they compare as numbers do.
  struct Alternative {
    TestExpression::Kind kind = TestExpression::Kind::Literal;
    std::uint32_t literal = 0;
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };
  // The points matched (lower half) and possible (upper half), which add up as one number.
  using Points = std::uint64_t;
  using EntryLines = std::array<std::uint32_t, kFingerprintLines>;

  // Numbers the different tests by place; gives their numbers by expression.
  using TestNumbers = std::unordered_map<std::uint32_t, std::uint32_t>;
  [[nodiscard]] std::array<TestNumbers, kFingerprintPlaces> add_tests();
  void add_test(const TestExpression& expression);
  void add_lines(const std::array<TestNumbers, kFingerprintPlaces>& numbers);
  [[nodiscard]] std::vector<Points> judge_tests(const Fingerprint& measured) const;
  void judge_place(std::size_t place, const std::string& value, std::vector<Points>& tests) const;
  [[nodiscard]] std::vector<Points> add_up_lines(const std::vector<Points>& tests) const;

  std::shared_ptr<const OsDatabase> database_;
  std::unordered_map<std::string, std::uint32_t> literals_;
  // Each of these says where the parts of one thing begin in the next list; one more is behind the
  // last.
  std::array<std::uint32_t, kFingerprintPlaces + 1> place_tests_{};
  std::vector<std::uint32_t> test_alternatives_;
  std::vector<Alternative> alternatives_;
  std::vector<std::uint32_t> line_starts_;  // Of each different line.
  std::vector<std::uint32_t> line_tests_;
  std::vector<EntryLines> entry_lines_;  // The numbers of its lines.
};

}  // namespace trawl::osfp
