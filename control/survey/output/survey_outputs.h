#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/machines_fact.h"
#include "base/result.h"
#include "base/result_sink.h"
#include "control/survey/output/output_filter.h"
#include "control/survey/output/output_format.h"
#include "control/survey/output/output_stream.h"
#include "control/survey/output/pcap_writer.h"
#include "control/survey/output/record_formatter.h"
#include "control/survey/output/state_set.h"

namespace trawl::control {

// How far one output got: what a checkpoint keeps to continue it.
struct OutputPosition {
  std::string path;
  bool resumable = false;     // A regular file; false for standard output, pipes and devices.
  std::uint64_t bytes = 0;    // Whole records, and no footer, on the operating system's side...
  std::uint64_t records = 0;  // ...and how many they are.
  friend bool operator==(const OutputPosition&, const OutputPosition&) = default;
};

// One document in one format in one file.
class Output {
 public:
  // Writes the header at once: a full disk is found here and not after the first reply. With
  // `resume_at` of a resumable output the file is cut there and continued; any other starts anew.
  [[nodiscard]] static Result<Output> open(const OutputSpec& spec,
                                           std::unique_ptr<RecordFormatter> formatter,
                                           const std::optional<OutputPosition>& resume_at);

  [[nodiscard]] bool holds_frames() const noexcept { return holds_frames_; }
  [[nodiscard]] bool has_room() const noexcept {
    return stream_.room() >= RecordFormatter::kLongestRecord;
  }
  // Needs has_room(), and that it holds verdicts.
  void write(const Verdict& verdict) noexcept {
    char* const start = stream_.tail();
    const char* const end = formatter_->write(start, verdict, records_++);
    stream_.commit(static_cast<std::size_t>(end - start));
  }
  // The record of a fact, "" where this output takes none.
  [[nodiscard]] std::string record_of(const ServiceFact& fact) {
    return holds_frames_ ? std::string{} : formatter_->fact_record(fact, records_);
  }
  [[nodiscard]] std::string record_of(const NetworkFact& fact) {
    return holds_frames_ ? std::string{} : formatter_->network_record(fact);
  }
  [[nodiscard]] std::string record_of(const MachinesFact& fact) {
    return holds_frames_ ? std::string{} : formatter_->machines_record(fact);
  }
  [[nodiscard]] bool has_room_for(std::string_view record) const noexcept {
    return stream_.room() >= record.size();
  }
  // Needs has_room_for() of it, and one that is not "".
  void write_record(std::string_view record) noexcept { put_record(record); }
  // Needs holds_frames(). What finds no room waits for a flush() that does not fail.
  void write(const dataplane::CapturedFrame& frame, const TscClock& clock);
  // After it has_room() holds, unless it failed.
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] Result<void> sync() { return stream_.sync(); }
  [[nodiscard]] Result<void> close();

  // As of the last flush that did not fail.
  [[nodiscard]] const OutputPosition& position() const noexcept { return position_; }

 private:
  Output(OutputStream stream, std::unique_ptr<RecordFormatter> formatter, OutputPosition position,
         bool holds_frames);
  void take_position();
  void put_record(std::string_view record) noexcept;

  OutputStream stream_;
  std::unique_ptr<RecordFormatter> formatter_;
  std::uint64_t records_;
  OutputPosition position_;
  bool holds_frames_;
  std::deque<std::string> waiting_;  // Frames that found no room.
};

struct SurveyOutputsOptions {
  std::vector<OutputSpec> outputs{OutputSpec{}};  // At least one.
  OutputFields fields;
  StateSet states = StateSet::open_only();  // A verdict is written where both of these hold.
  OutputFilter filter;
  RunDescription run;
};

// All outputs of a survey: each verdict, and each fact that passes the filter and that a format has
// a place for, goes to every one of them, or to none until all
// take it. Frames go to captures, which get no verdicts.
//
// What a failed write() could not hand to all outputs is kept, and goes first once a flush()
// succeeds: no verdict is lost or doubled by a disk that fills and is freed, and none has to be
// given again. A failure of one output does not keep flush() and close() from the others; the first
// failure is returned.
//
// Thread: one user. Cost: bench/control/survey_outputs_bench.cc.
class SurveyOutputs final : public ResultSink {
 public:
  // Opens every output, so that a place that cannot be written is known before anything is probed.
  // `resume_at` is empty, or what positions() of the survey to continue said. Fails with Output,
  // and with BadInput where `resume_at` belongs to other outputs.
  [[nodiscard]] static Result<std::unique_ptr<SurveyOutputs>> open(
      SurveyOutputsOptions options, std::span<const OutputPosition> resume_at = {});

  [[nodiscard]] bool takes(PortState state) const noexcept override {
    return options_.states.has(state);
  }
  [[nodiscard]] Result<void> write(std::span<const Verdict> verdicts) override;
  [[nodiscard]] Result<void> write_facts(std::span<const ServiceFact> facts) override;
  [[nodiscard]] Result<void> write_networks(std::span<const NetworkFact> facts) override;
  [[nodiscard]] Result<void> write_machines(std::span<const MachinesFact> facts) override;
  [[nodiscard]] Result<void> flush() override;
  [[nodiscard]] Result<void> close() override;
  // Takes the frames of replies, `clock` being that of their arrival, and hands them to the
  // operating system. What a failure left behind goes first the next time.
  [[nodiscard]] Result<void> write_frames(std::span<const dataplane::CapturedFrame> frames,
                                          const TscClock& clock);
  // The numbers of the captures.
  [[nodiscard]] std::vector<std::size_t> captures() const;
  // Makes what was flushed last on its disk: positions() then also survives a loss of power.
  [[nodiscard]] Result<void> sync();

  // One for each output, in their order, as of its last flush that did not fail. Taken right after
  // a flush() without failure they hold every verdict written before it.
  [[nodiscard]] std::vector<OutputPosition> positions() const;

 private:
  SurveyOutputs(SurveyOutputsOptions options, std::vector<Output> outputs);
  [[nodiscard]] bool wanted(const Verdict& verdict) const noexcept {
    return options_.states.has(verdict.state) && options_.filter.accepts(verdict);
  }
  [[nodiscard]] Result<void> make_room();
  void write_to_all(const Verdict& verdict) noexcept;
  template <typename Fact>
  [[nodiscard]] Result<void> write_fact(const Fact& told);
  [[nodiscard]] Result<void> write_pending();
  template <typename Act>
  [[nodiscard]] Result<void> for_each_output(Act act);

  SurveyOutputsOptions options_;
  std::vector<Output> outputs_;
  std::vector<Verdict> pending_;           // Taken, but in no output yet.
  std::deque<ServiceFact> pending_facts_;  // Likewise; they follow all of `pending_`.
  std::deque<NetworkFact> pending_networks_;
  std::deque<MachinesFact> pending_machines_;
};

}  // namespace trawl::control
