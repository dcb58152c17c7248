#include "tests/control/simulated_survey.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <random>

#include "control/survey/rate_spec.h"

namespace trawl::control {
namespace {

constexpr double kStep = 0.001;       // Seconds.
constexpr double kFixedStep = 0.005;  // At a fixed rate nothing happens that is faster.
constexpr double kSampleEvery = 0.05;
constexpr double kMayBeMissing = 0.004;  // Of a stretch, by estimate, without another probe.
constexpr double kLongest = 2000.0;

SurveyTime at(double seconds) { return SurveyTime{static_cast<std::int64_t>(seconds * 1e9)}; }

class Bottleneck {
 public:
  Bottleneck(const PathModel& path, double step) : path_{path}, step_{step} {}

  // Sends so many packets in a step; returns the share dropped.
  double send(double time, double packets) {
    const double capacity = path_.capacity_at(time);
    queued_ = std::max(0.0, queued_ + packets - capacity * step_);
    const double room = path_.queue * path_.capacity + 1.0;
    const double dropped = std::max(0.0, queued_ - room);
    queued_ -= dropped;
    delay_ = queued_ / capacity;
    return packets > 0.0 ? std::min(1.0, dropped / packets) : 0.0;
  }
  [[nodiscard]] double delay() const { return delay_; }

 private:
  const PathModel& path_;
  double step_;
  double queued_ = 0.0;
  double delay_ = 0.0;
};

// Targets to be probed, or that were.
struct Stretch {
  double targets = 0.0;
  double missing = 0.0;   // Open ones not found.
  double estimate = 1.0;  // The share of open ones missing, as the survey believes.
  double time = 0.0;      // When probed.
  double loss = 0.0;      // True loss then.
};

// Takes targets from the front of a pass, in order.
class Pass {
 public:
  explicit Pass(std::vector<Stretch> todo) : todo_{std::move(todo)} {}

  [[nodiscard]] bool over() const { return at_ == todo_.size(); }
  // Probes up to `packets` targets; returns how many, and the open ones found in `found`.
  double probe(double time, double packets, double lost, double& found) {
    double sent = 0.0;
    while (packets - sent > 1e-9 && !over()) {
      Stretch& next = todo_[at_];
      const double take = std::min(packets - sent, next.targets);
      const double missing = next.targets > 0.0 ? next.missing * take / next.targets : 0.0;
      const double hit = missing * (1.0 - lost);
      found += hit;
      done_.push_back({take - hit, missing - hit, next.estimate, time, lost});
      next.targets -= take;
      next.missing -= missing;
      sent += take;
      if (next.targets <= 1e-9) ++at_;
    }
    return sent;
  }
  [[nodiscard]] const std::vector<Stretch>& done() const { return done_; }

 private:
  std::vector<Stretch> todo_;
  std::size_t at_ = 0;
  std::vector<Stretch> done_;
};

// What deserves another pass, given the loss believed for each stretch.
template <typename LossOf>
std::vector<Stretch> again(const std::vector<Stretch>& done, LossOf loss_of) {
  std::vector<Stretch> todo;
  for (Stretch stretch : done) {
    stretch.estimate *= loss_of(stretch);
    if (stretch.estimate <= kMayBeMissing) continue;
    if (!todo.empty() && todo.back().estimate == stretch.estimate && todo.back().targets < 1e4) {
      todo.back().targets += stretch.targets;
      todo.back().missing += stretch.missing;
    } else {
      todo.push_back(stretch);
    }
  }
  return todo;
}

struct Arrival {
  double time;
  SentinelReply reply;
  bool operator>(const Arrival& other) const { return time > other.time; }
};

// Hosts found open, re-probed in turn.
class Sentinels {
 public:
  Sentinels(const PathModel& path, const SurveyModel& survey)
      : path_{path}, most_{survey.most_sentinels}, random_{survey.seed} {}

  void found(double hosts) { hosts_ = std::min(hosts_ + hosts, static_cast<double>(most_)); }
  [[nodiscard]] std::size_t hosts() const { return static_cast<std::size_t>(hosts_); }
  double due(double rate) {
    if (hosts() == 0) return 0.0;
    owed_ += rate * kStep;
    const double whole = std::floor(owed_);
    owed_ -= whole;
    return whole;
  }
  void send(double time, double count, double dropped, double delay) {
    for (double i = 0.0; i < count; i += 1.0) {
      next_ = (next_ + 1) % hosts();
      const auto host = static_cast<std::uint32_t>(next_);
      const double when = time + uniform_(random_) * kStep;
      sent_.push_back({host, at(when)});
      const bool limited = static_cast<double>(host % 100) < 100.0 * path_.limited_share;
      const double arrives = (1.0 - dropped) * (1.0 - path_.loss_at(time)) * (limited ? 0.5 : 1.0);
      if (uniform_(random_) >= arrives) continue;
      const double spread = 0.8 + 0.4 * static_cast<double>(host * 7919U % 101U) / 100.0;
      const double rtt = path_.rtt * spread + delay + 0.0005 * uniform_(random_);
      replies_.push({when + rtt, {host, at(when), at(rtt)}});
    }
  }
  void collect(double time) {
    answered_.clear();
    while (!replies_.empty() && replies_.top().time <= time) {
      answered_.push_back(replies_.top().reply);
      replies_.pop();
    }
  }
  std::vector<SentinelProbe> sent_;
  std::vector<SentinelReply> answered_;

 private:
  const PathModel& path_;
  std::size_t most_;
  double hosts_ = 0.0;
  double owed_ = 0.0;
  std::size_t next_ = 0;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_{0.0, 1.0};
  std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> replies_;
};

// One survey under the controller, step by step.
class ControlledSurvey {
 public:
  ControlledSurvey(const PathModel& path, const SurveyModel& survey)
      : path_{path},
        survey_{survey},
        controller_{{.initial = RateSpec::kAutoStart, .maximum = PacketsPerSecond{survey.maximum}}},
        bottleneck_{path, kStep},
        sentinels_{path, survey},
        random_{survey.seed + 1},
        hits_on_their_way_(static_cast<std::size_t>((path.rtt + 2.0) / kStep)),
        asked_at_(hits_on_their_way_.size()) {}

  SurveyResult run() {
    const double open = survey_.targets * survey_.open_share;
    std::vector<Stretch> todo{{survey_.targets, open, 1.0, 0.0, 0.0}};
    while (!todo.empty() && result_.seconds < kLongest) {
      Pass pass{std::move(todo)};
      while (!pass.over() && result_.seconds < kLongest) step(&pass);
      const double ended = result_.seconds;
      while (!controller_.settled_until(at(ended)) && result_.seconds < ended + 5.0) step(nullptr);
      controller_.judge_rest();
      is_first_sweep_ = false;
      todo = again(pass.done(), [&](const Stretch& stretch) { return loss_at(stretch.time); });
    }
    result_.seconds = last_sent_;
    result_.recall = found_ / open;
    result_.decisions.assign(controller_.decisions().begin(), controller_.decisions().end());
    result_.degraded.assign(controller_.degraded().begin(), controller_.degraded().end());
    return result_;
  }

 private:
  void step(Pass* pass) {
    const double now = result_.seconds;
    const double rate = controller_.rate().per_second();
    result_.highest_rate = std::max(result_.highest_rate, rate);
    const double due = sentinels_.due(controller_.sentinel_rate().per_second());
    is_idle_ = pass == nullptr;
    const double normal = pass != nullptr ? std::max(0.0, rate * kStep - due) : 0.0;
    const double dropped = bottleneck_.send(now, normal + due);
    sentinels_.send(now, due, dropped, bottleneck_.delay());
    result_.sentinels += due;
    double found = 0.0;
    if (pass != nullptr) {
      const double lost = 1.0 - (1.0 - dropped) * (1.0 - path_.loss_at(now));
      const double sent = pass->probe(now, normal, lost, found);
      probes_ += sent;
      result_.probes += sent;
      last_sent_ = now + kStep;
    }
    found_ += found;
    const auto slot = static_cast<std::size_t>(now / kStep + 0.5);
    const auto delay = static_cast<std::size_t>((path_.rtt + bottleneck_.delay()) / kStep);
    const std::size_t ring = hits_on_their_way_.size();
    hits_on_their_way_[(slot + std::min(delay, ring - 1)) % ring] += found;
    asked_at_[(slot + std::min(delay, ring - 1)) % ring] = now;
    double& arrived = hits_on_their_way_[slot % ring];
    std::poisson_distribution<int> hits{std::max(1e-12, arrived)};
    const double asked = asked_at_[slot % ring];
    if (const int count = hits(random_); count > 0) {
      hits_.push_back({at(asked), at(now - asked), static_cast<double>(count)});
    }
    sentinels_.found(arrived);
    arrived = 0.0;
    result_.seconds += kStep;
    if (result_.seconds >= next_sample_) sample();
    note_settling();
  }

  void sample() {
    next_sample_ += kSampleEvery;
    sentinels_.collect(result_.seconds);
    controller_.update({.now = at(result_.seconds),
                        .probes = is_first_sweep_ ? probes_ : 0.0,
                        .timed_hits = is_first_sweep_ ? std::span{hits_} : std::span<TimedHits>{},
                        .hit_rtt = at(path_.rtt + bottleneck_.delay()),
                        .sentinels_sent = sentinels_.sent_,
                        .sentinels_answered = sentinels_.answered_,
                        .sentinel_hosts = sentinels_.hosts(),
                        .held_up = is_idle_,
                        .idle = is_idle_});
    sentinels_.sent_.clear();
    hits_.clear();
    probes_ = 0.0;
  }

  void note_settling() {
    if (path_.changed_capacity <= 0.0 || result_.settled_after >= 0.0) return;
    if (result_.seconds < path_.change_at || controller_.phase() != RatePhase::Hold) return;
    const double share = controller_.rate().per_second() / path_.changed_capacity;
    if (share > 0.75 && share < 1.08) result_.settled_after = result_.seconds - path_.change_at;
  }

  double loss_at(double time) const {
    const auto& degraded = controller_.degraded();
    const auto next = std::partition_point(
        degraded.begin(), degraded.end(),
        [&](const DegradedInterval& interval) { return interval.end <= at(time); });
    return next != degraded.end() && next->begin <= at(time) ? next->loss : 0.0;
  }

  const PathModel& path_;
  const SurveyModel& survey_;
  RateController controller_;
  Bottleneck bottleneck_;
  Sentinels sentinels_;
  std::mt19937_64 random_;
  std::vector<double> hits_on_their_way_;
  std::vector<double> asked_at_;  // When those were asked.
  SurveyResult result_;
  double last_sent_ = 0.0;
  double found_ = 0.0;
  double probes_ = 0.0;
  std::vector<TimedHits> hits_;
  bool is_idle_ = false;
  bool is_first_sweep_ = true;  // Of repeats hits say nothing.
  double next_sample_ = kSampleEvery;
};

}  // namespace

SurveyResult survey_by_controller(const PathModel& path, const SurveyModel& survey) {
  return ControlledSurvey{path, survey}.run();
}

SurveyResult survey_at(double rate, const PathModel& path, const SurveyModel& survey) {
  Bottleneck bottleneck{path, kFixedStep};
  SurveyResult result;
  const double open = survey.targets * survey.open_share;
  double found = 0.0;
  std::vector<Stretch> todo{{survey.targets, open, 1.0, 0.0, 0.0}};
  while (!todo.empty() && result.seconds < kLongest) {
    Pass pass{std::move(todo)};
    while (!pass.over() && result.seconds < kLongest) {
      const double dropped = bottleneck.send(result.seconds, rate * kFixedStep);
      const double lost = 1.0 - (1.0 - dropped) * (1.0 - path.loss_at(result.seconds));
      result.probes += pass.probe(result.seconds, rate * kFixedStep, lost, found);
      result.seconds += kFixedStep;
    }
    todo = again(pass.done(), [](const Stretch& stretch) { return stretch.loss; });
  }
  result.recall = found / open;
  result.highest_rate = rate;
  return result;
}

SurveyResult best_fixed_survey(const PathModel& path, const SurveyModel& survey) {
  SurveyResult best{.seconds = kLongest, .decisions = {}, .degraded = {}};
  std::vector<double> rates{path.capacity};
  if (path.changed_capacity > 0.0) rates.push_back(path.changed_capacity);
  for (double share = 0.05; share < 1.0; share *= 1.2) rates.push_back(share * survey.maximum);
  for (const double rate : rates) {
    if (survey.targets / rate > best.seconds) continue;
    const SurveyResult result = survey_at(rate, path, survey);
    if (result.recall >= 0.995 && result.seconds < best.seconds) best = result;
  }
  return best;
}

}  // namespace trawl::control
