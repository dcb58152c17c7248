#include "control/survey/reply_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <unordered_map>
#include <vector>

namespace trawl::control {
namespace {

using Outcome = ReplyLedger::Outcome;

constexpr std::uint64_t kFitsTheArray = 1'000'000;
constexpr std::uint64_t kNeedsTheSet = std::uint64_t{1} << 48U;

// Better news have higher numbers.
int worth(PortState state) {
  switch (state) {
    case PortState::Unreachable: return 1;
    case PortState::Closed: return 2;
    default: return 3;
  }
}

// What the ledger should say, kept in the simplest way there is.
class SimpleLedger {
 public:
  Outcome record(std::uint64_t index, PortState state, PortState& before) {
    const auto [at, is_new] = known_.try_emplace(index, state);
    if (is_new) return Outcome::First;
    if (worth(at->second) >= worth(state)) return Outcome::Duplicate;
    before = at->second;
    at->second = state;
    return Outcome::Improved;
  }

 private:
  std::unordered_map<std::uint64_t, PortState> known_;
};

class ReplyLedgerTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  ReplyLedger ledger_{GetParam()};
  PortState before_ = PortState::Open;
};

TEST_P(ReplyLedgerTest, VerdictsOnlyImprove) {
  EXPECT_EQ(ledger_.record(5, PortState::Unreachable, before_), Outcome::First);
  EXPECT_EQ(ledger_.record(5, PortState::Unreachable, before_), Outcome::Duplicate);
  EXPECT_EQ(ledger_.record(5, PortState::Closed, before_), Outcome::Improved);
  EXPECT_EQ(before_, PortState::Unreachable);
  EXPECT_EQ(ledger_.record(5, PortState::Unreachable, before_), Outcome::Duplicate);
  EXPECT_EQ(ledger_.record(5, PortState::Open, before_), Outcome::Improved);
  EXPECT_EQ(before_, PortState::Closed);
  for (const PortState later : {PortState::Open, PortState::Closed, PortState::Unreachable}) {
    EXPECT_EQ(ledger_.record(5, later, before_), Outcome::Duplicate);
  }
}

TEST_P(ReplyLedgerTest, OpenMayFollowUnreachableAtOnce) {
  (void)ledger_.record(0, PortState::Unreachable, before_);
  EXPECT_EQ(ledger_.record(0, PortState::Open, before_), Outcome::Improved);
  EXPECT_EQ(before_, PortState::Unreachable);
}

TEST_P(ReplyLedgerTest, TargetsAreKeptApart) {
  for (std::uint64_t index = 0; index < 200; ++index) {
    const auto state = static_cast<PortState>(index % kPortStates);
    ASSERT_EQ(ledger_.record(index, state, before_), Outcome::First) << index;
  }
  for (std::uint64_t index = 0; index < 200; ++index) {
    const auto state = static_cast<PortState>(index % kPortStates);
    ASSERT_EQ(ledger_.record(index, state, before_), Outcome::Duplicate) << index;
  }
}

TEST_P(ReplyLedgerTest, LastTargetHasItsPlace) {
  const std::uint64_t last = GetParam() - 1;
  EXPECT_EQ(ledger_.record(last, PortState::Closed, before_), Outcome::First);
  EXPECT_EQ(ledger_.record(last, PortState::Open, before_), Outcome::Improved);
  EXPECT_EQ(ledger_.record(last - 1, PortState::Open, before_), Outcome::First);
}

TEST_P(ReplyLedgerTest, RandomRepliesAreJudgedLikeByTheSimpleOne) {
  std::mt19937_64 random{static_cast<std::uint64_t>(GetParam())};
  SimpleLedger simple;
  for (int i = 0; i < 400'000; ++i) {
    // Half close together, half anywhere; many come again.
    const std::uint64_t index =
        random() % 2 == 0 ? random() % 1000 : random() % kFitsTheArray / 8 * 8;
    const auto state = static_cast<PortState>(random() % kPortStates);
    PortState before = PortState::Open;
    PortState expected_before = PortState::Open;
    const Outcome outcome = ledger_.record(index, state, before);
    ASSERT_EQ(outcome, simple.record(index, state, expected_before)) << i;
    ASSERT_EQ(before, expected_before) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ReplyLedgerTest, testing::Values(kFitsTheArray, kNeedsTheSet),
                         [](const auto& tested) {
                           return tested.param == kFitsTheArray ? "Array" : "Set";
                         });

// Replies come back in a window behind the probes: new targets, and some of those of the last
// `lag` once more, resets before SYN-ACKs among them.
TEST_P(ReplyLedgerTest, RepeatsAtEveryLagAreJudgedLikeByTheSimpleOne) {
  SimpleLedger simple;
  std::mt19937_64 random{7};
  std::vector<std::uint64_t> sent;
  for (std::uint64_t lag = 1; lag <= 1'000'000; lag *= 10) {
    for (int i = 0; i < 150'000; ++i) {
      const bool again = !sent.empty() && random() % 2 == 0;
      const std::uint64_t back = random() % std::min<std::uint64_t>(lag, sent.size() + 1);
      const std::uint64_t index =
          again ? sent[sent.size() - 1 - std::min(back, sent.size() - 1)] : random() % GetParam();
      if (!again) sent.push_back(index);
      const auto state = static_cast<PortState>(random() % kPortStates);
      PortState before = PortState::Open;
      PortState expected_before = PortState::Open;
      ASSERT_EQ(ledger_.record(index, state, before), simple.record(index, state, expected_before))
          << "lag " << lag << " reply " << i;
      ASSERT_EQ(before, expected_before) << "lag " << lag << " reply " << i;
    }
  }
}

TEST_P(ReplyLedgerTest, RankTellsTheSilentFromThoseThatAnswered) {
  std::unordered_map<std::uint64_t, unsigned> expected;
  std::mt19937_64 random{3};
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t index = random() % GetParam();
    const auto state = static_cast<PortState>(random() % kPortStates);
    (void)ledger_.record(index, state, before_);
    unsigned& rank = expected[index];
    rank = std::max(rank, static_cast<unsigned>(worth(state)));
  }
  for (const auto& [index, rank] : expected) {
    ASSERT_EQ(ledger_.rank(index), rank) << index;
    const std::uint64_t other = random() % GetParam();
    const auto found = expected.find(other);
    ASSERT_EQ(ledger_.rank(other), found == expected.end() ? 0 : found->second) << other;
  }
}

TEST_P(ReplyLedgerTest, PrefetchChangesNothing) {
  for (std::uint64_t index = 0; index < 30'000; ++index) {
    ledger_.prefetch(GetParam() - 1 - index);
    ASSERT_EQ(ledger_.rank(GetParam() - 1 - index), 0U);
    ASSERT_EQ(ledger_.record(index, PortState::Closed, before_), Outcome::First);
  }
}

TEST(ReplyLedger, SmallSurveysHaveTwoBitsATarget) {
  EXPECT_EQ(ReplyLedger(1).memory().count(), 8U);
  EXPECT_EQ(ReplyLedger(33).memory().count(), 16U);
  EXPECT_EQ(ReplyLedger(393'216).memory().count(), 393'216U / 4);
}

TEST(ReplyLedger, TakesTheArrayExactlyWhenItFitsTheMemoryGiven) {
  constexpr std::uint64_t kTargets = std::uint64_t{1} << 22U;  // 1 MiB of two bits each.
  EXPECT_EQ(ReplyLedger(kTargets, ByteCount::mebibytes(1)).memory(), ByteCount::mebibytes(1));
  EXPECT_LT(ReplyLedger(kTargets + 1, ByteCount::mebibytes(1)).memory(), ByteCount{100'000});
  EXPECT_EQ(ReplyLedger(std::uint64_t{1} << 31U).memory(), ByteCount::mebibytes(512));
  EXPECT_LT(ReplyLedger(std::uint64_t{1} << 32U).memory(), ByteCount{100'000});
}

TEST(ReplyLedger, NoMemoryForAnArrayStillJudges) {
  ReplyLedger ledger{1, ByteCount{0}};
  PortState before{};
  EXPECT_EQ(ledger.record(0, PortState::Closed, before), Outcome::First);
  EXPECT_EQ(ledger.record(0, PortState::Open, before), Outcome::Improved);
  EXPECT_EQ(before, PortState::Closed);
  EXPECT_EQ(ledger.rank(0), 3U);
}

}  // namespace
}  // namespace trawl::control
