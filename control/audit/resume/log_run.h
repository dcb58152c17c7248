#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/resume/seen_hosts.h"

namespace trawl::control {

// What a report tells of the audit that wrote it: the last one, where several did.
struct LogRun {
  AuditOptions::Output::Format format = AuditOptions::Output::Format::Normal;
  std::vector<std::string> words;  // Of the command line, without the program.
  std::optional<std::chrono::system_clock::time_point> started;  // Where the report has it.
  SeenHosts hosts;                                               // That it has finished.
  bool is_format_known = false;  // Normal and grepable reports begin alike.
  bool has_whole_start = false;  // All that stands before the hosts is there.
  bool has_ended = false;        // By itself: nothing is left to do.
  std::uint64_t start = 0;       // Where it begins in the file...
  std::uint64_t whole = 0;       // Bytes, up to where an audit that goes on writes.
};

}  // namespace trawl::control
