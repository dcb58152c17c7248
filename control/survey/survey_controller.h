#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/result_sink.h"
#include "control/survey/reply_ledger.h"
#include "control/survey/status.h"
#include "control/survey/survey_options.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// How a survey ended.
struct SurveyOutcome {
  ExitCode code = ExitCode::Done;
  std::string reason = "finished";  // Or "interrupted", "max-runtime", or a sentence.
};

// Runs a prepared survey to its end: takes replies, keeps each target's best verdict, writes new
// ones, shows progress, watches the link, and stops when the space is probed and the cooldown over.
//
// Thread: the control thread; nothing here runs on a polling core.
class SurveyController {
 public:
  SurveyController(const SurveyOptions& options, dataplane::Link& link, dataplane::Scanner& scanner,
                   ResultSink& sink);

  // Returns when the survey is over, `interrupted` becomes true, or something failed. Whatever was
  // found by then is written.
  [[nodiscard]] SurveyOutcome run(const std::atomic<bool>& interrupted);

  // As of now; spans in it are valid until the next call.
  [[nodiscard]] const SurveyProgress& progress();

 private:
  using Clock = std::chrono::steady_clock;

  bool is_over(const std::atomic<bool>& interrupted, SurveyOutcome& outcome);
  [[nodiscard]] Result<std::size_t> handle_replies();
  [[nodiscard]] bool accept(const dataplane::Reply& reply);
  [[nodiscard]] Result<void> once_a_second();
  [[nodiscard]] Result<void> check_health();
  [[nodiscard]] SurveyOutcome judge(SurveyOutcome outcome);
  void update_progress();
  void collect_drops();
  void show_progress();
  void end_progress_line() const;

  const SurveyOptions& options_;
  dataplane::Link& link_;
  dataplane::Scanner& scanner_;
  ResultSink& sink_;
  ReplyLedger ledger_;
  std::vector<dataplane::Reply> batch_;
  std::vector<Verdict> verdicts_;
  std::vector<NamedCounter> drops_;
  std::vector<NamedCounter> ignored_;
  SurveyProgress progress_;
  std::uint64_t not_in_plan_ = 0;   // Valid replies to targets of another plan with our key.
  std::uint64_t before_probe_ = 0;  // Valid replies to probes that have not left.
  Clock::time_point started_;
  Clock::time_point sending_ended_{};
  Clock::time_point next_second_;
  Clock::time_point next_health_check_;
  Clock::time_point last_sample_;
  std::uint64_t last_sent_ = 0;
  std::uint64_t last_replies_ = 0;
  bool terminal_;
  bool line_shown_ = false;
};

}  // namespace trawl::control
