#include "control/survey/sentinel_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

// One in each /24, so that each may be a sentinel.
dataplane::AnyTarget target(std::uint32_t number) { return {Ipv4Address{(number << 8U) + 1}, 80}; }

TEST(SentinelPool, WhatIsOfferedLaterMakesNoneLostThatIsOnItsWay) {
  SentinelPool pool;
  for (std::uint32_t i = 0; i < SentinelPool::kMost; ++i) pool.offer(target(i));
  const auto asked = pool.next(1s);
  ASSERT_TRUE(asked);
  for (std::uint32_t i = 0; i < 3 * SentinelPool::kMost; ++i) {
    pool.offer(target(SentinelPool::kMost + i));
  }
  EXPECT_EQ(pool.size(), SentinelPool::kMost);
  EXPECT_TRUE(pool.answered(*asked, 1s, 300ms));
  ASSERT_EQ(pool.replies().size(), 1U);
  EXPECT_EQ(pool.replies()[0].host, pool.asked()[0].host);
  EXPECT_EQ(pool.replies()[0].sent, 1s);
}

TEST(SentinelPool, AsksEachAtMostOnceASecondAndOneInEachNetwork) {
  SentinelPool pool;
  for (std::uint32_t i = 0; i < 3; ++i) pool.offer(target(i));
  pool.offer({Ipv4Address{7}, 443});  // In the network of the first.
  EXPECT_EQ(pool.size(), 3U);
  std::set<std::uint32_t> asked;
  for (int i = 0; i < 3; ++i) {
    const auto next = pool.next(5s);
    ASSERT_TRUE(next);
    asked.insert(next->ip.v4().value());
  }
  EXPECT_EQ(asked.size(), 3U);
  EXPECT_FALSE(pool.next(5s + 999ms));
  EXPECT_TRUE(pool.next(6s));
}

TEST(SentinelPool, LetsGoWhoMissesFarMoreThanTheOthers) {
  SentinelPool pool;
  for (std::uint32_t i = 0; i < 10; ++i) pool.offer(target(i));
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i) {
      const auto next = pool.next(std::chrono::seconds{round + 1});
      if (next && *next != target(3)) pool.answered(*next, std::chrono::seconds{round + 1}, 1ms);
    }
  }
  EXPECT_EQ(pool.size(), 9U);
  EXPECT_FALSE(pool.answered(target(3), 30s, 1ms));
}

TEST(SentinelPool, OneThatCouldNotBeAskedDoesNotCount) {
  SentinelPool pool;
  pool.offer(target(1));
  ASSERT_TRUE(pool.next(1s));
  pool.take_back();
  EXPECT_TRUE(pool.asked().empty());
  EXPECT_FALSE(pool.next(1500ms));  // It rests all the same.
}

}  // namespace
}  // namespace trawl::control
