#include "dataplane/target_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <random>

namespace trawl::dataplane {
namespace {

Ipv4Set whole_space() {
  Ipv4Set set;
  set.add(Ipv4Prefix{Ipv4Address{}, 0});
  return set;
}

std::vector<std::uint16_t> ports_below(std::size_t count) {
  std::vector<std::uint16_t> ports(count);
  std::iota(ports.begin(), ports.end(), std::uint16_t{0});
  return ports;
}

TEST(TargetSpace, NumbersEveryTargetOfASmallPlanOnce) {
  Ipv4Set set;
  set.add({Ipv4Address{0}, Ipv4Address{2}});
  set.add({Ipv4Address{0xc6120000}, Ipv4Address{0xc6120101}});
  set.add({Ipv4Address{0xffffffff}, Ipv4Address{0xffffffff}});
  const TargetSpace space{RankedSet<Ipv4Address>{set}, {0, 22, 443, 65535}};
  ASSERT_EQ(space.size(), (3 + 258 + 1) * 4U);
  Target before{};
  for (std::uint64_t index = 0; index < space.size(); ++index) {
    const Target target = space.at(index);
    ASSERT_TRUE(set.contains(target.ip));
    ASSERT_TRUE(std::ranges::binary_search(space.ports(), target.port));
    ASSERT_EQ(space.index_of(target), index);
    if (index > 0) {
      ASSERT_TRUE(before.ip < target.ip || (before.ip == target.ip && before.port < target.port));
    }
    before = target;
  }
}

TEST(TargetSpace, BatchesOfEveryLengthEqualSingleSteps) {
  Ipv4Set set;
  std::mt19937_64 random{1};
  for (int i = 0; i < 3000; ++i) {
    const auto first = static_cast<std::uint32_t>(random()) & 0xfffff000U;
    set.add({Ipv4Address{first}, Ipv4Address{first + static_cast<std::uint32_t>(random() % 4096)}});
  }
  const TargetSpace space{RankedSet<Ipv4Address>{set}, ports_below(1000)};
  for (std::size_t length = 0; length <= 300; ++length) {
    std::vector<std::uint64_t> indexes(length);
    for (std::uint64_t& index : indexes) index = random() % space.size();
    std::vector<Target> targets(length + 1);
    space.at_batch(indexes, {targets.data(), length});
    for (std::size_t i = 0; i < length; ++i) {
      ASSERT_EQ(targets[i], space.at(indexes[i]));
      ASSERT_EQ(space.index_of(targets[i]), indexes[i]);
    }
    ASSERT_EQ(targets[length], Target{}) << "wrote past the batch";
  }
}

// index / ports is a multiplication; at the ends of each address's run of indexes an error shows.
// Every small number of ports, every 61st above, and those around powers of two.
TEST(TargetSpace, DivisionIsExactForAllKindsOfNumbersOfPorts) {
  const RankedSet<Ipv4Address> all{whole_space()};
  std::mt19937 random{4};
  for (std::size_t count = 1; count <= 65536; ++count) {
    const bool is_by_power = std::has_single_bit(count) || std::has_single_bit(count - 1) ||
                             std::has_single_bit(count + 1);
    if (count > 1024 && count % 61 != 0 && !is_by_power) continue;
    const TargetSpace space{all, ports_below(count)};
    for (const std::uint32_t rank :
         {std::uint32_t{0}, std::uint32_t{1}, std::uint32_t{0x80000000}, std::uint32_t{0xfffffffe},
          std::uint32_t{0xffffffff}, static_cast<std::uint32_t>(random())}) {
      const std::uint64_t first = std::uint64_t{rank} * count;
      const auto highest = static_cast<std::uint16_t>(count - 1);
      ASSERT_EQ(space.at(first), (Target{Ipv4Address{rank}, 0})) << count;
      ASSERT_EQ(space.at(first + count - 1), (Target{Ipv4Address{rank}, highest})) << count;
    }
  }
}

TEST(TargetSpace, HoldsTheWholeInternetOnAllPorts) {
  const TargetSpace space{RankedSet<Ipv4Address>{whole_space()}, ports_below(65536)};
  ASSERT_EQ(space.size(), std::uint64_t{1} << 48U);
  EXPECT_EQ(space.at(space.size() - 1), (Target{Ipv4Address{0xffffffff}, 65535}));
  std::mt19937_64 random{5};
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t index = random() % space.size();
    const Target target = space.at(index);
    ASSERT_EQ(target.ip.value(), index >> 16U);
    ASSERT_EQ(target.port, index & 0xffffU);
    ASSERT_EQ(space.index_of(target), index);
  }
}

TEST(TargetSpace, WhatThePlanLacksHasNoIndex) {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.18.0.0/24"));
  set.add(*Ipv4Prefix::parse("198.18.2.0/24"));
  const TargetSpace space{RankedSet<Ipv4Address>{set}, {80, 443}};
  for (const char* outside : {"198.17.255.255", "198.18.1.0", "198.18.1.255", "198.18.3.0",
                              "0.0.0.0", "255.255.255.255"}) {
    EXPECT_FALSE(space.index_of({*Ipv4Address::parse(outside), 80})) << outside;
  }
  const Ipv4Address inside = *Ipv4Address::parse("198.18.2.0");
  for (const unsigned port : {0U, 79U, 81U, 442U, 444U, 65535U}) {
    EXPECT_FALSE(space.index_of({inside, static_cast<std::uint16_t>(port)})) << port;
  }
  EXPECT_EQ(space.index_of({inside, 443}), 513U);
}

TEST(TargetSpace, NumbersTheTargetsOfIpv6) {
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8::/120"));
  set.add(*Ipv6Prefix::parse("2a00:1:2:3:4:5:6:7"));
  set.add(*Ipv6Prefix::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124"));
  const TargetSpace space{RankedSet<Ipv6Address>{set}, {80, 443, 8080}};
  ASSERT_EQ(space.size(), (256U + 1 + 16) * 3);
  std::vector<std::uint64_t> indexes(space.size());
  std::iota(indexes.begin(), indexes.end(), std::uint64_t{0});
  std::vector<Target6> targets(indexes.size());
  space.at_batch(indexes, targets);
  for (const std::uint64_t index : indexes) {
    const AnyTarget one = space.any_at(index);
    ASSERT_TRUE(set.contains(one.ip.v6()));
    ASSERT_EQ(one, (AnyTarget{targets[index].ip, targets[index].port}));
    ASSERT_EQ(space.index_of_any(one), index);
  }
  EXPECT_EQ(targets[3 * 256].ip.to_string(), "2a00:1:2:3:4:5:6:7");
  EXPECT_FALSE(space.index_of_any({*Ipv6Address::parse("2001:db8::100"), 80}));
  EXPECT_FALSE(space.index_of_any({*Ipv6Address::parse("2001:db8::1"), 81}));
  EXPECT_FALSE(space.index_of_any({*Ipv4Address::parse("198.18.0.1"), 80}));
}

TEST(TargetSpace, HoldsAsManyTargetsOfIpv6AsItMay) {
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8::/80"));
  const TargetSpace space{RankedSet<Ipv6Address>{set}, {443}};
  ASSERT_EQ(space.size(), std::uint64_t{1} << 48U);
  for (const std::uint64_t index :
       {std::uint64_t{0}, std::uint64_t{0x123456789abc}, space.size() - 1}) {
    const AnyTarget target = space.any_at(index);
    EXPECT_EQ(static_cast<std::uint64_t>(target.ip.v6().value()), index);
    EXPECT_EQ(space.index_of_any(target), index);
  }
}

}  // namespace
}  // namespace trawl::dataplane
