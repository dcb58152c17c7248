#include "control/survey/service_opening.h"

#include <gtest/gtest.h>

namespace trawl::control {
namespace {

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
