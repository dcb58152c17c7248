#include "control/survey/reply_ledger.h"

#include <gtest/gtest.h>

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
  return state == PortState::Open ? 3 : state == PortState::Closed ? 2 : 1;
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

TEST(ReplyLedger, SmallSurveysHaveTwoBitsATarget) {
  EXPECT_EQ(ReplyLedger(1).memory().count(), 8U);
  EXPECT_EQ(ReplyLedger(33).memory().count(), 16U);
  EXPECT_EQ(ReplyLedger(393'216).memory().count(), 393'216U / 4);
}

TEST(ReplyLedger, HugeSurveysHoldOnlyWhatAnswered) {
  ReplyLedger ledger{kNeedsTheSet};
  EXPECT_LE(ledger.memory(), ByteCount::mebibytes(1));
  PortState before = PortState::Open;
  std::mt19937_64 random{1};
  std::vector<std::uint64_t> indexes(500'000);
  for (std::uint64_t& index : indexes) {
    index = random() >> 16U;
    ASSERT_EQ(ledger.record(index, PortState::Closed, before), Outcome::First);
  }
  // At most three quarters full and at least three eighths: eight bytes a slot.
  EXPECT_GE(ledger.memory().count(), indexes.size() * 8 * 4 / 3);
  EXPECT_LE(ledger.memory().count(), indexes.size() * 8 * 8 / 3);
  for (const std::uint64_t index : indexes) {
    ASSERT_EQ(ledger.record(index, PortState::Closed, before), Outcome::Duplicate);
    ASSERT_EQ(ledger.record(index, PortState::Open, before), Outcome::Improved);
  }
}

TEST(ReplyLedger, NeverTakesMoreThanTheLargestArrayBeforeAnAnswer) {
  for (const std::uint64_t targets :
       {std::uint64_t{1} << 27U, (std::uint64_t{1} << 27U) + 1, std::uint64_t{1} << 32U}) {
    EXPECT_LE(ReplyLedger(targets).memory(), ReplyLedger::kLargestArray) << targets;
  }
}

}  // namespace
}  // namespace trawl::control
