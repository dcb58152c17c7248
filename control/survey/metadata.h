#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/units.h"
#include "control/steward/live_blocklist.h"
#include "control/survey/rate_decision.h"
#include "control/survey/status.h"

namespace trawl::control {

// A file that says what must not be probed, as it was last read.
struct BlocklistRecord {
  std::string kind;  // "blocklist" or "opt-out list".
  std::string path;
  std::string sha256;  // Of its bytes.
  std::uint64_t ipv4_addresses = 0;
};

// What --metadata records of a run, so that it can be understood and repeated later.
struct SurveyMetadata {
  std::vector<std::string> command_line;
  std::chrono::system_clock::time_point started;
  std::chrono::system_clock::time_point ended;
  Uint128 seed = 0;
  std::string probe = "tcp-syn";         // The kind of probe.
  std::vector<std::uint16_t> ports;      // Empty where probes have none.
  std::uint64_t addresses = 0;           // After exclusions.
  std::uint64_t addresses_excluded = 0;  // Of those named.
  std::uint64_t blocked_addresses = 0;   // The whole blocklist.
  std::uint64_t exclude_digest = 0;
  std::string contact;                // A URI, "" for none.
  std::string blocklist_digest;       // SHA-256 of what `trawl blocklist show` would print, at the
  std::string last_blocklist_digest;  // start and, after SIGHUPs, at the end.
  std::uint64_t blocklist_reloads = 0;
  std::vector<BlocklistRecord> blocklist_files;
  PacketsPerSecond rate;  // Asked for.
  bool automatic_rate = false;
  std::optional<PacketsPerSecond> network_rate;  // --per-network-rate.
  std::vector<RateDecision> decisions;           // Of congestion control.
  std::string link;                              // Empty when there was none.
  ExitCode exit_code = ExitCode::Done;
  std::string exit_reason;  // "finished", "interrupted", "max-runtime", or an error.
  SurveyProgress progress;  // At the end, with every counter.
};

// Puts what `blocklist` is now into `metadata`: digests, readings and files.
void record_blocklist(const LiveBlocklist& blocklist, SurveyMetadata& metadata);

// One JSON object over several lines, with a line feed at the end.
[[nodiscard]] std::string format_metadata(const SurveyMetadata& metadata);

// Whether `path` ("" for none) can be written to; nothing is left of the try. Fails with Output.
[[nodiscard]] Result<void> check_metadata(const std::string& path);

// Writes format_metadata() to `path`, "-" for standard output. Fails with Output, and then leaves a
// regular file empty.
[[nodiscard]] Result<void> write_metadata(const std::string& path, const SurveyMetadata& metadata);

}  // namespace trawl::control
