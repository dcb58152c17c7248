#include "control/steward/stewardship.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr ByteCount kFrame{74};

SurveyOptions with_targets(std::vector<std::string> targets) {
  SurveyOptions options;
  options.targets = std::move(targets);
  options.ports = {80};
  options.quiet = true;
  return options;
}

Configuration with_max_rate(std::string_view text) {
  Configuration configuration;
  configuration.max_rate = Configuration::MaxRate{*RateSpec::parse(text, "x"), std::string{text},
                                                  "/etc/trawl/trawl.conf:3"};
  return configuration;
}

PacketsPerSecond rate_after(const Configuration& configuration, SurveyOptions options) {
  const auto applied = limit_rate(configuration, kFrame, options);
  EXPECT_TRUE(applied) << applied.error().message;
  return options.rate.for_frame(kFrame);
}

TEST(Stewardship, TheConfigurationAddsToTheOptions) {
  SurveyOptions options = with_targets({"8.8.8.8"});
  options.blocklist_files = {"own.txt"};
  options.allow_special = {"10.0.0.0/8"};
  Configuration configuration;
  configuration.contact = "mailto:a@example.net";
  configuration.blocklists = {"/a"};
  configuration.opt_outs = {"/b"};
  configuration.allow_special = {"198.18.0.0/15"};
  apply_configuration(configuration, options);
  EXPECT_EQ(options.contact, "mailto:a@example.net");
  EXPECT_THAT(options.blocklist_files, ElementsAre("own.txt", "/a"));
  EXPECT_THAT(options.opt_out_files, ElementsAre("/b"));
  EXPECT_THAT(options.allow_special, ElementsAre("10.0.0.0/8", "198.18.0.0/15"));
  EXPECT_FALSE(options.max_rate);
  options.contact = "mailto:flag@example.net";
  apply_configuration(configuration, options);
  EXPECT_EQ(options.contact, "mailto:flag@example.net");
}

TEST(Stewardship, NoFlagExceedsTheMaximumRate) {
  SurveyOptions options = with_targets({"8.8.8.8"});
  options.rate_given = true;
  for (const char* fits : {"1", "50k", "50000"}) {
    options.rate = *RateSpec::parse(fits, "--rate");
    const PacketsPerSecond asked = options.rate.for_frame(kFrame);
    EXPECT_EQ(rate_after(with_max_rate("50k"), options), asked) << fits;
  }
  for (const char* more : {"50001", "1G", "1Gbit"}) {
    options.rate = *RateSpec::parse(more, "--rate");
    const auto applied = limit_rate(with_max_rate("50k"), kFrame, options);
    ASSERT_FALSE(applied) << more;
    EXPECT_EQ(applied.error().code, ExitCode::Usage);
    EXPECT_THAT(applied.error().message,
                HasSubstr("/etc/trawl/trawl.conf:3 allows no more than 50k (50000 packets/s)"));
  }
}

TEST(Stewardship, MaxAndTheDefaultRateAreLowered) {
  SurveyOptions options = with_targets({"8.8.8.8"});
  EXPECT_EQ(rate_after(with_max_rate("1k"), options), PacketsPerSecond{1000.0});
  EXPECT_EQ(rate_after(with_max_rate("1M"), options), PacketsPerSecond{10'000.0});
  options.rate_given = true;
  options.rate = RateSpec{PacketsPerSecond::unlimited()};
  EXPECT_EQ(rate_after(with_max_rate("1k"), options), PacketsPerSecond{1000.0});
  EXPECT_TRUE(rate_after(Configuration{}, options).is_unlimited());
}

TEST(Stewardship, AMaximumInBitsHoldsForRatesInPackets) {
  SurveyOptions options = with_targets({"8.8.8.8"});
  options.rate_given = true;
  options.rate = *RateSpec::parse("1M", "--rate");
  EXPECT_FALSE(limit_rate(with_max_rate("100Mbit"), kFrame, options));
  options.rate = *RateSpec::parse("100Mbit", "--rate");
  EXPECT_TRUE(limit_rate(with_max_rate("100Mbit"), kFrame, options));
  ASSERT_TRUE(options.max_rate);
  EXPECT_EQ(options.max_rate->for_frame(kFrame), options.rate.for_frame(kFrame));
}

// What require_contact() says of a survey; "" when it may start.
std::string objection(const SurveyOptions& options) {
  const auto plan = make_survey_plan(options);
  EXPECT_TRUE(plan) << plan.error().message;
  const auto named = plan ? require_contact(options, *plan) : Result<void>{};
  if (named) return "";
  EXPECT_EQ(named.error().code, ExitCode::Usage);
  return named.error().message;
}

TEST(Stewardship, ALargePublicSurveyNeedsAContact) {
  SurveyOptions options = with_targets({"8.0.0.0/11"});
  EXPECT_EQ(objection(options),
            "the survey reaches 2097152 public addresses, more than 1048576, and names nobody who "
            "answers for it; give --contact with an e-mail address or an https:// page, or set "
            "contact in /etc/trawl/trawl.conf");
  options.contact = "mailto:a@example.net";
  EXPECT_EQ(objection(options), "");
}

TEST(Stewardship, TwoToTheTwentyAddressesNeedNoneAndOneMoreDoes) {
  EXPECT_EQ(objection(with_targets({"8.0.0.0/12"})), "");
  EXPECT_THAT(objection(with_targets({"8.0.0.0/12", "9.9.9.9"})), HasSubstr("reaches 1048577 "));
  SurveyOptions many_ports = with_targets({"8.0.0.0/12"});
  many_ports.ports = {80, 443};
  EXPECT_EQ(objection(many_ports), "");
}

TEST(Stewardship, LabsDryRunsAndSmallSamplesNeedNone) {
  SurveyOptions lab = with_targets({"10.0.0.0/8"});
  lab.allow_special = {"10.0.0.0/8"};
  EXPECT_EQ(objection(lab), "");
  SurveyOptions whole = with_targets({"0.0.0.0/0"});
  EXPECT_THAT(objection(whole), HasSubstr("names nobody"));
  whole.max_targets = TargetLimit::count(1U << 20U);
  EXPECT_EQ(objection(whole), "");
  whole.max_targets = TargetLimit::count((1U << 20U) + 1);
  EXPECT_THAT(objection(whole), HasSubstr("reaches 1048577 "));
  whole.max_targets.reset();
  whole.dry_run = true;
  EXPECT_EQ(objection(whole), "");
}

TEST(Stewardship, OnlyWhatIsLeftAfterTheBlocklistCounts) {
  SurveyOptions options = with_targets({"8.0.0.0/11"});
  options.excludes = {"8.0.0.0/12"};
  EXPECT_EQ(objection(options), "");
}

}  // namespace
}  // namespace trawl::control
