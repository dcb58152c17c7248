#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/result_sink.h"
#include "control/survey/auto_rate.h"
#include "control/survey/capture_intake.h"
#include "control/survey/checkpoint/checkpoint_keeper.h"
#include "control/survey/open_port_stage.h"
#include "control/survey/os_hint_stage.h"
#include "control/survey/reply_ledger.h"
#include "control/survey/service_handoff.h"
#include "control/survey/sweep_planner.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// Takes replies out of the scanner, keeps each target's best verdict, and writes what is new.
//
// Thread: the control thread.
class ReplyIntake {
 public:
  struct Counts {
    std::uint64_t replies = 0;  // Valid ones, duplicates included.
    std::uint64_t duplicates = 0;
    std::uint64_t not_in_plan = 0;   // Valid replies to targets of another plan with our key.
    std::uint64_t sentinels = 0;     // Replies to the probes of sentinels.
    std::uint64_t before_probe = 0;  // Valid replies to probes that have not left.
    std::array<std::uint64_t, kPortStates> found{};
  };

  // Needs all of them to outlive this; `keeper` may be absent.
  ReplyIntake(const SweepPlanner& planner, dataplane::Scanner& scanner, ResultSink& sink,
              ByteCount memory, CheckpointKeeper* keeper);

  // Takes over what a checkpoint knew at the end, having called at_sweep() when it knew what its
  // sweep began with; then writes what the outputs lack. Fails with BadInput or Output.
  [[nodiscard]] Result<void> restore(Checkpoint& checkpoint, const std::function<void()>& at_sweep);

  // Tells `rate` of everything that comes from now on; it must outlive this.
  void set_auto_rate(AutoRate* rate) noexcept { auto_rate_ = rate; }

  // Lets `capture` have the frames of replies before anything is made of those; it must outlive
  // this.
  void set_capture(CaptureIntake* capture) noexcept { capture_ = capture; }

  // Hands ports to `handoff` as they are found open; it must outlive this.
  void set_handoff(ServiceHandoff* handoff) noexcept { handoff_ = handoff; }

  // Tells `stage` of ports as they are found open, ahead of the hand-off; it must outlive this.
  void set_stage(OpenPortStage* stage) noexcept { stage_ = stage; }

  // Lets `stage` look at the SYN-ACKs of ports as they are found open; it must outlive this.
  void set_os_hints(OsHintStage* stage) noexcept { os_hints_ = stage; }

  // Takes one batch; returns how many replies were in it. Fails with Output.
  [[nodiscard]] Result<std::size_t> take_batch();

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] const SweepPlanner& planner() const noexcept { return planner_; }
  [[nodiscard]] const ReplyLedger& ledger() const noexcept { return ledger_; }
  [[nodiscard]] const AnsweringNetworks& answering() const noexcept { return answering_; }

 private:
  void locate(std::span<const dataplane::Reply> replies,
              std::span<std::optional<std::uint64_t>> places) const;
  // `index` when the reply tells something new of that target; `repeat` when it is not the first
  // to do so.
  [[nodiscard]] std::optional<std::uint64_t> accept(const dataplane::Reply& reply,
                                                    std::optional<std::uint64_t> index,
                                                    bool& repeat);
  // Whether a finding of this state goes anywhere but into the counts.
  [[nodiscard]] bool is_kept(PortState state) const noexcept {
    return keeper_ != nullptr || sink_.takes(state);
  }
  // Tells those who look behind open ports; false where it tells nothing of services.
  bool tell(std::uint64_t index, const dataplane::Reply& reply);
  [[nodiscard]] Result<void> record_in_journal();
  void note(std::uint64_t index, const IpAddress& ip, PortState state);
  [[nodiscard]] bool probed_already(std::uint64_t index) const;

  const SweepPlanner& planner_;
  dataplane::Scanner& scanner_;
  ResultSink& sink_;
  CheckpointKeeper* const keeper_;
  const bool needs_networks_;  // For the retries, at the price of a cache miss a target.
  AutoRate* auto_rate_ = nullptr;
  CaptureIntake* capture_ = nullptr;
  ServiceHandoff* handoff_ = nullptr;
  OpenPortStage* stage_ = nullptr;
  OsHintStage* os_hints_ = nullptr;
  ReplyLedger ledger_;
  AnsweringNetworks answering_;
  Counts counts_;
  std::vector<dataplane::Reply> batch_;
  std::vector<Verdict> verdicts_;
  std::vector<std::uint64_t> indexes_;  // Of the verdicts' targets.
};

}  // namespace trawl::control
