#include "control/survey/compact_ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <unordered_map>

namespace trawl::control {
namespace {

constexpr std::uint64_t kAllKeys = std::uint64_t{1} << 48U;
constexpr std::uint64_t kManyKeys = 1'000'000'000;

unsigned rank_for(std::uint64_t i) { return static_cast<unsigned>(i % 3) + 1; }

struct KeyPattern {
  std::string name;
  std::function<std::uint64_t(std::uint64_t)> key;  // Different for each i below 2^22.
};

void PrintTo(const KeyPattern& pattern, std::ostream* out) { *out << pattern.name; }

class CompactRanksTest : public testing::TestWithParam<KeyPattern> {};

// Through many growths, with every key of three growth steps checked after each.
TEST_P(CompactRanksTest, EveryKeyIsKeptThroughEveryGrowth) {
  CompactRanks ranks{kManyKeys, 1};
  const auto& key = GetParam().key;
  ByteCount memory = ranks.memory();
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    ASSERT_EQ(ranks.raise(key(i), rank_for(i)), 0U) << i;
    if (ranks.memory() == memory && i % 20'011 != 0) continue;  // Just before and during growths.
    memory = ranks.memory();
    std::uint64_t wrong = 0;
    for (std::uint64_t j = 0; j < i + 1000; ++j) {
      wrong += ranks.rank(key(j)) == (j <= i ? rank_for(j) : 0U) ? 0 : 1;
    }
    ASSERT_EQ(wrong, 0U) << i;
  }
  EXPECT_EQ(ranks.size(), 100'000U);
}

// Each of the keys comes again while the table grows under it.
TEST_P(CompactRanksTest, RepeatsDuringGrowthAreRecognised) {
  CompactRanks ranks{kManyKeys, 2};
  const auto& key = GetParam().key;
  std::mt19937_64 random{5};
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    ASSERT_EQ(ranks.raise(key(i), rank_for(i)), 0U) << i;
    for (int repeat = 0; repeat < 3; ++repeat) {
      const std::uint64_t j = random() % (i + 1);
      ASSERT_EQ(ranks.raise(key(j), 1), rank_for(j)) << i << " " << j;
    }
  }
  EXPECT_EQ(ranks.size(), 200'000U);
}

TEST_P(CompactRanksTest, AtMostEightBytesAKeyFromTenThousandUp) {
  CompactRanks ranks{kManyKeys, 3};
  const auto& key = GetParam().key;
  for (std::uint64_t i = 0; i < 2'000'000; ++i) {
    (void)ranks.raise(key(i), 1);
    const std::uint64_t allowed = 8 * std::max<std::uint64_t>(i + 1, 10'000);
    ASSERT_LE(ranks.memory().count(), allowed) << i;
  }
  EXPECT_LE(ranks.spilled(), 2'000'000U / 250);
}

INSTANTIATE_TEST_SUITE_P(
    Patterns, CompactRanksTest,
    testing::Values(
        KeyPattern{"Sequential", [](std::uint64_t i) { return i; }},
        KeyPattern{"FromTheTop", [](std::uint64_t i) { return kAllKeys - 1 - i; }},
        KeyPattern{"HighBitsOnly", [](std::uint64_t i) { return i << 26U; }},
        KeyPattern{"PortsOfHosts", [](std::uint64_t i) { return (i % 64) << 32U | i / 64 * 256; }},
        KeyPattern{"OddStride", [](std::uint64_t i) { return i * 0x10001000100dULL % kAllKeys; }}),
    [](const auto& tested) { return tested.param.name; });

TEST(CompactRanks, RanksOnlyRise) {
  CompactRanks ranks{kManyKeys, 0};
  EXPECT_EQ(ranks.raise(9, 2), 0U);
  EXPECT_EQ(ranks.raise(9, 1), 2U);
  EXPECT_EQ(ranks.raise(9, 3), 2U);
  EXPECT_EQ(ranks.raise(9, 2), 3U);
  EXPECT_EQ(ranks.rank(9), 3U);
}

// What cannot grow spills, and stays exact.
TEST(CompactRanks, MoreKeysThanExpectedAreStillExact) {
  CompactRanks ranks{1, 4};
  for (std::uint64_t i = 0; i < 100'000; ++i) ASSERT_EQ(ranks.raise(i * i, rank_for(i)), 0U);
  EXPECT_GT(ranks.spilled(), 50'000U);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    ASSERT_EQ(ranks.rank(i * i), rank_for(i)) << i;
    ASSERT_EQ(ranks.raise(i * i, 3), rank_for(i)) << i;
    ASSERT_EQ(ranks.rank(i * i), 3U) << i;
  }
}

TEST(CompactRanks, RandomStreamsMatchAnUnorderedMap) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    CompactRanks ranks{kManyKeys, seed};
    std::unordered_map<std::uint64_t, unsigned> expected;
    std::mt19937_64 random{seed};
    // Key spaces from a few thousand, where most come again, to all of them.
    const std::uint64_t space = kAllKeys >> (10 * seed);
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t key = random() % space;
      const unsigned rank = rank_for(random());
      unsigned& kept = expected[key];
      ASSERT_EQ(ranks.raise(key, rank), kept) << i;
      kept = std::max(kept, rank);
    }
    for (const auto& [key, rank] : expected) ASSERT_EQ(ranks.rank(key), rank);
    ASSERT_EQ(ranks.size(), expected.size());
  }
}

}  // namespace
}  // namespace trawl::control
