#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/steward/live_blocklist.h"
#include "control/survey/auto_rate.h"
#include "control/survey/capture_intake.h"
#include "control/survey/checkpoint/checkpoint_keeper.h"
#include "control/survey/open_port_stage.h"
#include "control/survey/os_hint_stage.h"
#include "control/survey/output/survey_outputs.h"
#include "control/survey/recall_estimate.h"
#include "control/survey/reply_intake.h"
#include "control/survey/service_handoff.h"
#include "control/survey/status.h"
#include "control/survey/survey_monitor.h"
#include "control/survey/survey_options.h"
#include "control/survey/sweep_planner.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// How a survey ended.
struct SurveyOutcome {
  ExitCode code = ExitCode::Done;
  std::string reason = "finished";  // Or "interrupted", "max-runtime", or a sentence.
};

// Runs a prepared survey to its end: one sweep after the other, with pauses between them, taking
// replies and watching the link all the while, and a cooldown at the end.
//
// Thread: the control thread; nothing here runs on a polling core.
class SurveyController {
 public:
  // What it works with; all of it must outlive this, and `checkpoint` may be absent.
  struct Parts {
    const SweepPlanner& planner;
    dataplane::Link& link;
    dataplane::Scanner& scanner;
    SurveyOutputs& outputs;
    LiveBlocklist& blocklist;  // Read again when `reload_wanted` becomes true.
    std::atomic<bool>& reload_wanted;
    ByteCount memory = ByteCount::mebibytes(512);  // For what is known of targets.
    Checkpoint* checkpoint = nullptr;
    // Absent unless open ports are asked what they are, or their hosts are.
    ServiceTier* services = nullptr;
    // Of hosts whose systems a checkpoint says are known, filled before any port is given away.
    std::shared_ptr<std::vector<std::uint32_t>> told_hosts = nullptr;  // Absent without --os.
    std::shared_ptr<const BannerRecogniser> banners = nullptr;         // Absent without banners.
    OsHints* os_hints = nullptr;                                       // Absent without --os-hints.
  };
  SurveyController(const SurveyOptions& options, const Parts& parts);

  // Returns when the survey is over, `interrupted` becomes true, or something failed. Whatever was
  // found by then is written.
  [[nodiscard]] SurveyOutcome run(const std::atomic<bool>& interrupted);

  // As of now, or as of the end; spans in it are valid until the next call.
  [[nodiscard]] const SurveyProgress& progress();
  // The last record of --status-json, if it is wanted.
  void show_last();
  // What congestion control did; empty with a fixed rate.
  [[nodiscard]] std::span<const RateDecision> rate_decisions() const noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> end();
  void reload_lists();
  [[nodiscard]] Result<bool> step(const std::atomic<bool>& interrupted);
  [[nodiscard]] bool is_over();
  void end_sweep(Clock::time_point now);
  [[nodiscard]] bool begin_next_sweep();
  void follow_open_ports(const Parts& parts);
  [[nodiscard]] bool services_done(Clock::time_point now);
  [[nodiscard]] Result<void> resume_services(Checkpoint& checkpoint);
  void tell_hosts_of(const ServiceBacklog& backlog);
  [[nodiscard]] Result<void> end_services(const std::atomic<bool>& interrupted, bool is_cut);
  [[nodiscard]] SweepPlanner::Known known() const;
  void start_auto_rate();
  void note_damage();
  [[nodiscard]] std::optional<RecallEstimate> estimate_recall();
  void send(dataplane::Sweep sweep);
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] TotalsMark totals();
  [[nodiscard]] std::vector<OutputMark::Place> places() const;
  [[nodiscard]] Result<void> once_a_second();
  [[nodiscard]] Result<void> check_health();
  void note_rate();
  [[nodiscard]] Failure gateway_silent() const;
  [[nodiscard]] SurveyOutcome judge(SurveyOutcome outcome);

  const SurveyOptions& options_;
  const SweepPlanner& planner_;
  dataplane::Link& link_;
  dataplane::Scanner& scanner_;
  SurveyOutputs& outputs_;
  LiveBlocklist& blocklist_;
  std::atomic<bool>& reload_wanted_;
  std::unique_ptr<CheckpointKeeper> keeper_;
  std::unique_ptr<AutoRate> auto_rate_;        // Absent with a fixed rate.
  SurveyTime last_decision_{-1};               // As of the last note_rate().
  std::vector<PositionRange> damaged_before_;  // Found by a process before this one.
  std::vector<PositionRange> damaged_;
  CaptureIntake capture_;
  ReplyIntake intake_;
  std::unique_ptr<OpenPortStage> stage_;     // Absent without --service and --banners.
  std::unique_ptr<ServiceHandoff> handoff_;  // Absent without --service and --os.
  std::shared_ptr<std::vector<std::uint32_t>> told_hosts_;
  std::unique_ptr<OsHintStage> os_hints_;  // Absent without --os-hints.
  SurveyMonitor monitor_;
  SurveyPhase phase_ = SurveyPhase::Sending;
  unsigned sweep_ = 1;
  bool cut_short_ = false;  // max_runtime ended the sending.
  bool repeating_ = false;
  bool finished_ = false;  // Nothing is left to do, not even for a resumed survey.
  std::uint64_t sent_before_repeats_ = 0;
  std::uint64_t open_before_repeats_ = 0;
  Clock::time_point started_;
  Clock::time_point sweep_started_;
  Clock::time_point sweep_ended_;
  std::chrono::nanoseconds sending_time_{0};  // Of the sweeps before this one.
  Clock::time_point next_second_;
  Clock::time_point next_health_check_;
};

}  // namespace trawl::control
