#include "dataplane/swappable_guard.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <initializer_list>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace trawl::dataplane {
namespace {

Ipv4Set set_of(std::initializer_list<std::string_view> prefixes) {
  Ipv4Set set;
  for (const std::string_view prefix : prefixes) set.add(*Ipv4Prefix::parse(prefix));
  return set;
}

EgressGuard guard_of(std::initializer_list<std::string_view> prefixes) {
  return EgressGuard{set_of(prefixes)};
}

Target target(std::string_view address) { return {*Ipv4Address::parse(address), 80}; }

TEST(SwappableGuard, AnswersLikeItsFirstGuardUntilOneIsPublished) {
  const SwappableGuard guard{guard_of({"10.0.0.0/8"})};
  const std::array targets{target("8.8.8.8"), target("10.1.2.3")};
  const auto answer = guard.check(targets);
  EXPECT_EQ(answer.blocked, 2U);
  EXPECT_EQ(answer.opted_out, 0U);
  EXPECT_FALSE(answer.all_clear());
  EXPECT_TRUE(guard.check({targets.data(), 1}).all_clear());
  EXPECT_EQ(guard.generations(), 1U);
  EXPECT_EQ(&guard.current(), &guard.first());
}

TEST(SwappableGuard, TellsWhatOptedOutFromWhatWasNeverAllowed) {
  SwappableGuard guard{guard_of({"10.0.0.0/8"})};
  guard.publish(guard_of({"10.0.0.0/8", "8.8.8.0/24"}));
  const std::array targets{target("8.8.8.8"), target("9.9.9.9"), target("10.1.2.3")};
  const auto answer = guard.check(targets);
  EXPECT_EQ(answer.opted_out, 1U);
  EXPECT_EQ(answer.blocked, 4U);
  EXPECT_FALSE(guard.allows(targets[0].ip));
  EXPECT_TRUE(guard.allows(targets[1].ip));
}

TEST(SwappableGuard, TheFirstGuardHoldsWhateverALaterOneLeavesOut) {
  SwappableGuard guard{guard_of({"10.0.0.0/8"})};
  guard.publish(guard_of({}));
  const std::array targets{target("10.1.2.3")};
  EXPECT_EQ(guard.check(targets).blocked, 1U);
  EXPECT_FALSE(guard.allows(targets[0].ip));
}

TEST(SwappableGuard, ALaterGuardTakesBackWhatAnEarlierOneAdded) {
  SwappableGuard guard{guard_of({})};
  const std::array targets{target("8.8.8.8")};
  guard.publish(guard_of({"0.0.0.0/0"}));
  EXPECT_EQ(guard.check(targets).opted_out, 1U);
  guard.publish(guard_of({"9.0.0.0/8"}));
  EXPECT_TRUE(guard.check(targets).all_clear());
  EXPECT_EQ(guard.generations(), 3U);
}

TEST(SwappableGuard, MovesWithAllItsGuards) {
  SwappableGuard from{guard_of({"10.0.0.0/8"})};
  from.publish(guard_of({"8.8.8.8"}));
  const SwappableGuard guard{std::move(from)};
  const std::array targets{target("8.8.8.8"), target("10.1.2.3")};
  EXPECT_EQ(guard.check(targets).opted_out, 1U);
  EXPECT_EQ(guard.check(targets).blocked, 2U);
  EXPECT_EQ(guard.generations(), 2U);
}

// Under ThreadSanitizer this shows a guard read before it was whole; without, one freed too early.
TEST(SwappableGuard, CoresSeeWholeGuardsWhileTheyAreReplaced) {
  SwappableGuard guard{guard_of({"10.0.0.0/8"})};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  const auto poll = [&] {
    const std::array targets{target("8.8.8.8"), target("8.8.8.9"), target("10.1.2.3"),
                             target("11.1.1.1")};
    while (!stop.load(std::memory_order_relaxed)) {
      // Each guard opts out both of 8.8.8.8 and 8.8.8.9, or neither.
      const auto answer = guard.check(targets);
      const bool both = answer.opted_out == 0 || answer.opted_out == 3;
      if (!both || answer.blocked != 4) ++wrong;
    }
  };
  std::vector<std::thread> cores;
  for (int i = 0; i < 2; ++i) cores.emplace_back(poll);
  for (int round = 0; round < 50; ++round) {
    guard.publish(round % 2 == 0 ? guard_of({"8.8.8.8/31", "10.0.0.0/8"})
                                 : guard_of({"10.0.0.0/8"}));
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& core : cores) core.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(guard.generations(), 51U);
}

TEST(SwappableGuard, ABurstAfterPublishingMeetsTheNewGuard) {
  SwappableGuard guard{guard_of({})};
  std::atomic<bool> published{false};
  std::uint64_t seen = 0;
  std::thread core{[&] {
    while (!published.load(std::memory_order_acquire)) std::this_thread::yield();
    const std::array targets{target("8.8.8.8")};
    seen = guard.check(targets).opted_out;
  }};
  guard.publish(guard_of({"8.8.8.8"}));
  published.store(true, std::memory_order_release);
  core.join();
  EXPECT_EQ(seen, 1U);
}

}  // namespace
}  // namespace trawl::dataplane
