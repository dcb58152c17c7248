#include "service/match/pattern_prefix.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "service/match/prefix_table.h"

namespace trawl::service {
namespace {

// "abc 2 [ab] [c] *": the least length, then what may stand at each place up to the first of the
// places behind which there is nothing but "*", anything. Branches are parted by '/'.
std::string prefix(std::string_view pattern, bool ignores_case = false) {
  const auto branches = read_pattern(pattern, ignores_case);
  if (!branches) return "?";
  std::string all;
  for (const PatternBranch& branch : *branches) {
    if (!all.empty()) all += " / ";
    const PatternPrefix prefix = pattern_prefix(branch);
    all += std::to_string(prefix.least);
    std::size_t known = prefix.sets.size();
    while (known > 0 && prefix.sets[known - 1] == ByteSet::all()) --known;
    for (std::size_t i = 0; i < known; ++i) {
      all += ' ';
      if (prefix.sets[i] == ByteSet::all()) all += '*';
      if (prefix.sets[i] == ByteSet::all()) continue;
      prefix.sets[i].for_each([&](unsigned char byte) { all += static_cast<char>(byte); });
    }
  }
  return all;
}

TEST(PatternPrefix, IsOfAnchoredBranchesOnly) {
  EXPECT_EQ(prefix("^abc"), "3 a b c");
  EXPECT_EQ(prefix("abc"), "3");
  EXPECT_EQ(prefix("^a.c|de|^f"), "3 a * c / 2 / 1 f");
  EXPECT_EQ(prefix("(?:^a|b)"), "1");
  EXPECT_EQ(prefix("^abcdefghij"), "10 a b c d e f g h");
  EXPECT_EQ(prefix(""), "0");
  EXPECT_EQ(prefix("^$"), "0");
}

TEST(PatternPrefix, FollowsWhatVaries) {
  EXPECT_EQ(prefix("^(?:ab|cde|f)g"), "2 acf bdg");
  EXPECT_EQ(prefix("^(?:ab|cd)g"), "3 ac bd g");
  EXPECT_EQ(prefix("^a?b"), "1 ab");
  EXPECT_EQ(prefix("^a*b"), "1 ab");
  EXPECT_EQ(prefix("^a+b"), "2 a ab");
  EXPECT_EQ(prefix("^a{2}b"), "3 a a b");
  EXPECT_EQ(prefix("^a{2,3}bc"), "4 a a ab bc");
  EXPECT_EQ(prefix("^(ab){2,}c"), "5 a b a b ac");
  EXPECT_EQ(prefix("^(a?){3}b"), "1 ab");
  EXPECT_EQ(prefix("^(?:a|b|)(?:c|)d"), "1 abcd");
  EXPECT_EQ(prefix("^a(?=x)(?!y)b"), "2 a b");
  EXPECT_EQ(prefix("^(.)\\1b"), "2");
  EXPECT_EQ(prefix("^a\\Rb"), "2 a");
  EXPECT_EQ(prefix("^(?:a{60000}){60000}"), "16777216 a a a a a a a a");
}

TEST(PatternPrefix, ReadsClasses) {
  EXPECT_EQ(prefix("^[abc]"), "1 abc");
  EXPECT_EQ(prefix("^[a-c\\d]"), "1 0123456789abc");
  EXPECT_EQ(prefix("^[]a-]"), "1 -]a");
  EXPECT_EQ(prefix("^[-+]"), "1 +-");
  EXPECT_EQ(prefix("^[\\x41-\\x43\\101\\t]"), "1 \tABC");
  EXPECT_EQ(prefix("^[\\]\\\\-_]"), "1 \\]^_");
  EXPECT_EQ(prefix("^[^\\x00-`{-\\xff]"), "1 abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(prefix("^\\d[\\b]"), "2 0123456789 \b");
  EXPECT_EQ(prefix("^\\s\\h"), "2 \t\n\v\f\r  \t \xa0");
  EXPECT_EQ(prefix("^\\v"), "1 \n\v\f\r\x85");
  // Known to be a byte, and no more.
  EXPECT_EQ(prefix("^[[:alpha:]]a"), "2 * a");
  EXPECT_EQ(prefix("^[^[:alpha:]]a"), "2 * a");
  EXPECT_EQ(prefix("^[\\x{41}]a"), "2 * a");
  EXPECT_EQ(prefix("^[a-\\d]b"), "2 * b");
}

TEST(PatternPrefix, LettersHaveTwoCases) {
  EXPECT_EQ(prefix("^aB[c-d]1\xe4", true), "5 Aa Bb CDcd 1 \xe4");
  EXPECT_EQ(prefix("^[^\\x00-`{-\\xff]", true), "1 ");
  EXPECT_EQ(prefix("^[^\\x00-@\\[-\\xff]", true), "1 ");
}

TEST(PrefixTable, TellsWhichPrefixesAResponseBeginsWith) {
  // Around the bits of a word.
  for (const std::size_t count : {0U, 1U, 63U, 64U, 65U, 200U}) {
    std::vector<ByteSet> sets{ByteSet::all(), {}};
    sets[1].add('x');
    for (unsigned char byte = 0; byte < 200; ++byte) {
      sets.emplace_back();
      sets.back().add(byte);
    }
    std::vector<PrefixSets> prefixes(count);
    // Each has its own byte at a place of its own.
    for (std::size_t i = 0; i < count; ++i) {
      prefixes[i][i % prefixes[i].size()] = static_cast<std::uint16_t>(i + 2);
    }
    const PrefixTable table{prefixes, sets};
    const auto ask = [&table](std::string_view response) {
      std::set<std::size_t> numbers;
      table.for_each(response, [&](std::size_t number) { numbers.insert(number); });
      return numbers;
    };
    EXPECT_EQ(ask("").size(), count);
    const std::string other(12, '\xff');
    EXPECT_EQ(ask(other).size(), 0U);
    for (std::size_t i = 0; i < count; ++i) {
      std::string response = other;
      response[i % 8] = static_cast<char>(i);
      EXPECT_EQ(ask(response), std::set<std::size_t>{i});
      // Prefixes whose byte is behind the end are allowed.
      const auto cut = ask(std::string_view{response}.substr(0, 4));
      for (std::size_t other_one = 0; other_one < count; ++other_one) {
        EXPECT_EQ(cut.contains(other_one), other_one % 8 >= 4 || other_one == i);
      }
    }
  }
}

}  // namespace
}  // namespace trawl::service
