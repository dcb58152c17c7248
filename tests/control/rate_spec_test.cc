#include "control/survey/rate_spec.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::control {
namespace {

constexpr ByteCount kFrame{74};  // A SYN with twenty bytes of options.

double packets(std::string_view text, ByteCount frame = kFrame) {
  const auto rate = RateSpec::parse(text, "--rate");
  if (!rate) {
    ADD_FAILURE() << rate.error().message;
    return -2.0;
  }
  return rate->for_frame(frame).per_second();
}

TEST(RateSpec, TakesPacketsWithEveryMultiplierAndUnit) {
  EXPECT_DOUBLE_EQ(packets("1000"), 1000.0);
  EXPECT_DOUBLE_EQ(packets("50k"), 50e3);
  EXPECT_DOUBLE_EQ(packets("50K"), 50e3);
  EXPECT_DOUBLE_EQ(packets("1.2M"), 1.2e6);
  EXPECT_DOUBLE_EQ(packets("10Mpps"), 10e6);
  EXPECT_DOUBLE_EQ(packets("2.5kpps"), 2.5e3);
  EXPECT_DOUBLE_EQ(packets("1G"), 1e9);
  EXPECT_DOUBLE_EQ(packets("100pps"), 100.0);
  EXPECT_DOUBLE_EQ(packets("100p/s"), 100.0);
  EXPECT_DOUBLE_EQ(packets("0.1"), 0.1);
  EXPECT_DOUBLE_EQ(packets("1000000000000"), 1e12);
}

TEST(RateSpec, TurnsBitsIntoPacketsOfTheFrameOnTheWire) {
  // 74 bytes and 24 of preamble, check sequence and gap are 784 bits.
  EXPECT_DOUBLE_EQ(packets("784bps"), 1.0);
  EXPECT_DOUBLE_EQ(packets("784kbit"), 1e3);
  EXPECT_DOUBLE_EQ(packets("784Mbps"), 1e6);
  EXPECT_DOUBLE_EQ(packets("784Mbit/s"), 1e6);
  EXPECT_DOUBLE_EQ(packets("784Mbits"), 1e6);
  EXPECT_DOUBLE_EQ(packets("1.568Gb/s"), 2e6);
  // The shortest frame a cable carries: 14.88 million a second at 10 Gbit/s.
  EXPECT_NEAR(packets("10Gbit", ByteCount{54}), 14'880'952.0, 1.0);
}

TEST(RateSpec, MaxHasNoLimit) {
  const auto rate = RateSpec::parse("max", "--rate");
  ASSERT_TRUE(rate);
  EXPECT_TRUE(rate->is_unlimited());
  EXPECT_TRUE(rate->for_frame(kFrame).is_unlimited());
  EXPECT_FALSE(RateSpec::parse("1000", "--rate")->is_unlimited());
  EXPECT_FALSE(RateSpec::parse("1Gbit", "--rate")->is_unlimited());
}

TEST(RateSpec, RefusesWhatIsNoRateTellingTheForms) {
  for (const std::string text : {"",         "0",           "0.0",           "0k",
                                 "0Mbps",    "-1",          "-1.5k",         "nan",
                                 "inf",      "-inf",        "1e6",           "0x10",
                                 "1 k",      " 1000",       "1000 ",         "1,000",
                                 "k",        "kpps",        "1..2",          "1.2.3",
                                 "fast",     "Max",         "10MBps",        "10MB/s",
                                 "10mega",   "1Tbps",       "0.0001",        "0.5bps",
                                 "1000001M", "2000000000G", "1000000000001", "1000001Gbps"}) {
    const auto rate = RateSpec::parse(text, "--rate");
    ASSERT_FALSE(rate) << text;
    EXPECT_EQ(rate.error().code, ExitCode::Usage) << text;
    EXPECT_TRUE(rate.error().message.starts_with("--rate: \"" + text + "\"")) << text;
    EXPECT_NE(rate.error().message.find("expected packets per second such as"), std::string::npos);
  }
}

TEST(RateSpec, SaysWhyForTheLikelyMistakes) {
  const auto why = [](const char* text) { return RateSpec::parse(text, "--rate").error().message; };
  EXPECT_NE(why("0").find("would never send"), std::string::npos);
  EXPECT_NE(why("-1").find("is negative"), std::string::npos);
  EXPECT_NE(why("--link").find("is not a rate"), std::string::npos);
  EXPECT_NE(why("0.0001").find("too low"), std::string::npos);
  EXPECT_NE(why(std::string(300, '9').c_str()).find("too high"), std::string::npos);
}

}  // namespace
}  // namespace trawl::control
