#include "control/survey/survey_monitor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace trawl::control {
namespace {

using dataplane::Counter;
using dataplane::CounterKind;

std::uint64_t value_of(const dataplane::CounterValues& values, Counter counter) {
  return values[static_cast<std::size_t>(counter)];
}

}  // namespace

SurveyMonitor::SurveyMonitor(const SurveyOptions& options, const dataplane::Link& link,
                             const dataplane::Scanner& scanner, const ReplyIntake& intake)
    : options_{options},
      link_{link},
      scanner_{scanner},
      intake_{intake},
      last_shown_{Clock::now()},
      terminal_{isatty(STDERR_FILENO) == 1} {
  const SweepPlanner::Config& plan = intake.planner().config();
  progress_.targets = plan.last - plan.first;
  progress_.sought = sought_state(scanner.kind());
  if (const auto limit = scanner.network_limit()) {
    const double share = static_cast<double>(plan.last - plan.first) /
                         static_cast<double>(std::max<std::uint64_t>(1, plan.space->size()));
    const double packets =
        share * static_cast<double>(plan.space->ports().size()) * limit->most_addresses;
    network_time_ = std::chrono::nanoseconds{
        static_cast<std::int64_t>(std::min(1e18, 1e9 * packets / limit->rate.per_second()))};
  }
}

void SurveyMonitor::begin_course() {
  noted_.start = progress_.elapsed;
  noted_.sent = progress_.sent;
  noted_.found = progress_.found_in(progress_.sought);
}

void SurveyMonitor::note(PacketsPerSecond asked, std::optional<RateReason> reason) {
  const std::uint64_t found = progress_.found_in(progress_.sought);
  const RatePoint point{.start = noted_.start,
                        .length = progress_.elapsed - noted_.start,
                        .asked = asked.is_unlimited() ? -1.0 : asked.per_second(),
                        .sent = progress_.sent - noted_.sent,
                        .found = found - std::min(found, noted_.found),
                        .reason = reason};
  noted_.start = progress_.elapsed;
  noted_.sent = progress_.sent;
  noted_.found = found;
  if (point.sent == 0 && progress_.phase != SurveyPhase::Sending) {
    history_.add_found(point.found);
  } else if (point.length.count() > 0) {
    history_.add(point);
  }
  progress_.history = history_.points();
}

const SurveyProgress& SurveyMonitor::update(const Stage& stage) {
  const ReplyIntake::Counts& counts = intake_.counts();
  progress_.phase = stage.phase;
  const std::chrono::nanoseconds run = stage.now - stage.started;
  progress_.elapsed = run + std::chrono::nanoseconds{before_.elapsed_ns};
  progress_.sending_time = stage.sending_time + std::chrono::nanoseconds{before_.sending_ns};
  progress_.cooldown_left = stage.wait_left;
  if (options_.max_runtime) {
    progress_.runtime_left = std::max(std::chrono::nanoseconds{0}, *options_.max_runtime - run);
  }
  progress_.sweep = stage.sweep;
  // A survey may fail before it has one.
  if (scanner_.has_sweep()) {
    const dataplane::Sweep& sweep = scanner_.sweep();
    progress_.sweep_total = sweep.last - sweep.first;
    progress_.sweep_done = dataplane::taken_in_all(scanner_.lanes());
    progress_.network_time = sweep.skip ? std::chrono::nanoseconds{0} : network_time_;
  }
  progress_.replies = counts.replies;
  progress_.duplicates = counts.duplicates;
  progress_.found = counts.found;
  collect_counters();
  progress_.repeats = stage.repeating ? progress_.sent - stage.sent_before_repeats : 0;
  return progress_;
}

void SurveyMonitor::collect_counters() {
  const auto counters = scanner_.counters();
  counters_ = link_.counters();
  progress_.sent = before_.sent + value_of(counters, Counter::ProbesSent);
  progress_.limited = value_of(counters, Counter::ProbesLimited);
  progress_.resets = value_of(counters, Counter::ResetsSent);
  progress_.resets_dropped = value_of(counters, Counter::ResetsDropped);
  progress_.no_neighbour = value_of(counters, Counter::ProbesNoNeighbour);
  drops_.clear();
  ignored_.clear();
  others_.clear();
  for (std::size_t i = 0; i < dataplane::kCounters; ++i) {
    const auto& info = dataplane::counter_info(static_cast<Counter>(i));
    auto& list = info.kind == CounterKind::Loss      ? drops_
                 : info.kind == CounterKind::Ignored ? ignored_
                                                     : others_;
    list.push_back({info.name, counters[i]});
  }
  drops_.push_back({"link_tx_errors", counters_.tx_errors});
  drops_.push_back({"link_tx_dropped", counters_.tx_dropped});
  drops_.push_back({"link_rx_missed", counters_.rx_missed});
  drops_.push_back({"link_rx_errors", counters_.rx_errors});
  drops_.push_back({"link_rx_no_buffer", counters_.rx_no_buffer});
  others_.push_back({"link_tx_frames", counters_.tx_frames});
  others_.push_back({"link_rx_frames", counters_.rx_frames});
  others_.push_back({"sentinel_replies", intake_.counts().sentinels});
  ignored_.push_back({"replies_not_in_plan", intake_.counts().not_in_plan});
  ignored_.push_back({"replies_before_probe", intake_.counts().before_probe});
  progress_.ignored = ignored_;
  progress_.drops = drops_;
  progress_.others = others_;
}

// What cannot be shown is not worth an end: standard error may be closed, or on a full disk.
void SurveyMonitor::show() {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_shown_).count();
  progress_.send_rate = static_cast<double>(progress_.sent - last_sent_) / seconds;
  progress_.reply_rate = static_cast<double>(progress_.replies - last_replies_) / seconds;
  last_shown_ = now;
  last_sent_ = progress_.sent;
  last_replies_ = progress_.replies;
  if (options_.status_json) {
    const std::string line = format_status_json(progress_, std::chrono::system_clock::now());
    std::fputs(line.c_str(), stderr);
  } else if (terminal_ && !options_.quiet) {
    const std::string line = "\r\x1b[K" + format_progress_line(progress_);
    std::fputs(line.c_str(), stderr);
    line_shown_ = true;
  }
}

void SurveyMonitor::show_last() {
  if (!options_.status_json) return;
  const std::string line =
      format_status_json(progress_, std::chrono::system_clock::now(), StatusRecord::Final);
  std::fputs(line.c_str(), stderr);
}

void SurveyMonitor::end() {
  if (line_shown_) std::fputs("\r\x1b[K", stderr);
  line_shown_ = false;
}

}  // namespace trawl::control
