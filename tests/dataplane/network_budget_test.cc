#include "dataplane/network_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

namespace trawl::dataplane {
namespace {

// A tick is a nanosecond.
constexpr Ticks kMillisecond = 1'000'000;
constexpr Ticks kSecond = 1000 * kMillisecond;
constexpr Ticks kStart = 987'654'321'000;
const TscClock kClock = TscClock::with_rate(static_cast<double>(kSecond));
constexpr Ipv4Address kHost{0xc6120005};       // 198.18.0.5
constexpr Ipv4Address kNeighbour{0xc61200fa};  // 198.18.0.250
constexpr Ipv4Address kElsewhere{0xc6120105};  // 198.18.1.5

RankedSet<Ipv4Address> addresses(std::initializer_list<const char*> prefixes) {
  Ipv4Set set;
  for (const char* prefix : prefixes) set.add(*Ipv4Prefix::parse(prefix));
  return RankedSet<Ipv4Address>{set};
}

NetworkBudget budget_of(double rate) {
  return {addresses({"198.18.0.0/20"}), PacketsPerSecond{rate}, kClock, kStart};
}

class Rates : public testing::TestWithParam<double> {};

// Somebody who always wants more, and looks every 50 microseconds or every tenth of a packet time.
TEST_P(Rates, NeverMoreAndInTheLongRunNoLess) {
  const double rate = GetParam();
  NetworkBudget budget = budget_of(rate);
  const auto gap = static_cast<Ticks>(std::max(50'000.0, 1e8 / rate));
  const Ticks length = std::max<Ticks>(2 * kSecond, static_cast<Ticks>(50.0 * 1e9 / rate));
  double sent = 0.0;
  double level = 0.0;  // Of a bucket in plain numbers.
  Ticks before = kStart;
  for (Ticks now = kStart; now < kStart + length; now += gap) {
    while (budget.take(sent > 10.0 ? kHost : kNeighbour, now) == 0) {
      level = std::min(static_cast<double>(budget.burst()),
                       level + rate * static_cast<double>(now - before) / 1e9);
      before = now;
      level -= 1.0;
      ASSERT_GE(level, -1e-3) << "after " << sent;
      sent += 1.0;
    }
  }
  const double due = rate * static_cast<double>(length) / 1e9;
  EXPECT_LE(sent, due);
  EXPECT_GE(sent, due - 2.0 - due / 1000.0);
}

INSTANTIATE_TEST_SUITE_P(NetworkBudget, Rates,
                         testing::Values(0.1, 1.0, 7.5, 10.0, 1000.0, 123'456.0));

TEST(NetworkBudget, EachNetworkHasItsOwn) {
  NetworkBudget budget = budget_of(10.0);
  EXPECT_EQ(budget.networks(), 16U);
  const Ticks later = kStart + kSecond;
  for (std::uint32_t i = 0; i < budget.burst(); ++i) {
    EXPECT_EQ(budget.take(i % 2 == 0 ? kHost : kNeighbour, later), 0U) << i;
  }
  EXPECT_NE(budget.take(kHost, later), 0U);
  EXPECT_NE(budget.take(kNeighbour, later), 0U);
  EXPECT_EQ(budget.take(kElsewhere, later), 0U);
}

TEST(NetworkBudget, OfIpv6ANetworkIsA64) {
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8:0:7::/112"));
  set.add(*Ipv6Prefix::parse("2001:db8:0:7:8000::/120"));
  set.add(*Ipv6Prefix::parse("2001:db8:0:8::/120"));
  const RankedSet<Ipv6Address> targets{set};
  NetworkBudget6 budget{targets, PacketsPerSecond{10.0}, kClock, kStart};
  EXPECT_EQ(budget.networks(), 2U);
  EXPECT_EQ(budget.most_addresses(), 65536.0 + 256.0);
  EXPECT_LT(NetworkBudget6::memory_for(targets).count(), 1U << 20U);
  const Ipv6Address host = *Ipv6Address::parse("2001:db8:0:7::5");
  const Ipv6Address neighbour = *Ipv6Address::parse("2001:db8:0:7:8000::fa");
  const Ticks later = kStart + kSecond;
  for (std::uint32_t i = 0; i < budget.burst(); ++i) {
    EXPECT_EQ(budget.take(i % 2 == 0 ? host : neighbour, later), 0U) << i;
  }
  EXPECT_NE(budget.take(host, later), 0U);
  EXPECT_NE(budget.take(neighbour, later), 0U);
  EXPECT_EQ(budget.take(*Ipv6Address::parse("2001:db8:0:8::5"), later), 0U);
}

TEST(NetworkBudget, BeginsEmptySoThatARestartIsNoBurst) {
  NetworkBudget budget = budget_of(10.0);
  const Ticks wait = budget.take(kHost, kStart);
  EXPECT_NEAR(static_cast<double>(wait), 100.0 * kMillisecond, 1e6);
  EXPECT_NE(budget.take(kHost, kStart + 99 * kMillisecond), 0U);
  EXPECT_EQ(budget.take(kHost, kStart + wait), 0U);
  EXPECT_NE(budget.take(kHost, kStart + wait), 0U);
}

TEST(NetworkBudget, AWaitEndsWhenItSays) {
  NetworkBudget budget = budget_of(1000.0);
  Ticks now = kStart + kSecond;
  while (budget.take(kHost, now) == 0) {
  }
  for (int i = 0; i < 100; ++i) {
    const Ticks wait = budget.take(kHost, now);
    ASSERT_GT(wait, 0U);
    ASSERT_LE(wait, kMillisecond + kMillisecond / 100);
    now += wait;
    ASSERT_EQ(budget.take(kHost, now), 0U) << i;
  }
}

// The clock of a cell goes round after 2^24 packet times; whoever rested that long is not held up
// for longer than the margin.
TEST(NetworkBudget, LongRestsAreNotTakenForDebts) {
  const double rate = 1000.0;
  const double round = 16'777'216.0 / rate * 1e9;
  for (double rest = 0.9 * round; rest < 1.1 * round; rest += round / 1000.0) {
    NetworkBudget budget = budget_of(rate);
    ASSERT_EQ(budget.take(kHost, kStart + kSecond), 0U);
    const Ticks wait = budget.take(kHost, kStart + kSecond + static_cast<Ticks>(rest));
    ASSERT_LE(wait, 1.2 * kSecond) << rest / round;
  }
}

TEST(NetworkBudget, TheFullestNetworkIsCountedAcrossRanges) {
  const auto most = [](std::initializer_list<const char*> prefixes) {
    return NetworkBudget{addresses(prefixes), PacketsPerSecond{1.0}, kClock, kStart}
        .most_addresses();
  };
  EXPECT_EQ(most({"198.18.0.0/20"}), 256.0);
  EXPECT_EQ(most({"198.18.0.7/32"}), 1.0);
  EXPECT_EQ(most({"198.18.0.0/28", "198.18.0.64/27", "198.18.1.0/28"}), 48.0);
  EXPECT_EQ(most({"198.18.0.0/25", "198.18.1.0/26", "198.18.1.128/26"}), 128.0);
}

TEST(NetworkBudget, TakesFourBytesANetworkAndAFewForItsRanges) {
  const auto whole = NetworkBudget::memory_for(addresses({"128.0.0.0/2"}));
  EXPECT_GE(whole.count(), (4U << 22U));
  EXPECT_LT(whole.count(), (5U << 22U));
  EXPECT_LT(NetworkBudget::memory_for(addresses({"198.18.0.5/32"})).count(), 1U << 20U);
}

// Several senders at once: their sum keeps to it. A real race; a lost update would show as more.
TEST(NetworkBudget, SeveralSendersShareOne) {
  NetworkBudget budget = budget_of(1e6);
  constexpr Ticks kLength = 50 * kMillisecond;
  std::atomic<std::uint64_t> sent{0};
  {
    std::vector<std::jthread> senders;
    for (int i = 0; i < 3; ++i) {
      senders.emplace_back([&] {
        std::uint64_t mine = 0;
        for (Ticks now = kStart; now < kStart + kLength; now += 500) {
          mine += static_cast<std::uint64_t>(budget.take(kHost, now) == 0);
        }
        sent += mine;
      });
    }
  }
  EXPECT_LE(sent, 50'000U);
  EXPECT_GT(sent, 0U);
}

}  // namespace
}  // namespace trawl::dataplane
