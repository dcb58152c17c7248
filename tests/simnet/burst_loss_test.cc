#include "bench/simnet/burst_loss.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

const Ipv4Address kHost{0xc6120164};
const BurstLossOptions kTenPercent{.mean = 0.1, .bad_spell = 20ms};

Ipv4Address host(std::uint32_t network, std::uint32_t last = 1) {
  return Ipv4Address{0xc6000000 + (network << 8U) + last};
}

TEST(BurstLoss, MeanAndSpellAreAsAsked) {
  BurstLoss loss{kTenPercent, 1};
  constexpr int kMilliseconds = 2'000'000;
  int bad = 0;
  int spells = 0;
  bool was_bad = false;
  for (int ms = 0; ms < kMilliseconds; ++ms) {
    const bool is_bad = loss.is_lost(kHost, ms * 1ms);
    bad += is_bad ? 1 : 0;
    spells += is_bad && !was_bad ? 1 : 0;
    was_bad = is_bad;
  }
  EXPECT_NEAR(bad, 0.1 * kMilliseconds, 0.008 * kMilliseconds);
  EXPECT_NEAR(static_cast<double>(bad) / spells, 20, 2);
}

TEST(BurstLoss, AllHostsOfANetworkShareItsSpellsAndOthersDoNot) {
  BurstLoss loss{kTenPercent, 1};
  int bad_here = 0;
  int bad_there = 0;
  for (int ms = 0; ms < 100'000; ++ms) {
    const bool is_bad = loss.is_lost(host(0, 1), ms * 1ms);
    ASSERT_EQ(loss.is_lost(host(0, 254), ms * 1ms), is_bad);
    bad_here += is_bad ? 1 : 0;
    bad_there += is_bad && loss.is_lost(host(1), ms * 1ms) ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(bad_there) / bad_here, 0.1, 0.05);
}

TEST(BurstLoss, OnePathHasOneChain) {
  BurstLossOptions options = kTenPercent;
  options.is_one_chain = true;
  BurstLoss loss{options, 1};
  for (std::uint32_t ms = 0; ms < 10'000; ++ms) {
    ASSERT_EQ(loss.is_lost(host(ms), ms * 1ms), loss.is_lost(kHost, ms * 1ms));
  }
}

TEST(BurstLoss, TheStateIsAFunctionOfTimeAlone) {
  BurstLoss often{kTenPercent, 9};
  BurstLoss seldom{kTenPercent, 9};
  BurstLoss other_seed{kTenPercent, 10};
  int differing = 0;
  for (int ms = 0; ms < 200'000; ++ms) {
    const bool state = often.is_bad(kHost, ms * 1ms);
    if (ms % 997 != 0) continue;
    ASSERT_EQ(seldom.is_bad(kHost, ms * 1ms), state) << ms;
    differing += other_seed.is_bad(kHost, ms * 1ms) != state ? 1 : 0;
  }
  EXPECT_GT(differing, 5);
}

TEST(BurstLoss, NetworksBeginInTheLongRunState) {
  BurstLoss loss{kTenPercent, 3};
  int bad = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) bad += loss.is_bad(host(i), 0s) ? 1 : 0;
  EXPECT_NEAR(bad, 2000, 150);
}

TEST(BurstLoss, EachStateLosesItsShare) {
  BurstLoss loss{{.mean = 0.1, .bad_spell = 1s, .lost_when_bad = 0.5, .lost_when_good = 0.02}, 5};
  double asked[2] = {0, 0};
  double lost[2] = {0, 0};
  for (int ms = 0; ms < 500'000; ++ms) {
    const std::size_t state = loss.is_bad(kHost, ms * 1ms) ? 1 : 0;
    asked[state] += 1;
    lost[state] += loss.is_lost(kHost, ms * 1ms) ? 1 : 0;
  }
  EXPECT_NEAR(lost[0] / asked[0], 0.02, 0.003);
  EXPECT_NEAR(lost[1] / asked[1], 0.5, 0.02);
}

}  // namespace
}  // namespace trawl::simnet
