#include "control/survey/checkpoint/checkpoint_keeper.h"

#include <utility>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

constexpr auto kSlotInterval = 2s;

}  // namespace

CheckpointKeeper::CheckpointKeeper(Checkpoint& checkpoint, std::vector<std::string> outputs,
                                   std::chrono::nanoseconds longest_wait,
                                   std::chrono::nanoseconds least_wait)
    : checkpoint_{checkpoint},
      tracker_{longest_wait, least_wait},
      writer_{checkpoint, std::move(outputs)},
      next_slot_{Clock::now() + kSlotInterval} {
  tracker_.assume(std::chrono::nanoseconds{checkpoint.restored().totals.slowest_ns});
}

dataplane::Lanes& CheckpointKeeper::lanes_for(std::uint64_t number) {
  const Checkpoint::Restored& restored = checkpoint_.restored();
  if (!std::exchange(continued_, true) && restored.sweep == number) {
    tracker_.restart(restored.lanes);
    return checkpoint_.continue_sweep();
  }
  tracker_.restart({});
  return checkpoint_.begin_sweep(number);
}

Result<void> CheckpointKeeper::record(std::uint64_t index, const Verdict& verdict) {
  if (verdict.rtt_us) tracker_.saw_round_trip(std::chrono::microseconds{*verdict.rtt_us});
  return checkpoint_.record({.index = index, .state = verdict.state, .attempt = verdict.attempt},
                            verdict);
}

void CheckpointKeeper::drained(Clock::time_point now, const dataplane::Lanes& lanes,
                               const TotalsMark& totals) {
  if (!tracker_.drained(now, lanes)) return;
  checkpoint_.mark_settled(tracker_.settled());
  mark_totals(totals);
}

void CheckpointKeeper::mark_totals(TotalsMark totals) {
  totals.slowest_ns = static_cast<std::uint64_t>(tracker_.slowest().count());
  checkpoint_.mark_totals(totals);
}

Result<void> CheckpointKeeper::flushed(Clock::time_point now,
                                       std::span<const OutputMark::Place> outputs) {
  checkpoint_.mark_outputs(outputs);
  if (now < next_slot_) return {};
  const auto begun = writer_.begin(checkpoint_.snapshot());
  if (!begun) return Failure{begun.error()};
  if (*begun) next_slot_ = now + kSlotInterval;
  return {};
}

Result<void> CheckpointKeeper::close(const TotalsMark& totals, bool finished) {
  mark_totals(totals);
  if (finished) checkpoint_.mark_finished();
  return writer_.finish(checkpoint_.snapshot());
}

}  // namespace trawl::control
