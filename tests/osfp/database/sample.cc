#include "tests/osfp/database/sample.h"

#include <fmt/format.h>

#include <cstdlib>

namespace trawl::osfp {
namespace {

using Alternative = TestExpression::Alternative;
using Kind = TestExpression::Kind;

std::uint64_t below(std::uint64_t limit, std::mt19937_64& random) {
  return std::uniform_int_distribution<std::uint64_t>{0, limit - 1}(random);
}

std::string draw_value(const TestExpression& expression, std::mt19937_64& random) {
  const auto& all = expression.alternatives();
  const Alternative& one = all[below(all.size(), random)];
  if (one.kind == Kind::Literal) return one.text;
  if (one.kind == Kind::Range) {
    return fmt::format("{:X}", one.low + below(one.high - one.low + 1, random));
  }
  if (one.kind == Kind::Above) return fmt::format("{:X}", one.low + 1 + below(1000, random));
  return fmt::format("{:X}", below(one.high, random));
}

std::uint64_t number_of(std::string_view text) {
  return std::strtoull(std::string{text}.c_str(), nullptr, 16);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

}  // namespace

Fingerprint draw_sample(const OsDatabase& database, const OsEntry& entry, Straying straying,
                        std::mt19937_64& random) {
  Fingerprint sample;
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    const FingerprintLine line = line_at(i);
    if (straying == Straying::Measured && below(20, random) == 0) {
      sample.set(line, FingerprintTest::R, "N");
      continue;
    }
    for (const FingerprintTest test : tests_of(line)) {
      if (straying == Straying::Measured && below(15, random) == 0) continue;
      const OsEntry& other = straying == Straying::Measured && below(10, random) == 0
                                 ? database.entries[below(database.entries.size(), random)]
                                 : entry;
      const TestExpression* const asked = database.find(other, line, test);
      if (asked != nullptr) sample.set(line, test, draw_value(*asked, random));
    }
  }
  return sample;
}

bool matches_plainly(std::string_view expression, std::string_view value) {
  const std::size_t bar = expression.find('|');
  if (bar != std::string_view::npos) {
    return matches_plainly(expression.substr(0, bar), value) ||
           matches_plainly(expression.substr(bar + 1), value);
  }
  if (expression.empty()) return value.empty();
  if (expression.front() == '>') {
    return is_number(value) && number_of(value) > number_of(expression.substr(1));
  }
  if (expression.front() == '<') {
    return is_number(value) && number_of(value) < number_of(expression.substr(1));
  }
  const std::size_t dash = expression.find('-');
  if (dash != std::string_view::npos) {
    return is_number(value) && number_of(value) >= number_of(expression.substr(0, dash)) &&
           number_of(value) <= number_of(expression.substr(dash + 1));
  }
  return expression == value;
}

OsScore score_plainly(const OsDatabase& database, const OsEntry& entry,
                      const Fingerprint& measured) {
  OsScore score;
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    for (const FingerprintTest test : tests_of(line_at(i))) {
      const std::string* const value = measured.find(line_at(i), test);
      const TestExpression* const asked = database.find(entry, line_at(i), test);
      if (value == nullptr || asked == nullptr) continue;
      const std::uint32_t points = database.points[*place_of(line_at(i), test)];
      score.possible += points;
      if (matches_plainly(asked->text(), *value)) score.matched += points;
    }
  }
  return score;
}

}  // namespace trawl::osfp
