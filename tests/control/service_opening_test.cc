#include "control/survey/service_opening.h"

#include <gtest/gtest.h>

namespace trawl::control {
namespace {

TEST(MayBeGiven, AsksForAPortOfTheRangeThatIsNotReserved) {
  constexpr const char* kRange = "32768\t60999\n";
  EXPECT_FALSE(may_be_given({61000, 64999}, kRange, "\n"));
  EXPECT_TRUE(may_be_given({60999, 64999}, kRange, "\n"));
  EXPECT_TRUE(may_be_given({1024, 32768}, kRange, ""));
  EXPECT_FALSE(may_be_given({1024, 32767}, kRange, ""));
  EXPECT_FALSE(may_be_given({40000, 40010}, kRange, "8080,40000-40010\n"));
  EXPECT_FALSE(may_be_given({40000, 40010}, kRange, "40000-40005,40006-40010"));
  EXPECT_TRUE(may_be_given({40000, 40010}, kRange, "40000,40002-40010"));
  EXPECT_FALSE(may_be_given({40000, 40010}, "", ""));
}

TEST(OpenServices, IsNothingUnlessWanted) {
  SurveyOptions options;
  options.link = "net_null0";
  const auto tier = open_services(options, {});
  ASSERT_TRUE(tier);
  EXPECT_EQ(*tier, nullptr);
}

TEST(OpenServices, WantsALinkThatTheKernelHas) {
  SurveyOptions options;
  options.services.is_wanted = true;
  options.link = "net_memif0,role=client";
  const auto tier = open_services(options, {});
  ASSERT_FALSE(tier);
  EXPECT_EQ(tier.error().code, ExitCode::Usage);
  EXPECT_NE(tier.error().message.find("net_memif0"), std::string::npos);
}

}  // namespace
}  // namespace trawl::control
