#include "control/survey/quantity.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

TEST(Duration, AcceptsEveryUnit) {
  const std::pair<const char*, std::chrono::nanoseconds> cases[] = {
      {"8", 8s},       {"8s", 8s},      {"500ms", 500ms},     {"2m", 2min},
      {"1h", 1h},      {"1.5h", 90min}, {"1d", 24h},          {"0", 0s},
      {"0.25", 250ms}, {".5s", 500ms},  {"3650d", 24h * 3650}};
  for (const auto& [text, want] : cases) {
    const auto got = parse_duration(text, "--cooldown");
    ASSERT_TRUE(got) << text << ": " << got.error().message;
    EXPECT_EQ(*got, want) << text;
  }
}

TEST(Duration, RefusesEverythingElseNamingTheOptionAndTheForms) {
  for (const std::string text : {"", "-1", "s", "1x", "1 s", " 1", "1e3", "nan", "inf", "1.2.3",
                                 ".", "8S", "8ss", "0x10", "+1"}) {
    const auto got = parse_duration(text, "--cooldown");
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, ExitCode::Usage);
    EXPECT_TRUE(got.error().message.starts_with("--cooldown: \"" + text + "\""));
    EXPECT_NE(got.error().message.find("such as 8, 500ms or 2m"), std::string::npos);
  }
}

TEST(Duration, RefusesWhatWouldOverflow) {
  for (const std::string& text :
       {std::string{"3651d"}, std::string(20, '9'), std::string(400, '9')}) {
    EXPECT_FALSE(parse_duration(text, "--max-runtime")) << text;
  }
}

std::uint64_t limit(std::string_view text, std::uint64_t total) {
  const auto got = TargetLimit::parse(text, "--max-targets");
  if (!got) ADD_FAILURE() << got.error().message;
  return got ? got->of(total) : 0;
}

TEST(TargetLimit, CountsWithMultipliers) {
  constexpr std::uint64_t kAll = std::uint64_t{1} << 48U;
  EXPECT_EQ(limit("1000", kAll), 1000U);
  EXPECT_EQ(limit("10k", kAll), 10'000U);
  EXPECT_EQ(limit("1M", kAll), 1'000'000U);
  EXPECT_EQ(limit("1.1M", kAll), 1'100'000U);
  EXPECT_EQ(limit("1.001k", kAll), 1001U);  // 1000.9999999999999 in binary fractions.
  EXPECT_EQ(limit("0.5k", kAll), 500U);
  EXPECT_EQ(limit("4.2g", kAll), 4'200'000'000U);
  EXPECT_EQ(limit("281474976710656", kAll), kAll);
}

TEST(TargetLimit, NeverExceedsTheSpace) {
  EXPECT_EQ(limit("1000", 10), 10U);
  EXPECT_EQ(limit("100%", 10), 10U);
  EXPECT_EQ(limit("1", 0), 0U);
  EXPECT_EQ(limit("5%", 0), 0U);
}

TEST(TargetLimit, RoundsASharedLimitUpButKeepsExactSharesExact) {
  EXPECT_EQ(limit("5%", 100), 5U);
  EXPECT_EQ(limit("5%", 101), 6U);
  EXPECT_EQ(limit("0.0001%", 10), 1U);
  EXPECT_EQ(limit("7%", 100), 7U);  // 0.07 * 100 is 7.000000000000001 in binary fractions.
  EXPECT_EQ(limit("50%", std::uint64_t{1} << 48U), std::uint64_t{1} << 47U);
  for (std::uint64_t percent = 1; percent <= 100; ++percent) {
    EXPECT_EQ(limit(std::to_string(percent) + "%", 100'000'000), percent * 1'000'000);
  }
}

TEST(TargetLimit, RefusesNothingFractionsAndGarbage) {
  for (const char* text : {"0", "0%", "0k", "-1", "1.5", "101%", "5 %", "%", "", "k", "1T", "1kk",
                           "nan", "1e6", "300000000000000", "0.0001k"}) {
    const auto got = TargetLimit::parse(text, "--max-targets");
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, ExitCode::Usage);
    EXPECT_NE(got.error().message.find("--max-targets"), std::string::npos);
    EXPECT_NE(got.error().message.find("5%"), std::string::npos);
  }
}

}  // namespace
}  // namespace trawl::control
