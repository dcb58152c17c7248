#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/result_sink.h"
#include "control/survey/output_file.h"
#include "control/survey/result_format.h"

namespace trawl::control {

// Microseconds of UTC as "2026-01-02T03:04:05.123456Z", with the second kept from call to call:
// replies come nearly in order, and breaking a time down costs more than the rest of a line.
class TimestampWriter {
 public:
  static constexpr std::size_t kSize = 27;

  // Writes kSize bytes at `out`. Times outside the years 0-9999 are moved to their edge.
  char* write(char* out, std::chrono::system_clock::time_point time) noexcept;

 private:
  std::chrono::sys_seconds second_{std::chrono::seconds::min()};
  std::array<char, 20> text_{};  // "2026-01-02T03:04:05."
};

// One verdict as one line.
//
// JSONL: an object with the chosen keys. By default all of them, "from" only where the reply came
// from another address than "ip". "rtt_us" is left out when unknown.
// CSV: the chosen columns, by default all but the schema; an unknown rtt_us is empty, and from is
// always filled in. No value needs quotes by RFC 4180. Lines end in LF alone, as Unix tools want.
//
// Thread: one user. Cost: allocates nothing per line; bench/control/result_writer_bench.cc.
class LineFormatter {
 public:
  static constexpr std::size_t kLongestLine = 320;

  // `fields` empty means the default ones.
  LineFormatter(OutputFormat format, std::vector<ResultField> fields);

  // Writes a line with its line feed at `out`, and returns its end. Needs kLongestLine bytes there.
  char* write(char* out, const Verdict& verdict) noexcept;
  // The first line of a CSV file, "" for JSONL.
  [[nodiscard]] std::string header() const;

 private:
  [[nodiscard]] bool left_out(ResultField field, const Verdict& verdict) const noexcept;
  char* write_value(char* out, ResultField field, const Verdict& verdict) noexcept;

  OutputFormat format_;
  bool chosen_;  // The fields were asked for by name.
  std::vector<ResultField> fields_;
  std::vector<std::string> keys_;  // JSONL: `"ip":"` and so on, one for each field.
  TimestampWriter timestamp_;
};

struct ResultWriterOptions {
  std::string path = "-";
  OutputFormat format = OutputFormat::Jsonl;
  std::vector<ResultField> fields;          // Empty: the default ones.
  StateSet states = StateSet::open_only();  // Verdicts of other states are not written.
};

// Opens the file, so that a place that cannot be written is known before anything is probed. Fails
// with Output.
[[nodiscard]] Result<std::unique_ptr<ResultSink>> make_result_writer(
    const ResultWriterOptions& options);

}  // namespace trawl::control
