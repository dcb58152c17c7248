#include "control/banners/port_classes.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace trawl::control {
namespace {

// In an array, and in a table.
class PortClassesTest : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr std::uint64_t kTargets = std::uint64_t{1} << 20U;
  PortClasses classes_{kTargets, GetParam() ? ByteCount::mebibytes(64) : ByteCount{0}};
};
INSTANTIATE_TEST_SUITE_P(Both, PortClassesTest, ::testing::Bool());

TEST_P(PortClassesTest, CountsEachPortOnceAndKeepsWhatRestsOnMore) {
  EXPECT_EQ(classes_.at(7), std::nullopt);
  classes_.found(7);
  classes_.found(7);
  EXPECT_EQ(classes_.count(PortClass::Unknown), 1U);
  EXPECT_TRUE(classes_.note(7, PortClass::Middlebox));
  EXPECT_TRUE(classes_.note(7, PortClass::Service));
  EXPECT_FALSE(classes_.note(7, PortClass::Accepts));
  EXPECT_FALSE(classes_.note(7, PortClass::Unknown));
  classes_.found(7);
  EXPECT_EQ(classes_.at(7), PortClass::Service);
  EXPECT_EQ(classes_.count(PortClass::Service), 1U);
  EXPECT_EQ(classes_.count(PortClass::Unknown) + classes_.count(PortClass::Middlebox), 0U);
}

TEST_P(PortClassesTest, EachPortIsToldOnceWhateverItsClass) {
  classes_.found(7);
  EXPECT_TRUE(classes_.tell_once(7));
  EXPECT_TRUE(classes_.note(7, PortClass::Tarpit));
  EXPECT_TRUE(classes_.note(7, PortClass::Service));
  EXPECT_FALSE(classes_.tell_once(7));
  EXPECT_EQ(classes_.at(7), PortClass::Service);
  EXPECT_TRUE(classes_.tell_once(8));
  EXPECT_EQ(classes_.at(8), std::nullopt);
  classes_.found(8);
  EXPECT_EQ(classes_.count(PortClass::Unknown), 0U) << "there is nothing left to know";
  EXPECT_FALSE(classes_.tell_once(8));
  std::uint64_t from = 0;
  EXPECT_EQ(classes_.next_unknown(from), std::nullopt);
}

TEST_P(PortClassesTest, AgreesWithAMapOfManyPorts) {
  std::mt19937_64 random{3};
  std::map<std::uint64_t, PortClass> model;
  for (int i = 0; i < 60'000; ++i) {
    const std::uint64_t index = random() % kTargets;
    if (random() % 2 == 0) {
      classes_.found(index);
      model.emplace(index, PortClass::Unknown);
    } else {
      classes_.note(index, PortClass::Resets);
      model[index] = PortClass::Resets;
    }
  }
  PortClasses::Counts counts{};
  std::set<std::uint64_t> unknown;
  for (const auto& [index, port_class] : model) {
    ++counts[static_cast<std::size_t>(port_class)];
    if (port_class == PortClass::Unknown) unknown.insert(index);
    ASSERT_EQ(classes_.at(index), port_class);
  }
  EXPECT_EQ(classes_.counts(), counts);
  std::uint64_t from = 0;
  while (const auto index = classes_.next_unknown(from)) {
    ASSERT_EQ(unknown.erase(*index), 1U);
    classes_.note(*index, PortClass::Middlebox);
  }
  EXPECT_TRUE(unknown.empty());
  EXPECT_EQ(classes_.count(PortClass::Unknown), 0U);
}

TEST_P(PortClassesTest, FindsTheFirstAndTheLastTarget) {
  classes_.found(0);
  classes_.found(kTargets - 1);
  std::set<std::uint64_t> seen;
  std::uint64_t from = 0;
  while (const auto index = classes_.next_unknown(from)) seen.insert(*index);
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, kTargets - 1}));
}

}  // namespace
}  // namespace trawl::control
