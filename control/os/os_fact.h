#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/ip.h"
#include "base/service_fact.h"
#include "osfp/active/analysis.h"
#include "osfp/database/os_database.h"
#include "osfp/database/os_matches.h"

namespace trawl::control {

// How a host was asked for its operating system, and what came of it.
struct OsJudgement {
  IpAddress ip{};
  std::uint16_t open_port = 0;
  std::optional<std::uint16_t> closed_port{};  // One known to be closed.
  unsigned rounds = 1;
  // Of the round that fits best.
  bool is_answered = true;   // Any of its probes.
  bool was_stopped = false;  // One of its SEQ probes, or of those of a round before it.
  osfp::Analysis analysis{};
  osfp::OsMatches matches{};
  // Where SEQ probes left at the wrong times: over what time, as a share of what it should be.
  std::optional<double> timing_ratio{};

  // Whether this round tells more than one before it.
  [[nodiscard]] bool is_better_than(const OsJudgement& before) const noexcept;
};

// The fact with the systems that nmap -O would name, their classes and CPEs, the fingerprint and
// what it was taken by; of a host that answered nothing, that is the trouble.
[[nodiscard]] ServiceFact os_fact(const OsJudgement& judgement, const osfp::OsDatabase& database,
                                  std::chrono::system_clock::time_point now);

}  // namespace trawl::control
