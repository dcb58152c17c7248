#include "osfp/database/os_scorer.h"

#include <algorithm>
#include <map>
#include <utility>

namespace trawl::osfp {
namespace {

constexpr unsigned kHalf = 32;

// The line that each place is on, and its test.
struct PlaceName {
  FingerprintLine line = FingerprintLine::Seq;
  FingerprintTest test = FingerprintTest::R;
};

const std::array<PlaceName, kFingerprintPlaces>& place_names() {
  static const auto kNames = [] {
    std::array<PlaceName, kFingerprintPlaces> names{};
    std::size_t place = 0;
    for (std::size_t i = 0; i < kFingerprintLines; ++i) {
      for (const FingerprintTest test : tests_of(line_at(i))) names[place++] = {line_at(i), test};
    }
    return names;
  }();
  return kNames;
}

}  // namespace

OsScorer::OsScorer(std::shared_ptr<const OsDatabase> database) : database_{std::move(database)} {
  add_lines(add_tests());
}

std::array<OsScorer::TestNumbers, kFingerprintPlaces> OsScorer::add_tests() {
  std::array<TestNumbers, kFingerprintPlaces> numbers;
  // Which expressions there are at each place, in the order in which they first come.
  std::array<std::vector<std::uint32_t>, kFingerprintPlaces> expressions;
  for (const OsEntry& entry : database_->entries) {
    for (const OsTest& test : entry.tests) {
      if (numbers[test.place].emplace(test.expression, 0).second) {
        expressions[test.place].push_back(test.expression);
      }
    }
  }
  test_alternatives_.push_back(0);
  for (std::size_t place = 0; place < kFingerprintPlaces; ++place) {
    place_tests_[place] = static_cast<std::uint32_t>(test_alternatives_.size() - 1);
    for (const std::uint32_t expression : expressions[place]) {
      numbers[place][expression] = static_cast<std::uint32_t>(test_alternatives_.size() - 1);
      add_test(database_->expressions[expression]);
    }
  }
  place_tests_.back() = static_cast<std::uint32_t>(test_alternatives_.size() - 1);
  return numbers;
}

void OsScorer::add_test(const TestExpression& expression) {
  for (const TestExpression::Alternative& one : expression.alternatives()) {
    Alternative& added = alternatives_.emplace_back();
    added.kind = one.kind;
    added.low = one.low;
    added.high = one.high;
    if (one.kind == TestExpression::Kind::Literal) {
      const auto number = static_cast<std::uint32_t>(literals_.size());
      added.literal = literals_.emplace(one.text, number).first->second;
    }
  }
  test_alternatives_.push_back(static_cast<std::uint32_t>(alternatives_.size()));
}

void OsScorer::add_lines(const std::array<TestNumbers, kFingerprintPlaces>& numbers) {
  std::map<std::vector<std::uint32_t>, std::uint32_t> known;
  line_starts_.push_back(0);
  entry_lines_.reserve(database_->entries.size());
  for (const OsEntry& entry : database_->entries) {
    std::array<std::vector<std::uint32_t>, kFingerprintLines> lines;
    for (const OsTest& test : entry.tests) {
      lines[index_of(place_names()[test.place].line)].push_back(
          numbers[test.place].at(test.expression));
    }
    EntryLines& of_entry = entry_lines_.emplace_back();
    for (std::size_t i = 0; i < kFingerprintLines; ++i) {
      const auto number = static_cast<std::uint32_t>(known.size());
      const auto [at, is_new] = known.emplace(lines[i], number);
      of_entry[i] = at->second;
      if (!is_new) continue;
      line_tests_.insert(line_tests_.end(), lines[i].begin(), lines[i].end());
      line_starts_.push_back(static_cast<std::uint32_t>(line_tests_.size()));
    }
  }
}

void OsScorer::judge_place(std::size_t place, const std::string& value,
                           std::vector<Points>& tests) const {
  const Points worth = database_->points[place];
  const auto known = literals_.find(value);
  const bool has_literal = known != literals_.end();
  const std::uint32_t literal = has_literal ? known->second : 0;
  const auto number = hexadecimal(value);
  for (std::uint32_t test = place_tests_[place]; test < place_tests_[place + 1]; ++test) {
    const auto matches = [&](const Alternative& one) {
      if (one.kind == TestExpression::Kind::Literal) return has_literal && one.literal == literal;
      return number && holds(one.kind, one.low, one.high, *number);
    };
    const auto begin = alternatives_.begin();
    const bool is_match = std::any_of(begin + test_alternatives_[test],
                                      begin + test_alternatives_[test + 1], matches);
    tests[test] = worth << kHalf | (is_match ? worth : 0);
  }
}

std::vector<OsScorer::Points> OsScorer::judge_tests(const Fingerprint& measured) const {
  // What was not measured, or is worth nothing, stays without points.
  std::vector<Points> tests(place_tests_.back(), 0);
  for (std::size_t place = 0; place < kFingerprintPlaces; ++place) {
    if (database_->points[place] == 0) continue;
    const PlaceName name = place_names()[place];
    const std::string* const value = measured.find(name.line, name.test);
    if (value != nullptr) judge_place(place, *value, tests);
  }
  return tests;
}

std::vector<OsScorer::Points> OsScorer::add_up_lines(const std::vector<Points>& tests) const {
  std::vector<Points> lines(line_starts_.size() - 1, 0);
  for (std::size_t line = 0; line < lines.size(); ++line) {
    Points sum = 0;
    for (std::uint32_t i = line_starts_[line]; i < line_starts_[line + 1]; ++i) {
      sum += tests[line_tests_[i]];
    }
    lines[line] = sum;
  }
  return lines;
}

std::vector<OsScore> OsScorer::score(const Fingerprint& measured) const {
  const std::vector<Points> lines = add_up_lines(judge_tests(measured));
  std::vector<OsScore> scores(entry_lines_.size());
  for (std::size_t entry = 0; entry < scores.size(); ++entry) {
    Points sum = 0;
    for (const std::uint32_t line : entry_lines_[entry]) sum += lines[line];
    scores[entry] = {.matched = static_cast<std::uint32_t>(sum),
                     .possible = static_cast<std::uint32_t>(sum >> kHalf)};
  }
  return scores;
}

}  // namespace trawl::osfp
