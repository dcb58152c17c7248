#include "control/audit/engine/probe_schedule.h"

#include <gtest/gtest.h>

#include <set>

namespace trawl::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned kNever = 1'000'000;  // Probes until a ping.
constexpr Moment kFair{-1};

ProbeSchedule make(std::uint32_t probes, unsigned most = 11, bool strict = false) {
  return ProbeSchedule{{.most_attempts = most, .strict = strict, .probes = probes}};
}

// Sends all that there is, one each millisecond, with a time limit of one second.
unsigned send_all(ProbeSchedule& schedule, unsigned needed, Moment& now) {
  unsigned sent = 0;
  while (const auto send = schedule.next(needed, kNever)) {
    now += milliseconds{1};
    schedule.sent(*send, now, now + seconds{1});
    ++sent;
  }
  return sent;
}

unsigned expire_all(ProbeSchedule& schedule, unsigned needed, Moment& now, Moment fair = kFair) {
  unsigned expired = 0;
  while (const auto deadline = schedule.next_deadline()) {
    now = std::max(now, *deadline);
    while (schedule.expire(now, fair, needed)) ++expired;
  }
  return expired;
}

// Attempts that a silent host gets.
unsigned attempts(ProbeSchedule& schedule, unsigned needed, Moment fair = kFair) {
  Moment now{0};
  unsigned sent = 0;
  while (!schedule.is_done(needed)) {
    const unsigned more = send_all(schedule, needed, now);
    sent += more;
    if (expire_all(schedule, needed, now, fair) == 0 && more == 0) break;
  }
  return sent;
}

// The first probe, sent now.
ProbeSchedule::Send send_next(ProbeSchedule& schedule, Moment now, unsigned needed = 5) {
  const auto send = schedule.next(needed, kNever).value();
  schedule.sent(send, now, now + seconds{1});
  return send;
}

TEST(ProbeSchedule, EachProbeIsSentOnceInOrder) {
  ProbeSchedule schedule = make(5);
  for (std::uint32_t i = 0; i < 5; ++i) {
    const auto send = send_next(schedule, Moment{i});
    EXPECT_EQ(send.index, i);
    EXPECT_EQ(send.attempt, 0U);
    EXPECT_FALSE(send.is_ping);
  }
  EXPECT_FALSE(schedule.next(2, kNever));
  EXPECT_FALSE(schedule.is_done(2));
}

TEST(ProbeSchedule, SilentProbesGetTwoAttemptsWithoutEvidenceOfLosses) {
  LossEstimate loss;
  ProbeSchedule schedule = make(100);
  EXPECT_EQ(attempts(schedule, loss.attempts_needed(1e-4, 0.5)), 200U);
  EXPECT_EQ(schedule.unanswered(), 100U);
}

TEST(ProbeSchedule, SilentProbesGetThreeAttemptsWithFourPercentOfLosses) {
  LossEstimate loss;
  loss.add(96, 4);
  ProbeSchedule schedule = make(100);
  EXPECT_EQ(attempts(schedule, loss.attempts_needed(1e-4, 0.5)), 300U);
}

TEST(ProbeSchedule, TheMostAttemptsHold) {
  ProbeSchedule one = make(10, 1);
  EXPECT_EQ(attempts(one, 60), 10U);
  ProbeSchedule four = make(10, 4);
  EXPECT_EQ(attempts(four, 60), 40U);
}

TEST(ProbeSchedule, AttemptsInAnOverloadAreNotCountedButBounded) {
  ProbeSchedule schedule = make(3, 2);
  Moment now{0};
  // Twice everything meets an overload.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(send_all(schedule, 2, now), 3U);
    EXPECT_EQ(expire_all(schedule, 2, now, now), 3U);
  }
  EXPECT_FALSE(schedule.is_done(2));
  EXPECT_EQ(attempts(schedule, 2), 6U);
  ProbeSchedule endless = make(3, 2);
  EXPECT_EQ(attempts(endless, 2, seconds{1'000'000}), 3U * 2 * 6);
}

TEST(ProbeSchedule, AStrictLimitCountsAttemptsInAnOverloadToo) {
  ProbeSchedule schedule = make(3, 2, true);
  EXPECT_EQ(attempts(schedule, 60, seconds{1'000'000}), 6U);
}

TEST(ProbeSchedule, BenchedProbesComeBackWhenLossesAppear) {
  ProbeSchedule schedule = make(10);
  EXPECT_EQ(attempts(schedule, 2), 20U);
  EXPECT_TRUE(schedule.is_done(2));
  EXPECT_FALSE(schedule.is_done(4));
  std::set<std::uint32_t> indices;
  Moment now = seconds{100};
  while (const auto send = schedule.next(4, kNever)) {
    EXPECT_EQ(send->attempt, 2U);
    indices.insert(send->index);
    schedule.sent(*send, now, now + seconds{1});
  }
  EXPECT_EQ(indices.size(), 10U);
  EXPECT_EQ(expire_all(schedule, 4, now), 10U);
  EXPECT_EQ(send_all(schedule, 4, now), 10U);
  EXPECT_EQ(expire_all(schedule, 4, now), 10U);
  EXPECT_TRUE(schedule.is_done(4));
}

TEST(ProbeSchedule, FirstProbesAndRepeatsTakeTurns) {
  ProbeSchedule schedule = make(100);
  Moment now{0};
  for (int i = 0; i < 20; ++i) (void)send_next(schedule, now);
  (void)expire_all(schedule, 2, now);
  unsigned repeats = 0;
  for (int i = 0; i < 40; ++i) repeats += send_next(schedule, now, 2).attempt;
  EXPECT_EQ(repeats, 10U);
}

TEST(ProbeSchedule, AnAnswerEndsItsProbeOnce) {
  ProbeSchedule schedule = make(2);
  (void)send_next(schedule, milliseconds{10});
  const auto first = schedule.answered(0, 0, milliseconds{40});
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_first);
  EXPECT_TRUE(first->was_in_flight);
  EXPECT_EQ(first->rtt, milliseconds{30});
  EXPECT_EQ(first->hit.attempt, 0U);
  EXPECT_EQ(first->hit.lost_at, Moment{-1});
  EXPECT_TRUE(schedule.is_answered(0));
  EXPECT_EQ(schedule.unanswered(), 1U);
  EXPECT_FALSE(schedule.answered(0, 0, milliseconds{50}));
  EXPECT_EQ(schedule.unanswered(), 1U);
  EXPECT_FALSE(schedule.next_deadline());
}

TEST(ProbeSchedule, AnswersToWhatWasNeverSentAreRefused) {
  ProbeSchedule schedule = make(2);
  EXPECT_FALSE(schedule.answered(0, 0, Moment{1}));
  EXPECT_FALSE(schedule.answered(2, 0, Moment{1}));
  EXPECT_FALSE(schedule.answered(4'000'000, -1, Moment{1}));
  EXPECT_EQ(schedule.unanswered(), 2U);
}

TEST(ProbeSchedule, AnAnswerToASecondAttemptTellsOfALoss) {
  ProbeSchedule schedule = make(1);
  (void)send_next(schedule, milliseconds{10});
  EXPECT_EQ(schedule.expire(seconds{2}, kFair, 5)->sent_at, milliseconds{10});
  EXPECT_EQ(send_next(schedule, seconds{3}).attempt, 1U);
  const auto answer = schedule.answered(0, 1, seconds{3} + milliseconds{30});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->hit.attempt, 1U);
  EXPECT_EQ(answer->hit.lost_at, milliseconds{10});
  EXPECT_EQ(answer->hit.sent_at, seconds{3});
  EXPECT_EQ(answer->rtt, milliseconds{30});
}

TEST(ProbeSchedule, ALateAnswerIsNoLoss) {
  ProbeSchedule schedule = make(1);
  (void)send_next(schedule, milliseconds{10});
  ASSERT_TRUE(schedule.expire(seconds{2}, kFair, 5));
  (void)send_next(schedule, seconds{3});
  const auto answer = schedule.answered(0, 0, seconds{4});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->hit.attempt, 0U);
  EXPECT_EQ(answer->hit.lost_at, Moment{-1});
  EXPECT_EQ(answer->hit.sent_at, milliseconds{10});
  EXPECT_EQ(answer->rtt, Moment{3'990'000});
  EXPECT_TRUE(answer->was_in_flight);
}

TEST(ProbeSchedule, AnAnswerAfterTheTimeIsTakenButNotInFlight) {
  ProbeSchedule schedule = make(1, 1);
  (void)send_next(schedule, milliseconds{10});
  ASSERT_TRUE(schedule.expire(seconds{2}, kFair, 1));
  EXPECT_TRUE(schedule.is_done(1));
  const auto answer = schedule.answered(0, 0, seconds{4});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is_first);
  EXPECT_FALSE(answer->was_in_flight);
  EXPECT_EQ(schedule.unanswered(), 0U);
}

TEST(ProbeSchedule, WithoutItsNumberARepeatsAnswerMeasuresNoTime) {
  ProbeSchedule schedule = make(1);
  (void)send_next(schedule, milliseconds{10});
  ASSERT_TRUE(schedule.expire(seconds{2}, kFair, 5));
  (void)send_next(schedule, seconds{3});
  EXPECT_EQ(schedule.answered(0, -1, seconds{4})->rtt, std::nullopt);
}

TEST(ProbeSchedule, NumbersOfAttemptsComeRoundAfterSixteen) {
  ProbeSchedule schedule = make(1, 60);
  Moment now{0};
  for (int i = 0; i < 18; ++i) {
    (void)send_next(schedule, now, 60);
    if (i < 17) (void)expire_all(schedule, 60, now);
  }
  EXPECT_EQ(schedule.answered(0, 1, now + milliseconds{5})->hit.attempt, 17U);
}

TEST(ProbeSchedule, WhoAnsweredIsAskedAgainWhenNobodyElseAnswers) {
  ProbeSchedule schedule = make(100);
  (void)send_next(schedule, Moment{0});
  ASSERT_TRUE(schedule.answered(0, 0, Moment{10}));
  for (int i = 0; i < 8; ++i) {
    const auto send = schedule.next(2, 8).value();
    EXPECT_FALSE(send.is_ping) << i;
    schedule.sent(send, Moment{20 + i}, seconds{1});
  }
  const auto ping = schedule.next(2, 8).value();
  EXPECT_TRUE(ping.is_ping);
  EXPECT_EQ(ping.index, 0U);
  EXPECT_EQ(ping.attempt, 1U);
  schedule.sent(ping, Moment{100}, Moment{200});
  EXPECT_FALSE(schedule.next(2, 8)->is_ping);
  const auto answer = schedule.answered(0, 1, Moment{150});
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->is_first);
  EXPECT_TRUE(answer->was_in_flight);
  EXPECT_EQ(answer->rtt, Moment{50});
  EXPECT_EQ(schedule.unanswered(), 99U);
  EXPECT_FALSE(schedule.answered(0, 1, Moment{160}));
}

TEST(ProbeSchedule, ALostPingExpiresAsOne) {
  ProbeSchedule schedule = make(2);
  (void)send_next(schedule, Moment{0});
  ASSERT_TRUE(schedule.answered(0, 0, Moment{10}));
  const auto ping = schedule.next(2, 0).value();
  ASSERT_TRUE(ping.is_ping);
  schedule.sent(ping, Moment{20}, Moment{100});
  EXPECT_FALSE(schedule.expire(Moment{99}, kFair, 2));
  const auto expired = schedule.expire(Moment{100}, kFair, 2);
  ASSERT_TRUE(expired);
  EXPECT_TRUE(expired->is_ping);
  EXPECT_EQ(expired->sent_at, Moment{20});
}

TEST(ProbeSchedule, AnOutsidePingIsThereFromTheBeginning) {
  ProbeSchedule schedule{{.has_outside_ping = true, .probes = 10}};
  for (int i = 0; i < 4; ++i) {
    const auto send = schedule.next(2, 4).value();
    ASSERT_FALSE(send.is_ping);
    schedule.sent(send, Moment{i}, seconds{1});
  }
  const auto ping = schedule.next(2, 4).value();
  ASSERT_TRUE(ping.is_ping);
  EXPECT_EQ(ping.index, ProbeSchedule::kOutside);
  schedule.sent(ping, Moment{10}, seconds{1});
  EXPECT_EQ(
      schedule.answered(ProbeSchedule::kOutside, static_cast<int>(ping.attempt), Moment{30})->rtt,
      Moment{20});
  EXPECT_EQ(schedule.unanswered(), 10U);
}

TEST(ProbeSchedule, WithoutPingsNobodyIsAskedAgain) {
  ProbeSchedule schedule{{.pings = false, .probes = 3}};
  (void)send_next(schedule, Moment{0});
  ASSERT_TRUE(schedule.answered(0, 0, Moment{10}));
  EXPECT_FALSE(schedule.next(2, 0)->is_ping);
}

TEST(ProbeSchedule, IsDoneAsSoonAsAllHaveAnswered) {
  ProbeSchedule schedule = make(1);
  (void)send_next(schedule, Moment{0});
  EXPECT_FALSE(schedule.is_done(2));
  ASSERT_TRUE(schedule.answered(0, 0, Moment{10}));
  EXPECT_TRUE(schedule.is_done(2));
  EXPECT_FALSE(schedule.next(2, 0));
}

}  // namespace
}  // namespace trawl::control
