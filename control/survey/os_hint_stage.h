#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/result_sink.h"
#include "control/survey/checkpoint/checkpoint.h"
#include "control/survey/machine_watch.h"
#include "control/survey/os_hints.h"
#include "control/survey/status.h"
#include "control/survey/sweep_planner.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// What a survey makes of SYN-ACKs: a hint for each open port, and in the end the addresses whose
// ports are on different machines. No packet is sent for it.
//
// The heads of SYN-ACKs come beside the replies: after each batch take() gets them, and next_head()
// is then asked once for each reply that is a SYN-ACK, in the order of the batch.
//
// Thread: the control thread.
class OsHintStage {
 public:
  // Needs all of them to outlive this. Ports are compared where the plan has several.
  OsHintStage(OsHints& hints, const SweepPlanner& planner, dataplane::Scanner& scanner,
              ResultSink& sink);

  void take(std::span<const dataplane::Reply> batch);
  // nullptr where the scanner was not asked for them.
  [[nodiscard]] const dataplane::SynAckHead* next_head() noexcept {
    return next_ < heads_taken_ ? &heads_[next_++] : nullptr;
  }
  // Starts loading what found() will need.
  void prefetch(std::uint64_t index) const noexcept {
    if (watch_) watch_->prefetch(index / ports_);
  }
  // A target was found open by such a SYN-ACK, once for each.
  SystemHint found(std::uint64_t index, const dataplane::Reply& reply,
                   const dataplane::SynAckHead& head);
  // What a process before this one had found.
  [[nodiscard]] SystemHint restored(const Checkpoint::UnwrittenHint& hint) const noexcept;

  // Tells of machines; nothing may be found afterwards. Fails with Output.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] OsHintProgress progress() const;

 private:
  [[nodiscard]] MachinesFact fact_of(const MachineWatch::Finding& finding) const;

  OsHints& hints_;
  const SweepPlanner& planner_;
  dataplane::Scanner& scanner_;
  ResultSink& sink_;
  const std::uint64_t ports_;          // Of the plan.
  std::optional<MachineWatch> watch_;  // Where these are several.
  std::vector<dataplane::SynAckHead> heads_;
  std::size_t heads_taken_ = 0;
  std::size_t next_ = 0;
  std::uint64_t several_ = 0;  // Addresses told of.
};

}  // namespace trawl::control
