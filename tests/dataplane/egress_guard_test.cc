#include "dataplane/egress_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string_view>
#include <vector>

namespace trawl::dataplane {
namespace {

Ipv4Set set_of(std::initializer_list<std::string_view> prefixes) {
  Ipv4Set set;
  for (const std::string_view prefix : prefixes) set.add(*Ipv4Prefix::parse(prefix));
  return set;
}

// The addresses where a mistake would show: both sides of each end, and of each /16 and /24 that
// an end lies in.
std::vector<std::uint32_t> edges_of(const Ipv4Set& set) {
  std::vector<std::uint32_t> edges{0, 1, 0xffffffff, 0xfffffffe, 0x7fffffff, 0x80000000};
  for (const auto& range : set.intervals()) {
    for (const std::uint32_t end : {range.first.value(), range.last.value()}) {
      for (const std::uint32_t low_bits : {0U, 0xffU, 0xffffU}) {
        for (const std::uint32_t at : {end & ~low_bits, end | low_bits}) {
          edges.insert(edges.end(), {at - 1, at, at + 1});
        }
      }
    }
  }
  return edges;
}

void expect_same_answers(const EgressGuard& guard, const Ipv4Set& blocked,
                         const std::vector<std::uint32_t>& addresses) {
  std::vector<Target> batch;
  for (const std::uint32_t value : addresses) {
    const Ipv4Address address{value};
    ASSERT_EQ(guard.allows(address), !blocked.contains(address)) << address.to_string();
    batch.push_back({address, 80});
    if (batch.size() < 64) continue;
    const std::uint64_t answer = guard.blocked(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      ASSERT_EQ((answer >> i & 1U) != 0, blocked.contains(batch[i].ip)) << i;
    }
    batch.clear();
  }
}

TEST(EgressGuard, EmptyBlocklistAllowsEverything) {
  const EgressGuard guard{Ipv4Set{}};
  expect_same_answers(guard, Ipv4Set{}, edges_of(set_of({"10.0.0.0/8"})));
}

TEST(EgressGuard, BlockedWholeSpaceAllowsNothing) {
  const Ipv4Set all = set_of({"0.0.0.0/0"});
  const EgressGuard guard{all};
  expect_same_answers(guard, all, edges_of(set_of({"10.1.2.3", "224.0.0.0/4"})));
}

TEST(EgressGuard, StopsExactlyTheEdgesOfTheAddressSpace) {
  const Ipv4Set blocked = set_of({"0.0.0.0", "255.255.255.255"});
  const EgressGuard guard{blocked};
  EXPECT_FALSE(guard.allows(Ipv4Address{0}));
  EXPECT_TRUE(guard.allows(Ipv4Address{1}));
  EXPECT_TRUE(guard.allows(Ipv4Address{0xfffffffe}));
  EXPECT_FALSE(guard.allows(Ipv4Address{0xffffffff}));
  expect_same_answers(guard, blocked, edges_of(blocked));
}

// One of each level, and every way they can lie beside each other.
TEST(EgressGuard, AnswersAtTheEdgesOfEachLevel) {
  const Ipv4Set blocked =
      set_of({"10.0.0.0/16", "10.1.0.0/24", "10.1.255.0/24", "10.2.0.1", "10.2.0.255",
              "10.2.1.0/24", "10.2.2.0/25", "10.2.255.255", "10.3.0.0/15", "10.6.0.0/17",
              "10.7.128.0/17", "192.168.0.0/16", "198.51.100.7", "198.51.100.9", "203.0.113.0/24"});
  expect_same_answers(EgressGuard{blocked}, blocked, edges_of(blocked));
}

TEST(EgressGuard, AnswersLikeTheSetOnRandomClusteredSets) {
  std::mt19937_64 random{17};
  for (int round = 0; round < 60; ++round) {
    Ipv4Set blocked;
    std::array<std::uint32_t, 4> centres;
    for (auto& centre : centres) centre = static_cast<std::uint32_t>(random());
    for (int i = 0; i < 300; ++i) {
      // Near a centre: within a /24, a /16 or a /8 of it, as long as a /32...a /7.
      const std::uint32_t spread = 0xffffffffU >> (8 * (1 + random() % 3));
      const std::uint32_t first =
          centres[random() % 4] ^ (static_cast<std::uint32_t>(random()) & spread);
      const std::uint32_t length = static_cast<std::uint32_t>(random()) >> (8 + random() % 24);
      blocked.add({Ipv4Address{first}, Ipv4Address{std::max(first, first + length)}});
    }
    const EgressGuard guard{blocked};
    std::vector<std::uint32_t> addresses = edges_of(blocked);
    for (int i = 0; i < 4096; ++i) {
      const std::uint32_t spread = 0xffffffffU >> (8 * (random() % 4));
      addresses.push_back(centres[random() % 4] ^ (static_cast<std::uint32_t>(random()) & spread));
    }
    std::shuffle(addresses.begin(), addresses.end(), random);
    ASSERT_NO_FATAL_FAILURE(expect_same_answers(guard, blocked, addresses)) << round;
  }
}

TEST(EgressGuard, ShortBatchesSetNoBitsBeyondTheirEnd) {
  const EgressGuard guard{set_of({"0.0.0.0/0"})};
  std::array<Target, 64> targets{};
  for (std::size_t size = 0; size <= targets.size(); ++size) {
    const std::uint64_t all = size == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
    EXPECT_EQ(guard.blocked({targets.data(), size}), all);
  }
}

TEST(EgressGuard, HundredThousandScatteredPrefixesStayWithinTenMebibytes) {
  std::mt19937_64 random{23};
  Ipv4Set blocked;
  for (int i = 0; i < 100'000; ++i) {
    const auto length = static_cast<unsigned>(20 + random() % 13);
    blocked.add(Ipv4Prefix{Ipv4Address{static_cast<std::uint32_t>(random())}, length});
  }
  const EgressGuard guard{blocked};
  EXPECT_LT(guard.memory(), std::size_t{10} << 20U);
  std::vector<std::uint32_t> addresses;
  for (const auto& range : blocked.intervals()) {
    addresses.insert(addresses.end(), {range.first.value() - 1, range.first.value(),
                                       range.last.value(), range.last.value() + 1});
  }
  expect_same_answers(guard, blocked, addresses);
}

}  // namespace
}  // namespace trawl::dataplane
