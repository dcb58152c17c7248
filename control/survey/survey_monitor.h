#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "control/survey/checkpoint/checkpoint_layout.h"
#include "control/survey/rate_history.h"
#include "control/survey/reply_intake.h"
#include "control/survey/status.h"
#include "control/survey/survey_options.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// Gathers what there is to know of a running survey, and shows it.
//
// Thread: the control thread.
class SurveyMonitor {
 public:
  using Clock = std::chrono::steady_clock;

  // What the monitor can not see for itself.
  struct Stage {
    SurveyPhase phase = SurveyPhase::Sending;
    unsigned sweep = 1;
    Clock::time_point started;
    Clock::time_point now;
    std::chrono::nanoseconds sending_time{0};
    std::chrono::nanoseconds wait_left{0};  // Of the cooldown or the pause between sweeps.
    std::uint64_t sent_before_repeats = 0;  // Meaningful once repeats began.
    bool repeating = false;
  };

  SurveyMonitor(const SurveyOptions& options, const dataplane::Link& link,
                const dataplane::Scanner& scanner, const ReplyIntake& intake);

  // What the survey had done before it was resumed.
  void add(const TotalsMark& before) { before_ = before; }

  void set_recall(const std::optional<RecallEstimate>& recall) { progress_.recall = recall; }

  void set_os_hints(OsHintProgress hints) { progress_.os_hints = std::move(hints); }
  void set_open_ports(const OpenPortProgress& ports) { progress_.open_ports = ports; }
  void set_services(const ServiceProgress& services) { progress_.services = services; }

  // Spans in it are valid until the next call.
  const SurveyProgress& update(const Stage& stage);
  [[nodiscard]] const SurveyProgress& progress() const noexcept { return progress_; }
  // As of the last update.
  [[nodiscard]] const dataplane::LinkCounters& link_counters() const noexcept { return counters_; }

  // The course of the survey begins here: what was done before is none of it.
  void begin_course();
  // Once a second, and at the end: what happened since the last time, at the rate `asked` for.
  // `reason` is that of the last change, where it changed.
  void note(PacketsPerSecond asked, std::optional<RateReason> reason);
  // Once a second: a line on the terminal, or a JSON object on standard error.
  void show();
  // The last JSON object, with the course of the survey, where such are wanted.
  void show_last();
  // Leaves the terminal clean.
  void end();

 private:
  void collect_counters();

  const SurveyOptions& options_;
  const dataplane::Link& link_;
  const dataplane::Scanner& scanner_;
  const ReplyIntake& intake_;
  TotalsMark before_;
  std::chrono::nanoseconds network_time_{0};
  SurveyProgress progress_;
  dataplane::LinkCounters counters_;
  RateHistory history_;
  RatePoint noted_;  // Totals, as of the last note().
  std::vector<NamedCounter> drops_, ignored_, others_;
  Clock::time_point last_shown_;
  std::uint64_t last_sent_ = 0;
  std::uint64_t last_replies_ = 0;
  bool terminal_;
  bool line_shown_ = false;
};

}  // namespace trawl::control
