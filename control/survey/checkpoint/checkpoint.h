#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/verdict.h"
#include "control/survey/checkpoint/checkpoint_layout.h"
#include "control/survey/checkpoint/checkpoint_plan.h"
#include "control/survey/checkpoint/mapped_file.h"
#include "dataplane/sweep.h"

namespace trawl::control {

// One verdict as the journal keeps it.
struct JournalEntry {
  std::uint64_t index = 0;  // Of the target.
  PortState state = PortState::Open;
  std::uint8_t attempt = 1;
  // No verdict: the service behind the target, which was open before, was asked and written.
  bool is_answer = false;
};

// Where a survey is, on disk at every moment: sending cores keep their cursors in the mapped file,
// and every verdict is in its journal before it is in an output.
//
// After a killed process (or any end but the machine's) the mapped pages tell to the last probe
// what was sent; after a power failure the last slot does, which was written only once all it
// speaks of was on the disk. Which it was, the boot id tells.
//
// Thread: the control thread, but for the lanes, and snapshot() which write_slot() takes elsewhere.
class Checkpoint {
 public:
  // Makes the file. Fails with Output, also when it is there: it may be all there is of a survey.
  [[nodiscard]] static Result<std::unique_ptr<Checkpoint>> create(const std::string& path,
                                                                  const CheckpointPlan& plan);
  // Opens one to go on. Fails with BadInput: no checkpoint, another version, damaged, in use.
  [[nodiscard]] static Result<std::unique_ptr<Checkpoint>> open(const std::string& path);

  [[nodiscard]] const CheckpointPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }

  // What open() found. Defaults for a new file.
  struct Restored {
    bool finished = false;
    bool after_power_failure = false;
    std::uint64_t sweep = 0;          // 0: none has begun.
    std::uint64_t sweep_journal = 0;  // Journal entries when it began.
    std::uint64_t journal = 0;        // Entries now.
    std::array<std::uint64_t, dataplane::kLanes> lanes{};
    OutputMark outputs;
    TotalsMark totals;
    DamageMark damage;
  };
  [[nodiscard]] const Restored& restored() const noexcept { return restored_; }
  // Entry `number` < restored().journal. Fails with BadInput where it is damaged.
  [[nodiscard]] Result<JournalEntry> entry(std::uint64_t number);
  // Verdict `number`, which is no answer and which the outputs may not have:
  // restored().outputs.journal <= number.
  // Its hint is left to whoever knows the names: unwritten_hint().
  [[nodiscard]] Verdict unwritten(std::uint64_t number) const;
  // What that verdict said of the system, where it said something.
  struct UnwrittenHint {
    std::uint16_t number = 0;  // Of the SystemName...
    std::uint32_t digest = 0;  // ...and its digest.
    std::uint8_t confidence = 0;
    std::uint8_t hops = 0;
  };
  [[nodiscard]] std::optional<UnwrittenHint> unwritten_hint(std::uint64_t number) const;

  // Begins sweep `number` with every lane at its start, or where open() found them.
  [[nodiscard]] dataplane::Lanes& begin_sweep(std::uint64_t number);
  [[nodiscard]] dataplane::Lanes& continue_sweep();

  // Notes a verdict. Fails with Output, once, when the journal can not grow: the verdict is noted
  // all the same, and so are some 98,000 more.
  [[nodiscard]] Result<void> record(const JournalEntry& entry, const Verdict& verdict);
  // Notes that the service of a target was asked, before the outputs have what was found. Fails as
  // record().
  [[nodiscard]] Result<void> record_answer(std::uint64_t index);
  // True when the outputs should be flushed and marked, or the ring would overwrite verdicts.
  [[nodiscard]] bool wants_flush() const noexcept;
  // Right after a flush: every recorded verdict is in the outputs, which are this long.
  void mark_outputs(std::span<const OutputMark::Place> outputs);
  // Output `number`, which has no verdicts, is this long: the others are where they were. Needs
  // outputs that were marked.
  void mark_capture(std::size_t number, OutputMark::Place place);
  // Every position before `lanes` of the present sweep is answered or never will be.
  void mark_settled(const std::array<std::uint64_t, dataplane::kLanes>& lanes);
  void mark_totals(TotalsMark totals);
  void mark_damage(const DamageMark& damage);
  void mark_finished();

  // What a slot written now would say. Needs the outputs marked, nothing recorded since.
  [[nodiscard]] Slot snapshot() const;
  // Makes the file last, then the slot. Any thread, one at a time. Fails with Output.
  [[nodiscard]] Result<void> write_slot(Slot slot);

 private:
  explicit Checkpoint(MappedFile file) : file_{std::move(file)} {}
  [[nodiscard]] Result<void> attach(const CheckpointHeader& header);
  [[nodiscard]] Result<void> restore();
  void restore_live();
  [[nodiscard]] bool restore_slot();
  [[nodiscard]] Result<void> keep_ahead(std::uint64_t number);
  [[nodiscard]] Result<void> append(const JournalEntry& entry);
  [[nodiscard]] Result<std::uint64_t*> journal_word(std::uint64_t number);

  MappedFile file_;
  CheckpointPlan plan_;
  CheckpointHeader header_;
  LiveState* live_ = nullptr;
  RingEntry* ring_ = nullptr;
  MappedFile::Window fixed_;  // Live state, slots and ring.
  MappedFile::Window journal_;
  std::uint64_t journal_allocated_ = 0;  // Entries the file has room for.
  bool out_of_space_ = false;            // And said so.
  std::uint64_t slot_sequence_ = 0;
  Restored restored_;
};

}  // namespace trawl::control
