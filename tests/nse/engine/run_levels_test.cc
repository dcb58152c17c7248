#include "nse/engine/run_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trawl::nse {
namespace {

using testing::ElementsAre;

TEST(RunLevels, AScriptIsAboveAllItDependsOn) {
  const auto levels = run_levels({{"a", {"b", "c"}}, {"b", {"c"}}, {"c", {}}, {"d", {"absent"}}});
  ASSERT_TRUE(levels.has_value());
  EXPECT_THAT(*levels, ElementsAre(3, 2, 1, 1));
}

TEST(RunLevels, ACircleIsNamed) {
  const auto levels =
      run_levels({{"free", {}}, {"tail", {"a"}}, {"a", {"free", "b"}}, {"b", {"a"}}});
  ASSERT_FALSE(levels.has_value());
  EXPECT_EQ(levels.error().message, "scripts depend on each other: a -> b -> a");
  EXPECT_FALSE(run_levels({{"self", {"self"}}}).has_value());
}

}  // namespace
}  // namespace trawl::nse
