#include "control/pipeline/spsc_ring.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

namespace trawl::control {
namespace {

TEST(SpscRing, CapacityIsThePowerOfTwoThatHoldsWhatIsAsked) {
  EXPECT_EQ(SpscRing<int>{1}.capacity(), 1U);
  EXPECT_EQ(SpscRing<int>{5}.capacity(), 8U);
  EXPECT_EQ(SpscRing<int>{4096}.capacity(), 4096U);
}

TEST(SpscRing, ValuesComeOutInTheirOrderUntilItIsEmpty) {
  SpscRing<int> ring{4};
  int value = -1;
  EXPECT_FALSE(ring.pop(value));
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(ring.push(round * 3 + i));
    EXPECT_EQ(ring.size(), 3U);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(ring.pop(value));
      EXPECT_EQ(value, round * 3 + i);
    }
    EXPECT_FALSE(ring.pop(value));
    EXPECT_EQ(ring.size(), 0U);
  }
}

TEST(SpscRing, AFullRingLeavesTheValueAsItWas) {
  SpscRing<std::unique_ptr<int>> ring{2};
  ASSERT_TRUE(ring.push(std::make_unique<int>(1)));
  ASSERT_TRUE(ring.push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(ring.push(std::move(third)));
  ASSERT_NE(third, nullptr);  // NOLINT(bugprone-use-after-move)
  std::unique_ptr<int> out;
  ASSERT_TRUE(ring.pop(out));
  EXPECT_EQ(*out, 1);
  EXPECT_TRUE(ring.push(std::move(third)));
  ASSERT_TRUE(ring.pop(out));
  ASSERT_TRUE(ring.pop(out));
  EXPECT_EQ(*out, 3);
}

TEST(SpscRing, TwoThreadsLoseAndReorderNothing) {
  constexpr std::uint64_t kValues = 50'000;
  SpscRing<std::unique_ptr<std::uint64_t>> ring{64};
  std::thread producer{[&] {
    for (std::uint64_t i = 0; i < kValues; ++i) {
      auto value = std::make_unique<std::uint64_t>(i);
      while (!ring.push(std::move(value))) std::this_thread::yield();
    }
  }};
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < kValues; ++i) {
    std::unique_ptr<std::uint64_t> value;
    while (!ring.pop(value)) std::this_thread::yield();
    wrong += *value == i ? 0 : 1;
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(ring.size(), 0U);
}

}  // namespace
}  // namespace trawl::control
