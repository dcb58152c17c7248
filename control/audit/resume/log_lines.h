#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/audit/resume/log_run.h"

namespace trawl::control {

// One line of a report.
struct LogLine {
  std::string_view text;       // Without its line feed.
  std::uint64_t begin = 0;     // Where it is in the file, in bytes...
  std::uint64_t end = 0;       // ...and where the next one is.
  bool is_cut = false;         // It is longer than what is looked at.
  bool has_line_feed = false;  // The last one may have none.
};

// Reads a report line by line and keeps what an audit needs to go on. One class a format; the
// content may be anything.
class LogLines {
 public:
  virtual ~LogLines() = default;

  // False for what no report has.
  [[nodiscard]] virtual bool take(const LogLine& line) = 0;
  // Behind the last line. False where nothing said which audit this is.
  [[nodiscard]] virtual bool finish() = 0;

  [[nodiscard]] LogRun& run() noexcept { return run_; }

 protected:
  // A report that Nmap's --resume continues has a command line again, with one more word in front.
  [[nodiscard]] bool continues(const std::vector<std::string>& words) const;
  void begin_run(std::vector<std::string> words);
  // Takes `address` in as finished. False when it is none.
  [[nodiscard]] bool add_host(std::string_view address, bool is_up);
  // The command line was seen.
  [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }

 private:
  LogRun run_;
  bool has_begun_ = false;
};

// The address of a host in a report. A zone is of this machine, and no part of what was looked at.
[[nodiscard]] std::optional<IpAddress> parse_log_address(std::string_view text);

// Words of a command line as reports have it: apart by blanks, in double quotes where they hold
// some, a backslash before quotes and backslashes, "\xNN" for a byte that no terminal should see.
[[nodiscard]] std::vector<std::string> split_command_text(std::string_view text);

// Of seconds since 1970; nullopt for what lies before, or after 2255: nanoseconds cannot tell all.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> time_of(
    std::int64_t seconds) noexcept;
// "Sun Nov 22 02:18:40 2026", in this system's time zone.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_calendar_time(
    std::string_view text);

}  // namespace trawl::control
