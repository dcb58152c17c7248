#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "control/survey/checkpoint/service_backlog.h"
#include "control/survey/survey_controller.h"

// Which sweep SurveyController is in, from the first or a checkpoint's to the last, and what it
// knows of the ones before.

namespace trawl::control {

using namespace std::chrono_literals;

// The first sweep, or the one that the checkpoint is in.
Result<void> SurveyController::begin() {
  std::optional<dataplane::Sweep> sweep;
  const auto plan = [&] { sweep = planner_.sweep(sweep_, known()); };
  if (!keeper_ || keeper_->checkpoint().restored().sweep == 0) {
    // Captures run ahead of the journal from its first entry on.
    if (keeper_ && capture_.is_wanted()) keeper_->mark_outputs(places());
    plan();
  } else {
    Checkpoint& checkpoint = keeper_->checkpoint();
    sweep_ = static_cast<unsigned>(checkpoint.restored().sweep);
    repeating_ = planner_.is_retry(sweep_);
    monitor_.add(checkpoint.restored().totals);
    sent_before_repeats_ = checkpoint.restored().totals.sent - checkpoint.restored().totals.repeats;
    for (std::size_t i = 0; i < checkpoint.restored().damage.count; ++i) {
      const auto [first, last] = checkpoint.restored().damage.ranges[i];
      damaged_before_.push_back({first, std::min(last, planner_.config().last)});
    }
    damaged_ = damaged_before_;
    if (auto restored = intake_.restore(checkpoint, plan); !restored) return restored;
    if (auto resumed = resume_services(checkpoint); !resumed) return resumed;
  }
  if (!sweep) {
    return fail(ExitCode::BadInput,
                "the checkpoint is in a sweep that its plan does not have; it "
                "was changed and cannot be resumed");
  }
  send(std::move(*sweep));
  if (options_.rate.is_automatic()) start_auto_rate();
  return {};
}

// Ports that were found open before, and whose services are in no output.
Result<void> SurveyController::resume_services(Checkpoint& checkpoint) {
  if (!stage_) return {};
  auto read =
      ServiceBacklog::read(checkpoint, *planner_.config().space, protocol_of(scanner_.kind()));
  if (!read) return Failure{read.error()};
  const auto backlog = std::make_shared<ServiceBacklog>(std::move(*read));
  if (!handoff_) {
    stage_->resume(backlog);
    return {};
  }
  if (told_hosts_) tell_hosts_of(*backlog);
  handoff_->resume([backlog] { return backlog->next(); }, backlog->count(), backlog->answered());
  return {};
}

// A host is known once one of its ports was answered.
void SurveyController::tell_hosts_of(const ServiceBacklog& backlog) {
  const dataplane::TargetSpace& space = *planner_.config().space;
  for (const std::uint64_t index : backlog.known()) {
    if (index >= space.size()) continue;
    if (const IpAddress ip = space.any_at(index).ip; ip.is_v4()) {
      told_hosts_->push_back(ip.v4().value());
    }
  }
  std::ranges::sort(*told_hosts_);
  told_hosts_->erase(std::unique(told_hosts_->begin(), told_hosts_->end()), told_hosts_->end());
}

void SurveyController::start_auto_rate() {
  constexpr PacketsPerSecond kNoLimit{1e8};
  RateController::Limits limits{.initial = RateSpec::kAutoStart, .maximum = kNoLimit};
  if (options_.max_rate) {
    const PacketsPerSecond most = options_.max_rate->for_frame(BitsPerSecond::kShortestFrame);
    if (!most.is_unlimited()) limits.maximum = most;
  }
  auto_rate_ = std::make_unique<AutoRate>(scanner_, limits);
  intake_.set_auto_rate(auto_rate_.get());
}

SweepPlanner::Known SurveyController::known() const {
  return {.ledger = intake_.ledger(), .answering = intake_.answering(), .damaged = damaged_};
}

// Ranges known before and those found by this process, merged, and no more than a checkpoint holds.
void SurveyController::note_damage() {
  const SweepPlanner::Config& plan = planner_.config();
  std::vector<PositionRange> all = damaged_before_;
  const auto found = auto_rate_->damaged(plan.first, plan.last);
  all.insert(all.end(), found.begin(), found.end());
  std::ranges::sort(all, {}, &PositionRange::first);
  damaged_.clear();
  for (const PositionRange& range : all) {
    if (!damaged_.empty() && range.first <= damaged_.back().last) {
      damaged_.back().last = std::max(damaged_.back().last, range.last);
    } else {
      damaged_.push_back(range);
    }
  }
  while (damaged_.size() > DamageMark::kMost) {
    std::size_t closest = 1;
    for (std::size_t i = 2; i < damaged_.size(); ++i) {
      const auto gap = [&](std::size_t at) { return damaged_[at].first - damaged_[at - 1].last; };
      if (gap(i) < gap(closest)) closest = i;
    }
    damaged_[closest - 1].last = damaged_[closest].last;
    damaged_.erase(damaged_.begin() + static_cast<std::ptrdiff_t>(closest));
  }
  if (!keeper_) return;
  DamageMark mark{.count = damaged_.size()};
  for (std::size_t i = 0; i < damaged_.size(); ++i) {
    mark.ranges[i] = {damaged_[i].first, damaged_[i].last};
  }
  keeper_->checkpoint().mark_damage(mark);
}

void SurveyController::send(dataplane::Sweep sweep) {
  scanner_.begin_sweep(std::move(sweep), keeper_ ? &keeper_->lanes_for(sweep_) : nullptr);
}

bool SurveyController::is_over() {
  if (!scanner_.sending_finished()) return false;
  const auto now = Clock::now();
  if (phase_ == SurveyPhase::Sending) end_sweep(now);
  if (phase_ == SurveyPhase::BetweenSweeps) {
    if (now - sweep_ended_ < options_.retry_delay || begin_next_sweep()) return false;
    phase_ = SurveyPhase::CoolingDown;
  }
  if (scanner_.receives() && now - sweep_ended_ < options_.cooldown) return false;
  if (stage_ && !stage_->is_done(now)) {
    phase_ = SurveyPhase::HearingPorts;
    return false;
  }
  return services_done(now);
}

bool SurveyController::services_done(Clock::time_point now) {
  if (!handoff_ || handoff_->waiting() == 0) return true;
  phase_ = SurveyPhase::AskingServices;
  cut_short_ = cut_short_ || (options_.max_runtime && now - started_ >= *options_.max_runtime);
  return cut_short_;
}

void SurveyController::end_sweep(Clock::time_point now) {
  sweep_ended_ = now;
  sending_time_ += now - sweep_started_;
  cut_short_ =
      options_.max_runtime && now - started_ >= *options_.max_runtime &&
      dataplane::taken_in_all(scanner_.lanes()) < scanner_.sweep().last - scanner_.sweep().first;
  // Without congestion control and retries no sweep follows the last that everybody gets.
  const bool repeats = auto_rate_ || planner_.config().retries != RetryMode::None;
  const unsigned most = repeats ? planner_.most_sweeps() : planner_.config().probes;
  const bool more = !cut_short_ && sweep_ < most && scanner_.receives();
  phase_ = more ? SurveyPhase::BetweenSweeps : SurveyPhase::CoolingDown;
}

// False when there is nothing left to probe.
bool SurveyController::begin_next_sweep() {
  constexpr auto kLongestSettling = 10s;
  if (auto_rate_ && sweep_ < planner_.first_repeat()) {
    const bool settled = auto_rate_->settle(sweep_ended_);
    if (!settled && Clock::now() - sweep_ended_ < kLongestSettling) return true;  // Not yet.
    note_damage();
  }
  for (unsigned number = sweep_ + 1; number <= planner_.most_sweeps(); ++number) {
    auto next = planner_.sweep(number, known());
    if (!next) continue;
    sweep_ = number;
    if (planner_.is_retry(sweep_) && !std::exchange(repeating_, true)) {
      sent_before_repeats_ = progress().sent;
      open_before_repeats_ = progress().found_in(PortState::Open);
    }
    sweep_started_ = Clock::now();
    phase_ = SurveyPhase::Sending;
    send(std::move(*next));
    return true;
  }
  return false;
}
}  // namespace trawl::control
