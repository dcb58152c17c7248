#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/result_sink.h"
#include "control/survey/reply_ledger.h"
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
    std::uint64_t before_probe = 0;  // Valid replies to probes that have not left.
    std::array<std::uint64_t, kPortStates> found{};
  };

  // Needs all three to outlive this.
  ReplyIntake(const SweepPlanner& planner, dataplane::Scanner& scanner, ResultSink& sink,
              ByteCount memory);

  // Takes one batch; returns how many replies were in it. Fails with Output.
  [[nodiscard]] Result<std::size_t> take_batch();

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] const SweepPlanner& planner() const noexcept { return planner_; }
  [[nodiscard]] const ReplyLedger& ledger() const noexcept { return ledger_; }
  [[nodiscard]] const AnsweringNetworks& answering() const noexcept { return answering_; }

 private:
  [[nodiscard]] bool accept(const dataplane::Reply& reply);
  [[nodiscard]] bool probed_already(std::uint64_t index) const;

  const SweepPlanner& planner_;
  dataplane::Scanner& scanner_;
  ResultSink& sink_;
  ReplyLedger ledger_;
  AnsweringNetworks answering_;
  Counts counts_;
  std::vector<dataplane::Reply> batch_;
  std::vector<Verdict> verdicts_;
};

}  // namespace trawl::control
