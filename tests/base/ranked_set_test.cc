#include "base/ranked_set.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace trawl {
namespace {

Ipv4Set ipv4(std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> ranges) {
  Ipv4Set set;
  for (const auto& [first, last] : ranges) set.add({Ipv4Address{first}, Ipv4Address{last}});
  return set;
}

// Numbers every address by walking the intervals.
template <typename Address>
void agree_with_walk(const IntervalSet<Address>& set) {
  using Value = typename Address::Value;
  const RankedSet<Address> ranked{set};
  ASSERT_TRUE(ranked.size() == set.size());
  Value rank = 0;
  for (const auto& interval : set.intervals()) {
    const Value before = static_cast<Value>(interval.first.value() - 1);
    const Value after = static_cast<Value>(interval.last.value() + 1);
    if (interval.first.value() != 0) {
      ASSERT_FALSE(ranked.rank(Address{before}));
    }
    if (interval.last.value() != static_cast<Value>(~Value{0})) {
      ASSERT_FALSE(ranked.rank(Address{after}));
    }
    for (Value value = interval.first.value();; ++value) {
      ASSERT_TRUE(ranked.select(rank) == Address{value});
      const auto back = ranked.rank(Address{value});
      ASSERT_TRUE(back.has_value());
      ASSERT_TRUE(*back == rank);
      ++rank;
      if (value == interval.last.value()) break;
    }
  }
}

// Checks the ends and the middle of each interval: for sets too large to walk.
template <typename Address>
void agree_with_sums(const IntervalSet<Address>& set) {
  using Value = typename Address::Value;
  const RankedSet<Address> ranked{set};
  ASSERT_TRUE(ranked.size() == set.size());
  Value before = 0;
  for (const auto& interval : set.intervals()) {
    const Value length = static_cast<Value>(interval.last.value() - interval.first.value());
    for (const Value offset : {Value{0}, static_cast<Value>(length / 2), length}) {
      const Value rank = static_cast<Value>(before + offset);
      const Address address{static_cast<Value>(interval.first.value() + offset)};
      ASSERT_TRUE(ranked.select(rank) == address);
      ASSERT_TRUE(ranked.rank(address) == rank);
    }
    const Address after{static_cast<Value>(interval.last.value() + 1)};
    ASSERT_EQ(ranked.rank(after).has_value(), set.contains(after));
    before = static_cast<Value>(before + length + 1);
  }
}

TEST(RankedSet, EmptySetRanksNothing) {
  const RankedSet<Ipv4Address> ranked{Ipv4Set{}};
  EXPECT_TRUE(ranked.empty());
  EXPECT_EQ(ranked.size(), 0U);
  EXPECT_FALSE(ranked.rank(Ipv4Address{0}));
  EXPECT_FALSE(ranked.rank(Ipv4Address{0xffffffffU}));
}

TEST(RankedSet, OneAddressRejectsAllOthers) {
  for (const std::uint32_t only : {0U, 1U, 2U, 0xc6120001U, 0xfffffffeU, 0xffffffffU}) {
    const RankedSet<Ipv4Address> ranked{ipv4({{only, only}})};
    EXPECT_EQ(ranked.size(), 1U);
    EXPECT_EQ(ranked.select(0).value(), only);
    EXPECT_EQ(ranked.rank(Ipv4Address{only}), 0U);
    for (const std::uint32_t other : {0U, 1U, 2U, 3U, 4U, only - 1, only + 1, 0x80000000U,
                                      0xfffffffdU, 0xfffffffeU, 0xffffffffU}) {
      if (other != only) {
        EXPECT_FALSE(ranked.rank(Ipv4Address{other})) << only << ' ' << other;
      }
    }
  }
}

TEST(RankedSet, SmallSetsRejectTheWholeRestOfTheSpace) {
  for (std::uint32_t last = 0; last < 10; ++last) {
    const RankedSet<Ipv4Address> ranked{ipv4({{0, last}})};
    EXPECT_FALSE(ranked.rank(Ipv4Address{last + 1}));
    EXPECT_FALSE(ranked.rank(Ipv4Address{0x7fffffffU}));
    EXPECT_FALSE(ranked.rank(Ipv4Address{0xffffffffU}));
  }
  Ipv6Set set;
  set.add({Ipv6Address{0}, Ipv6Address{0}});
  EXPECT_FALSE(RankedSet<Ipv6Address>{set}.rank(Ipv6Address{~Uint128{0}}));
}

TEST(RankedSet, WholeSpaceIsTheIdentity) {
  const RankedSet<Ipv4Address> ranked{ipv4({{0, 0xffffffffU}})};
  EXPECT_EQ(ranked.size(), std::uint64_t{1} << 32U);
  std::mt19937 random{1};
  for (int i = 0; i < 10000; ++i) {
    const auto value = static_cast<std::uint32_t>(random());
    EXPECT_EQ(ranked.select(value).value(), value);
    EXPECT_EQ(ranked.rank(Ipv4Address{value}), value);
  }
  EXPECT_EQ(ranked.select(0xffffffffU).value(), 0xffffffffU);
  EXPECT_EQ(ranked.rank(Ipv4Address{0xffffffffU}), 0xffffffffU);
}

TEST(RankedSet, SpaceWithAHoleAtEveryPlace) {
  for (const std::uint32_t hole : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xfffffffeU, 0xffffffffU}) {
    Ipv4Set set = ipv4({{0, 0xffffffffU}});
    set.subtract(ipv4({{hole, hole}}));
    agree_with_sums(set);
    EXPECT_FALSE(RankedSet<Ipv4Address>{set}.rank(Ipv4Address{hole}));
  }
}

TEST(RankedSet, AgreesWithAWalkOnSmallRandomSets) {
  std::mt19937 random{2};
  for (int round = 0; round < 400; ++round) {
    Ipv4Set set;
    const std::uint32_t origin = round % 3 == 0   ? 0U
                                 : round % 3 == 1 ? 0xffffffffU - 4095U
                                                  : static_cast<std::uint32_t>(random() >> 1U);
    const auto count = 1 + random() % 40;
    for (unsigned i = 0; i < count; ++i) {
      const auto first = static_cast<std::uint32_t>(random() % 4096);
      const auto last =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(4095, first + random() % 30));
      set.add({Ipv4Address{origin + first}, Ipv4Address{origin + last}});
    }
    agree_with_walk(set);
    if (HasFatalFailure()) return;
  }
}

TEST(RankedSet, AgreesOnAHundredThousandUniformIntervals) {
  std::mt19937 random{3};
  Ipv4Set set;
  for (int i = 0; i < 100000; ++i) {
    set.add(Ipv4Prefix{Ipv4Address{static_cast<std::uint32_t>(random())},
                       20 + static_cast<unsigned>(random() % 13)});
  }
  agree_with_sums(set);
}

TEST(RankedSet, AgreesOnAHundredThousandClusteredIntervals) {
  // Every other address of one small range, and one far off: all but one share a bucket.
  Ipv4Set set;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    set.add({Ipv4Address{0x0a000000U + 2 * i}, Ipv4Address{0x0a000000U + 2 * i}});
  }
  set.add({Ipv4Address{0xfffffff0U}, Ipv4Address{0xffffffffU}});
  agree_with_sums(set);
  const RankedSet<Ipv4Address> ranked{set};
  EXPECT_FALSE(ranked.rank(Ipv4Address{0x0a000001U}));
  EXPECT_FALSE(ranked.rank(Ipv4Address{0x0a000000U + 199999U}));
  EXPECT_LT(ranked.memory(), 8U << 20U);
}

TEST(RankedSet, AgreesOnTheSpaceLessAHundredThousandPrefixes) {
  std::mt19937 random{4};
  Ipv4Set holes;
  for (int i = 0; i < 100000; ++i) {
    holes.add(Ipv4Prefix{Ipv4Address{static_cast<std::uint32_t>(random())}, 24});
  }
  Ipv4Set set = ipv4({{0, 0xffffffffU}});
  set.subtract(holes);
  agree_with_sums(set);
  const RankedSet<Ipv4Address> ranked{set};
  for (int i = 0; i < 200000; ++i) {
    const Ipv4Address address{static_cast<std::uint32_t>(random())};
    const auto rank = ranked.rank(address);
    ASSERT_EQ(rank.has_value(), !holes.contains(address));
    if (rank) {
      ASSERT_EQ(ranked.select(*rank), address);
    }
  }
}

TEST(RankedSet, AgreesInIpv6) {
  std::mt19937_64 random{5};
  Ipv6Set sparse;
  Ipv6Set dense;
  for (int i = 0; i < 2000; ++i) {
    const Uint128 value = (Uint128{random()} << 64U) | random();
    sparse.add(Ipv6Prefix{Ipv6Address{value}, 32 + static_cast<unsigned>(random() % 97)});
    dense.add({Ipv6Address{~Uint128{0} - random() % 10000}, Ipv6Address{~Uint128{0}}});
    dense.add({Ipv6Address{random() % 10000}, Ipv6Address{10010}});
  }
  dense.add({Ipv6Address{Uint128{1} << 64U}, Ipv6Address{(Uint128{1} << 64U) + 300}});
  agree_with_sums(sparse);
  agree_with_walk(dense);
  Ipv6Set all;
  all.add(Ipv6Prefix{Ipv6Address{}, 0});
  const RankedSet<Ipv6Address> ranked{all};
  EXPECT_TRUE(ranked.select(~Uint128{0}) == Ipv6Address{~Uint128{0}});
  EXPECT_TRUE(ranked.rank(Ipv6Address{~Uint128{0}}) == ~Uint128{0});
}

}  // namespace
}  // namespace trawl
