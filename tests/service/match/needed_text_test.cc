#include "service/match/needed_text.h"

#include <gtest/gtest.h>

#include <string>

#include "service/match/text_choice.h"

namespace trawl::service {
namespace {

using namespace std::string_literals;

std::vector<NeededText> needed(std::string_view pattern) {
  const auto branches = read_pattern(pattern, false);
  return branches && branches->size() == 1 ? needed_texts(branches->front())
                                           : std::vector<NeededText>{};
}

// "abc@0 def / ghi": each text of each branch, with its offset where it is sure; "?" for a pattern
// that is not understood.
std::string texts(std::string_view pattern) {
  const auto branches = read_pattern(pattern, false);
  if (!branches) return "?";
  std::string all;
  for (const PatternBranch& branch : *branches) {
    if (&branch != &branches->front()) all += " /";
    for (const NeededText& text : needed_texts(branch)) {
      if (!all.empty()) all += ' ';
      all += text.bytes;
      if (text.offset) all += '@' + std::to_string(*text.offset);
    }
  }
  return all;
}

TEST(NeededText, TakesBytesBetweenWhatVaries) {
  EXPECT_EQ(texts("SSH-"), "SSH-");
  EXPECT_EQ(texts("^SSH-([\\d.]+)-Open"), "SSH-@0 -Open");
  EXPECT_EQ(texts("^a.b[cd]e\\d"), "a@0 b@2 e@4");
  EXPECT_EQ(texts("^ab$"), "ab@0");
  EXPECT_EQ(texts("a\\b-\\Bc"), "a-c");
  EXPECT_EQ(texts("a^b"), "ab");
}

TEST(NeededText, NestedRepeatsHoldNoMoreThanIsNeeded) {
  std::string pattern{"ab"};
  for (int depth = 0; depth < 45; ++depth) pattern = "(" + pattern + "c)+";
  EXPECT_LE(needed("^x" + pattern + "d").size(), 20'000U);
}

TEST(NeededText, KeepsOffsetsOnlyWhileWidthsAreSure) {
  EXPECT_EQ(texts("^..ab"), "ab@2");
  EXPECT_EQ(texts("^.{2}ab"), "ab@2");
  EXPECT_EQ(texts("^.?ab"), "ab");
  EXPECT_EQ(texts("^a+b"), "a@0 ab");
  EXPECT_EQ(texts("^\\Rab"), "ab");
  EXPECT_EQ(texts("^(.)\\1ab"), "ab");
}

TEST(NeededText, LeavesOutWhatMayBeAbsent) {
  EXPECT_EQ(texts("ab?c"), "a c");
  EXPECT_EQ(texts("ab*c"), "a c");
  EXPECT_EQ(texts("ab{0,2}c"), "a c");
  EXPECT_EQ(texts("a(?:bcd)?e"), "a e");
  EXPECT_EQ(texts("a(?:b|cd)e"), "a e");
  EXPECT_EQ(texts("^(?:ab|cd)ef"), "ef");
  EXPECT_EQ(texts("a(b|)c"), "a c");
}

TEST(NeededText, IsOfEachBranch) {
  EXPECT_EQ(texts("abc|abd"), "abc / abd");
  EXPECT_EQ(texts("^abc|abd|^.e(f|g)|"), "abc@0 / abd / e@1 /");
  EXPECT_EQ(texts("a[|]b"), "a|b");
  EXPECT_EQ(texts("a\\|b"), "a|b");
}

TEST(NeededText, RepeatsTouchBothNeighbours) {
  EXPECT_EQ(texts("ab+c"), "ab bc");
  EXPECT_EQ(texts("ab+?c"), "ab bc");
  EXPECT_EQ(texts("ab++c"), "ab bc");
  EXPECT_EQ(texts("a(bc){2}d"), "abcbcd");
  EXPECT_EQ(texts("a(bc){2,}d"), "abc bcd");
  EXPECT_EQ(texts("a(bc){2,5}d"), "abc bcd");
  // Not a counter but bytes.
  EXPECT_EQ(texts("a{b}"), "a{b}");
}

TEST(NeededText, GroupsAreWalkedAndLookAroundsSkipped) {
  EXPECT_EQ(texts("a(b(?:c)d)e"), "abcde");
  EXPECT_EQ(texts("a(?>b)c"), "abc");
  EXPECT_EQ(texts("^ab(?!cd)(?=ef)e(?<=e)(?<!x)g"), "abeg@0");
}

TEST(NeededText, ReadsEscapes) {
  EXPECT_EQ(texts("\\r\\n\\t\\f\\a\\e"), "\r\n\t\f\a\033");
  EXPECT_EQ(texts("\\x41\\x4az\\x0"), "AJz\0"s);
  EXPECT_EQ(texts("\\0\\01\\0012"), "\0\1\0012"s);
  EXPECT_EQ(texts("\\.\\/\\\\\\|"), "./\\|");
  EXPECT_EQ(texts("a\\wb\\Sc\\Nd"), "a b c d");
  EXPECT_EQ(texts("\xff\\xfe"), "\xff\xfe");
}

TEST(NeededText, ReadsClasses) {
  EXPECT_EQ(texts("a[.]b[\\x41]c"), "a.bAc");
  EXPECT_EQ(texts("a[]b]c"), "a c");
  EXPECT_EQ(texts("a[^]b]c"), "a c");
  EXPECT_EQ(texts("a[\\]b]c"), "a c");
  EXPECT_EQ(texts("a[^b]c"), "a c");
  EXPECT_EQ(texts("a[[:alpha:]]c"), "a c");
  EXPECT_EQ(texts("a[[b]c"), "a c");
}

TEST(NeededText, IsSureOfNothingWhereItDoesNotUnderstand) {
  for (const char* pattern :
       {"(?i)abc", "a(?i:b)c", "(?x) a b c", "(*UTF)abc", "(*CR)abc",    "a(?P<n>b)c", "a(?<n>b)c",
        "a(?#b)c", "(?|a|b)c", "a\\Qb\\Ec",  "a\\12b",    "a\\x{41}b",   "a\\o{101}b", "a\\cAb",
        "a\\Kbc",  "a\\g1b",   "a\\p{L}b",   "a\\81",     "a[\\Q]\\E]b", "a[[.b.]]c",  "a[[:<:]]c",
        "^*ab",    "\\b+ab",   "a{,2}b",     "a{2}{3}b",  "abc(",        "abc)",       "abc[",
        "abc\\",   "*abc",     "(?(1)a|b)c", "a(?R)?b"}) {
    EXPECT_EQ(texts(pattern), "?") << pattern;
  }
}

TEST(NeededText, BoundsWhatPatternsCost) {
  EXPECT_EQ(texts("^" + std::string(100, '(') + "a" + std::string(100, ')')), "?");
  std::size_t bytes = 0;
  for (const auto& text : needed("((((a{60000}){60000}){60000}b){60000}){60000}c")) {
    bytes += text.bytes.size();
  }
  EXPECT_LE(bytes, 50'000U);
  EXPECT_GE(bytes, 1U);
}

std::vector<std::optional<ChosenText>> choose(const std::vector<std::string>& patterns) {
  std::vector<std::vector<NeededText>> all;
  for (const std::string& pattern : patterns) all.push_back(needed(pattern));
  return choose_texts(all);
}

TEST(TextChoice, PrefersWhatFewLinesHave) {
  const auto chosen = choose(
      {"^HTTP/1.0 200 OK (Alpha)", "^HTTP/1.0 200 OK .*Beta", "^HTTP/1.0 200 OK .*Gamma", "[abc]"});
  EXPECT_EQ(chosen[1]->bytes, "Beta");
  EXPECT_EQ(chosen[2]->bytes, "Gamma");
  EXPECT_FALSE(chosen[3]);
  // A long one is cut to what is behind the rare bytes; more of it stays where it was. The dot in
  // the version number is any byte.
  EXPECT_EQ(chosen[0]->bytes, "OK Alpha");
  EXPECT_EQ(chosen[0]->fixed->bytes, "0 200 OK Alpha");
  EXPECT_EQ(chosen[0]->fixed->offset, 7U);
}

TEST(TextChoice, TakesTheLongerOfTwoRareOnes) {
  EXPECT_EQ(choose({"ab.cdef.g"})[0]->bytes, "cdef");
  EXPECT_EQ(choose({"a.bc.d"})[0]->bytes, "bc");
}

TEST(TextChoice, TakesAShortOneOnlyWhereThereIsNoOther) {
  EXPECT_EQ(choose({"SSH-.rad", "SSH-.abc"})[0]->bytes, "SSH-");
  EXPECT_EQ(choose({"SSH.rad", "SSH.abc"})[0]->bytes, "rad");
}

TEST(TextChoice, TellsATextWhosePlaceIsSure) {
  const auto chosen =
      choose({"^ab.cdefg", "^ab.*cdefg", "ab.*cdefg", "^(?:a|b)c.*defg", "^ab.cdefg.*hijklm"});
  EXPECT_EQ(chosen[0]->fixed->bytes, "cdefg");
  EXPECT_EQ(chosen[0]->fixed->offset, 3U);
  EXPECT_EQ(chosen[1]->fixed->bytes, "ab");
  EXPECT_EQ(chosen[1]->fixed->offset, 0U);
  EXPECT_FALSE(chosen[2]->fixed);
  EXPECT_FALSE(chosen[3]->fixed);
  EXPECT_EQ(chosen[4]->bytes, "hijklm");
  EXPECT_EQ(chosen[4]->fixed->bytes, "cdefg");
}

}  // namespace
}  // namespace trawl::service
