#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "control/os/os_fact.h"
#include "control/os/seq_departures.h"

namespace trawl::control {

// A host that is asked for its system, or waits for that.
struct OsHost {
  IpAddress ip;
  std::uint16_t open_port = 0;
  std::vector<std::uint64_t> ports;            // Tags of those that wait for it.
  bool is_active = false;                      // It is being asked.
  std::optional<std::uint16_t> closed_port{};  // One known to be closed.
  std::optional<std::size_t> number{};         // In the group, once it is sent rounds of probes.
  unsigned rounds = 0;
  unsigned late_rounds = 0;  // That did not count.
  SeqDepartures departures{};
  std::optional<OsJudgement> best{};
};

}  // namespace trawl::control
