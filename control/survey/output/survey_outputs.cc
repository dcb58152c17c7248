#include "control/survey/output/survey_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "control/survey/output/fact_fields.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

// Two names of one file, such as a link and where it leads.
Result<void> check_distinct(std::span<const OutputSpec> outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      std::error_code ignored;
      const bool regular = std::filesystem::is_regular_file(outputs[i].path, ignored);
      if (!regular || !std::filesystem::equivalent(outputs[i].path, outputs[j].path, ignored)) {
        continue;
      }
      return fail(ExitCode::Output,
                  fmt::format("{} and {} are one file; write each output to a file of its own",
                              quote(outputs[j].path), quote(outputs[i].path)));
    }
  }
  return {};
}

Result<void> check_same(std::span<const OutputSpec> outputs,
                        std::span<const OutputPosition> resume_at) {
  if (resume_at.empty()) return {};
  const auto same_path = [](const OutputSpec& output, const OutputPosition& position) {
    return output.path == position.path;
  };
  if (std::ranges::equal(outputs, resume_at, same_path)) return {};
  return fail(ExitCode::BadInput,
              "the outputs to continue are not those of this survey; name the same ones in the "
              "same order");
}

// A header with a long command line may be larger than what a stream holds.
Result<void> write_header(OutputStream& stream, std::string_view header) {
  while (header.size() > stream.room()) {
    const std::size_t part = header.copy(stream.tail(), stream.room());
    stream.commit(part);
    header.remove_prefix(part);
    if (auto flushed = stream.flush({}); !flushed) return flushed;
  }
  stream.commit(header.copy(stream.tail(), header.size()));
  return {};
}

}  // namespace

Output::Output(OutputStream stream, std::unique_ptr<RecordFormatter> formatter,
               OutputPosition position, bool holds_frames)
    : stream_{std::move(stream)},
      formatter_{std::move(formatter)},
      records_{position.records},
      position_{std::move(position)},
      holds_frames_{holds_frames} {}

Result<Output> Output::open(const OutputSpec& spec, std::unique_ptr<RecordFormatter> formatter,
                            const std::optional<OutputPosition>& resume_at) {
  const bool resumes = resume_at && resume_at->resumable;
  const bool frames = control::holds_frames(spec);
  auto stream =
      OutputStream::open(spec.path, resumes ? std::optional{resume_at->bytes} : std::nullopt,
                         frames ? OutputUnit::Record : OutputUnit::Line);
  if (!stream) return Failure{stream.error()};
  OutputPosition position{.path = spec.path, .resumable = stream->is_resumable()};
  if (resumes) {
    position.bytes = resume_at->bytes;
    position.records = resume_at->records;
  } else if (auto headed = write_header(*stream, formatter->header()); !headed) {
    return Failure{headed.error()};
  }
  Output output{std::move(*stream), std::move(formatter), std::move(position), frames};
  if (auto flushed = output.stream_.flush(output.formatter_->footer(output.records_)); !flushed) {
    return Failure{flushed.error()};
  }
  output.take_position();
  return output;
}

void Output::take_position() {
  position_.bytes = stream_.position();
  position_.records = records_;
}

Result<void> Output::flush() {
  for (;;) {
    if (records_ != position_.records) {
      if (auto flushed = stream_.flush(formatter_->footer(records_)); !flushed) return flushed;
      take_position();
    }
    if (waiting_.empty()) return {};
    for (; !waiting_.empty() && has_room(); waiting_.pop_front()) put_record(waiting_.front());
  }
}

void Output::put_record(std::string_view record) noexcept {
  stream_.commit(record.copy(stream_.tail(), record.size()));
  ++records_;
}

// A full disk is told by flush(); until then what finds no room waits.
void Output::write(const dataplane::CapturedFrame& frame, const TscClock& clock) {
  std::array<char, PcapWriter::kLongestFrame> bytes;
  const char* const end = PcapWriter::write_frame(bytes.data(), frame, clock);
  const std::string_view record{bytes.data(), static_cast<std::size_t>(end - bytes.data())};
  if (waiting_.empty() && !has_room()) static_cast<void>(flush());
  if (waiting_.empty() && has_room()) {
    put_record(record);
  } else {
    waiting_.emplace_back(record);
  }
}

Result<void> Output::close() {
  if (auto closed = stream_.close(formatter_->footer(records_)); !closed) return closed;
  take_position();
  return {};
}

SurveyOutputs::SurveyOutputs(SurveyOutputsOptions options, std::vector<Output> outputs)
    : options_{std::move(options)}, outputs_{std::move(outputs)} {}

Result<std::unique_ptr<SurveyOutputs>> SurveyOutputs::open(
    SurveyOutputsOptions options, std::span<const OutputPosition> resume_at) {
  if (auto same = check_same(options.outputs, resume_at); !same) return Failure{same.error()};
  if (auto distinct = check_distinct(options.outputs); !distinct) return Failure{distinct.error()};
  std::vector<Output> outputs;
  for (std::size_t i = 0; i < options.outputs.size(); ++i) {
    const OutputSpec& spec = options.outputs[i];
    auto output = Output::open(spec, make_formatter(spec.format, options.fields, options.run),
                               resume_at.empty() ? std::nullopt : std::optional{resume_at[i]});
    if (!output) return Failure{output.error()};
    outputs.push_back(std::move(*output));
  }
  return std::unique_ptr<SurveyOutputs>{new SurveyOutputs{std::move(options), std::move(outputs)}};
}

// The first failure, after every output had its turn.
template <typename Act>
Result<void> SurveyOutputs::for_each_output(Act act) {
  Result<void> first;
  for (Output& output : outputs_) {
    auto done = act(output);
    if (!done && first) first = std::move(done);
  }
  return first;
}

Result<void> SurveyOutputs::make_room() {
  for (Output& output : outputs_) {
    if (output.holds_frames() || output.has_room()) continue;
    if (auto flushed = output.flush(); !flushed) return flushed;
  }
  return {};
}

void SurveyOutputs::write_to_all(const Verdict& verdict) noexcept {
  for (Output& output : outputs_) {
    if (!output.holds_frames()) output.write(verdict);
  }
}

Result<void> SurveyOutputs::write_frames(std::span<const dataplane::CapturedFrame> frames,
                                         const TscClock& clock) {
  return for_each_output([&](Output& output) -> Result<void> {
    if (!output.holds_frames()) return {};
    for (const dataplane::CapturedFrame& frame : frames) output.write(frame, clock);
    return output.flush();
  });
}

std::vector<std::size_t> SurveyOutputs::captures() const {
  std::vector<std::size_t> captures;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].holds_frames()) captures.push_back(i);
  }
  return captures;
}

Result<void> SurveyOutputs::write(std::span<const Verdict> verdicts) {
  if (auto written = write_pending(); !written) {
    std::ranges::copy_if(verdicts, std::back_inserter(pending_),
                         [this](const Verdict& verdict) { return wanted(verdict); });
    return written;
  }
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (!wanted(verdicts[i])) continue;
    if (auto room = make_room(); !room) {
      std::ranges::copy_if(verdicts.subspan(i), std::back_inserter(pending_),
                           [this](const Verdict& verdict) { return wanted(verdict); });
      return room;
    }
    write_to_all(verdicts[i]);
  }
  return {};
}

// To all outputs or, where one has no room and can make none, to none.
template <typename Fact>
Result<void> SurveyOutputs::write_fact(const Fact& told) {
  std::vector<std::string> records;
  for (Output& output : outputs_) {
    records.push_back(output.record_of(told));
    if (output.has_room_for(records.back())) continue;
    if (auto flushed = output.flush(); !flushed) return flushed;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!records[i].empty()) outputs_[i].write_record(records[i]);
  }
  return {};
}

Result<void> SurveyOutputs::write_facts(std::span<const ServiceFact> facts) {
  for (const ServiceFact& fact : facts) {
    if (options_.filter.accepts(fact)) pending_facts_.push_back(fact);
  }
  return write_pending();
}

Result<void> SurveyOutputs::write_networks(std::span<const NetworkFact> facts) {
  for (const NetworkFact& fact : facts) {
    if (options_.filter.accepts(fact)) pending_networks_.push_back(fact);
  }
  return write_pending();
}

Result<void> SurveyOutputs::write_machines(std::span<const MachinesFact> facts) {
  for (const MachinesFact& fact : facts) {
    if (options_.filter.accepts(fact)) pending_machines_.push_back(fact);
  }
  return write_pending();
}

Result<void> SurveyOutputs::write_pending() {
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (auto room = make_room(); !room) {
      pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(i));
      return room;
    }
    write_to_all(pending_[i]);
  }
  pending_.clear();
  for (; !pending_facts_.empty(); pending_facts_.pop_front()) {
    if (auto written = write_fact(limited(pending_facts_.front())); !written) return written;
  }
  for (; !pending_networks_.empty(); pending_networks_.pop_front()) {
    if (auto written = write_fact(pending_networks_.front()); !written) return written;
  }
  for (; !pending_machines_.empty(); pending_machines_.pop_front()) {
    if (auto written = write_fact(pending_machines_.front()); !written) return written;
  }
  return {};
}

Result<void> SurveyOutputs::flush() {
  auto done = for_each_output([](Output& output) { return output.flush(); });
  const bool is_all = pending_.empty() && pending_facts_.empty() && pending_networks_.empty() &&
                      pending_machines_.empty();
  if (!done || is_all) return done;
  if (auto written = write_pending(); !written) return written;
  return for_each_output([](Output& output) { return output.flush(); });
}

Result<void> SurveyOutputs::sync() {
  return for_each_output([](Output& output) { return output.sync(); });
}

Result<void> SurveyOutputs::close() {
  auto flushed = flush();
  auto closed = for_each_output([](Output& output) { return output.close(); });
  return flushed ? closed : flushed;
}

std::vector<OutputPosition> SurveyOutputs::positions() const {
  std::vector<OutputPosition> positions;
  for (const Output& output : outputs_) positions.push_back(output.position());
  return positions;
}

}  // namespace trawl::control
