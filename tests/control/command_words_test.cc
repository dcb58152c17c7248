#include "control/audit/command_words.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace trawl::control {
namespace {

using enum ArgumentUse;

constexpr std::array<OptionName, 9> kNames{{{"n", None},
                                            {"v", Optional},
                                            {"p", Required},
                                            {"s", Required},
                                            {"oX", Required},
                                            {"script", Required},
                                            {"script-args", Required},
                                            {"open", None},
                                            {"osscan-limit", None}}};

// "n v=3 p=22 | host": options with their values, then operands.
std::string split(std::vector<const char*> words) {
  const auto split = split_command_words(words, kNames, "trawl");
  if (!split) return split.error().message;
  std::string text;
  for (const OptionWord& word : split->options) {
    text += std::string{kNames[word.number].name} + (word.has_value ? "=" + word.value : "") + " ";
  }
  text += "|";
  for (const std::string& operand : split->operands) text += " " + operand;
  return text;
}

TEST(CommandWords, OptionsAndOperandsComeInAnyOrder) {
  EXPECT_EQ(split({"a", "-n", "b", "-p", "22", "c"}), "n p=22 | a b c");
}

TEST(CommandWords, LettersJoinUntilOneHasAValue) {
  EXPECT_EQ(split({"-nv3"}), "n v=3 |");
  EXPECT_EQ(split({"-nnp22"}), "n n p=22 |");
  EXPECT_EQ(split({"-vv"}), "v=v |");
  EXPECT_EQ(split({"-v", "3"}), "v | 3");
  EXPECT_EQ(split({"-sL"}), "s=L |");
}

TEST(CommandWords, LongOnesHaveOneDashOrTwoAndMayBeShortened) {
  EXPECT_EQ(split({"-oX", "f"}), "oX=f |");
  EXPECT_EQ(split({"-oX=f"}), "oX=f |");
  EXPECT_EQ(split({"--open", "-open", "--op"}), "open open open |");
  EXPECT_EQ(split({"--script", "x", "--script-a=y"}), "script=x script-args=y |");
}

TEST(CommandWords, BehindTwoDashesEverythingIsAnOperand) {
  EXPECT_EQ(split({"-n", "--", "-1.2.3.4", "-n"}), "n | -1.2.3.4 -n");
  EXPECT_EQ(split({"-"}), "| -");
}

TEST(CommandWords, MistakesAreWordedAsGetoptWordsThem) {
  EXPECT_EQ(split({"--foo"}), "trawl: unrecognized option '--foo'");
  EXPECT_EQ(split({"--foo=1"}), "trawl: unrecognized option '--foo'");
  EXPECT_EQ(split({"-q"}), "trawl: unrecognized option '-q'");
  EXPECT_EQ(split({"-nq"}), "trawl: invalid option -- 'q'");
  EXPECT_EQ(split({"-p"}), "trawl: option requires an argument -- 'p'");
  EXPECT_EQ(split({"--script"}), "trawl: option '--script' requires an argument");
  EXPECT_EQ(split({"-oX"}), "trawl: option '-oX' requires an argument");
  EXPECT_EQ(split({"--open=1"}), "trawl: option '--open' doesn't allow an argument");
  EXPECT_EQ(split({"--scri"}),
            "trawl: option '--scri' is ambiguous; possibilities: '--script' '--script-args'");
}

TEST(CommandWords, KeepsTheWordsOfOptionsForThoseWhoTellOfThem) {
  const std::vector<const char*> words{"host", "-p", "22", "-n"};
  const auto split = split_command_words(words, kNames, "trawl");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->option_words, (std::vector<std::string>{"-p", "22", "-n"}));
}

}  // namespace
}  // namespace trawl::control
