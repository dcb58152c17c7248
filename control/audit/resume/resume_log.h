#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/audit/resume/log_lines.h"

namespace trawl::control {

// Reads a report of an audit piece by piece: normal, XML, grepable or JSON Lines, of trawl or of
// Nmap, whole or torn anywhere. Memory is bounded but for the set of hosts: of a line no more than
// kLongestLine bytes are looked at.
//
// Thread: one user.
class ResumeLogReader {
 public:
  static constexpr std::size_t kLongestLine = std::size_t{16} * 1024 * 1024;

  // Errors call the report `name`.
  explicit ResumeLogReader(std::string_view name);

  // Fails with Runtime, in Nmap's words, for what is no report.
  [[nodiscard]] Result<void> take(std::string_view bytes);
  // Behind the last piece.
  [[nodiscard]] Result<LogRun> finish();

 private:
  [[nodiscard]] Result<void> take_line(bool has_line_feed);
  [[nodiscard]] Failure no_report() const;

  std::string name_;
  std::unique_ptr<LogLines> lines_;  // Once the first line said which.
  std::string line_;                 // As far as it came.
  std::uint64_t line_begin_ = 0;
  std::uint64_t read_ = 0;  // Bytes.
};

// The file as a report. Fails with Runtime, in Nmap's words, also where it cannot be read.
[[nodiscard]] Result<LogRun> read_resume_log(const std::string& path);

}  // namespace trawl::control
