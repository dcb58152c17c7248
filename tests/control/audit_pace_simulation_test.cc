#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "control/audit/engine/group_pace.h"
#include "control/audit/engine/host_pace.h"
#include "control/audit/engine/probe_schedule.h"
#include "control/audit/engine/rtt_estimator.h"

namespace trawl::control {
namespace {

constexpr std::uint32_t kPorts = 1000;
constexpr unsigned kSeeds = 200;

// The other side: some ports are silent, packets are lost each way, and no more than so many
// answers leave in a second.
struct HostModel {
  double loss = 0.02;           // Each way.
  double silent_share = 0.3;    // Of the ports.
  double answers_a_second = 0;  // 0 for any number.
  double burst = 50;            // Answers that may leave at once.
};

struct Outcome {
  unsigned answering = 0;
  unsigned found = 0;
  unsigned probes = 0;
  Moment took{0};
  bool ended = false;
};

// One host's scan in virtual time, as AuditEngine::look_at() and its functions do it.
class Simulation {
 public:
  Simulation(const HostModel& model, unsigned seed) : model_{model}, random_{seed} {
    base_rtt_ = Moment{std::uniform_int_distribution<std::int64_t>{20'000, 180'000}(random_)};
    for (std::uint32_t i = 0; i < kPorts; ++i) is_silent_.push_back(chance(model_.silent_share));
    rtt_.add(base_rtt_);  // Of host discovery.
  }

  Outcome run() {
    constexpr Moment kLongest{600'000'000};
    Outcome outcome;
    outcome.answering = static_cast<unsigned>(std::ranges::count(is_silent_, false));
    while (now_ < kLongest) {
      receive();
      expire();
      send_what_may();
      if (schedule_.is_done(needed())) {
        outcome.ended = true;
        break;
      }
      now_ = next_event();
    }
    outcome.found = found_;
    outcome.probes = probes_;
    outcome.took = now_;
    return outcome;
  }

 private:
  struct Reply {
    Moment at;
    std::uint32_t index = 0;
    unsigned attempt = 0;
    friend bool operator>(const Reply& a, const Reply& b) noexcept { return a.at > b.at; }
  };

  bool chance(double share) { return std::uniform_real_distribution<>{}(random_) < share; }

  unsigned needed() const {
    const double missed = schedule_.unanswered() * 10 < kPorts ? 1e-7 : 1e-4;
    const LossEstimate& own = pace_.loss();
    if (pace_.last_reaction() >= Moment{0}) return own.attempts_needed(missed, 2);
    return (own.outcomes() >= 20 ? own : group_.loss()).attempts_needed(missed, 0.5);
  }

  // The host at work: decides when a probe sent now is answered, if ever.
  void deliver(std::uint32_t index, unsigned attempt) {
    ++probes_;
    const bool is_silent = index != ProbeSchedule::kOutside && is_silent_[index];
    if (is_silent || chance(model_.loss)) return;
    const Moment jitter{
        std::uniform_int_distribution<std::int64_t>{0, base_rtt_.count() / 10}(random_)};
    if (model_.answers_a_second > 0) {
      tokens_ = std::min(model_.burst, tokens_ + static_cast<double>((now_ - filled_).count()) *
                                                     1e-6 * model_.answers_a_second);
      filled_ = now_;
      if (tokens_ < 1) return;
      --tokens_;
    }
    if (chance(model_.loss)) return;
    replies_.push({now_ + base_rtt_ + jitter, index, attempt});
  }

  void receive() {
    while (!replies_.empty() && replies_.top().at <= now_) {
      const Reply reply = replies_.top();
      replies_.pop();
      const int number = static_cast<int>(reply.attempt % ProbeSchedule::kAttemptNumbers);
      const auto answer = schedule_.answered(reply.index, number, now_);
      if (!answer) continue;
      if (answer->is_first) ++found_;
      if (answer->rtt) rtt_.add(*answer->rtt);
      if (answer->was_in_flight) {
        pace_.landed();
        group_.landed();
      }
      const bool lost = answer->is_first && answer->hit.lost_at >= Moment{0};
      const bool limits = pace_.last_reaction() >= Moment{0};
      group_.hit(lost && !limits ? answer->hit.attempt : 0, now_, rtt_.srtt());
      pace_.hit(answer->hit, now_, rtt_);
    }
  }

  void expire() {
    bool any = false;
    while (const auto expired = schedule_.expire(now_, pace_.last_reaction(), needed())) {
      any = true;
      pace_.landed();
      group_.landed();
      if (expired->is_ping) pace_.ping_lost(expired->sent_at, now_, rtt_);
    }
    if (any) pace_.judge(now_, rtt_);
    if (pace_.slow_downs() > forgiven_) {
      forgiven_ = pace_.slow_downs();
      schedule_.forgive(pace_.reaction_before());
    }
  }

  Moment patience_with(const ProbeSchedule::Send& send) const {
    constexpr Moment kLongest{2'000'000};
    const Moment timeout = rtt_.timeout();
    if (send.is_ping || send.attempt == 0) return timeout;
    return std::max(timeout, std::min(timeout * (1 + send.attempt / 2), kLongest));
  }

  void send_what_may() {
    const auto quiet = static_cast<unsigned>(std::clamp(pace_.window() / 2, 4.0, 64.0));
    while (pace_.has_window() && now_ >= pace_.next_send() && group_.may_send(now_)) {
      const auto send = schedule_.next(needed(), quiet);
      if (!send) return;
      deliver(send->index, send->attempt);
      schedule_.sent(*send, now_, now_ + patience_with(*send));
      pace_.sent(now_, !send->is_ping && send->attempt == 0);
      group_.sent(now_);
    }
  }

  Moment next_event() {
    Moment at = now_ + Moment{1'000'000};
    if (const auto deadline = schedule_.next_deadline()) at = std::min(at, *deadline);
    if (pace_.next_send() > now_) at = std::min(at, pace_.next_send());
    if (!replies_.empty()) at = std::min(at, replies_.top().at);
    return std::max(at, now_ + Moment{1});
  }

  HostModel model_;
  std::mt19937_64 random_;
  Timing timing_ = timing_template(3);
  GroupPace group_{timing_};
  RttEstimator rtt_{timing_};
  HostPace pace_{HostPace::Limits{.most_delay = timing_.max_tcp_delay}};
  ProbeSchedule schedule_{
      {.most_attempts = timing_.max_retries + 1, .has_outside_ping = true, .probes = kPorts}};
  std::vector<bool> is_silent_;
  std::priority_queue<Reply, std::vector<Reply>, std::greater<>> replies_;
  Moment base_rtt_;
  Moment now_{0};
  Moment filled_{0};
  double tokens_ = 50;
  unsigned found_ = 0;
  unsigned probes_ = 0;
  unsigned forgiven_ = 0;
};

struct Summary {
  double recall = 0;
  double worst = 1;        // Recall of the worst seed.
  double most_probes = 0;  // A port, of the seed with the most.
  double probes = 0;
  Moment longest{0};
  Moment total{0};
  unsigned unfinished = 0;
};

Summary simulate(const HostModel& model) {
  Summary summary;
  double answering = 0;
  double found = 0;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    const Outcome outcome = Simulation{model, seed}.run();
    answering += outcome.answering;
    found += outcome.found;
    summary.worst = std::min(summary.worst, static_cast<double>(outcome.found) / outcome.answering);
    summary.most_probes =
        std::max(summary.most_probes, static_cast<double>(outcome.probes) / kPorts);
    summary.probes += static_cast<double>(outcome.probes) / kPorts / kSeeds;
    summary.longest = std::max(summary.longest, outcome.took);
    summary.total += outcome.took;
    summary.unfinished += outcome.ended ? 0 : 1;
  }
  summary.recall = found / answering;
  return summary;
}

TEST(AuditPaceSimulation, LossesOfThePathHideNextToNothing) {
  const Summary summary = simulate({});
  EXPECT_EQ(summary.unfinished, 0U);
  EXPECT_GE(summary.recall, 0.999);
  EXPECT_LT(summary.most_probes, 4.5);
  EXPECT_LT(summary.longest, Moment{15'000'000});
}

TEST(AuditPaceSimulation, ALimiterOfAnswersHidesLittle) {
  const Summary summary = simulate({.answers_a_second = 500});
  EXPECT_EQ(summary.unfinished, 0U);
  EXPECT_GE(summary.recall, 0.995);
  EXPECT_LT(summary.probes, 10);
  EXPECT_LT(summary.longest, Moment{30'000'000});
}

}  // namespace
}  // namespace trawl::control
