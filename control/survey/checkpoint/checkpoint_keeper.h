#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/survey/checkpoint/checkpoint.h"
#include "control/survey/checkpoint/settled_tracker.h"
#include "control/survey/checkpoint/slot_writer.h"
#include "dataplane/reply.h"
#include "dataplane/sweep.h"

namespace trawl::control {

// Keeps a checkpoint up to date while a survey runs.
//
// Thread: the control thread.
class CheckpointKeeper {
 public:
  using Clock = std::chrono::steady_clock;

  // Needs `checkpoint` to outlive this. `outputs` are the paths of the regular ones.
  CheckpointKeeper(Checkpoint& checkpoint, std::vector<std::string> outputs,
                   std::chrono::nanoseconds longest_wait, std::chrono::nanoseconds least_wait);

  [[nodiscard]] Checkpoint& checkpoint() noexcept { return checkpoint_; }

  // The lanes for sweep `number`, at their start or, the first time, where the checkpoint is.
  [[nodiscard]] dataplane::Lanes& lanes_for(std::uint64_t number);
  // Before the verdict is in any output. Fails with Output; it is noted all the same.
  [[nodiscard]] Result<void> record(std::uint64_t index, const Verdict& verdict);
  // Before what was found out about its service is in any output. Fails as record().
  [[nodiscard]] Result<void> record_answer(std::uint64_t index) {
    return checkpoint_.record_answer(index);
  }
  // All replies that had arrived have been taken and recorded.
  void drained(Clock::time_point now, const dataplane::Lanes& lanes, const TotalsMark& totals);
  [[nodiscard]] bool wants_flush() const noexcept { return checkpoint_.wants_flush(); }
  // After a flush of the outputs. Every other second the disk is made to follow; fails with Output
  // when it could not, the last time.
  [[nodiscard]] Result<void> flushed(Clock::time_point now,
                                     std::span<const OutputMark::Place> outputs);
  // Every recorded verdict is in the outputs, which are this long.
  void mark_outputs(std::span<const OutputMark::Place> outputs) {
    checkpoint_.mark_outputs(outputs);
  }
  // The end: makes all of it last. Nothing may follow.
  [[nodiscard]] Result<void> close(const TotalsMark& totals, bool finished);

 private:
  void mark_totals(TotalsMark totals);

  Checkpoint& checkpoint_;
  SettledTracker tracker_;
  SlotWriter writer_;
  Clock::time_point next_slot_{};
  bool continued_ = false;
};

}  // namespace trawl::control
