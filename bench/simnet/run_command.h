#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/simnet/options.h"

namespace trawl::simnet {

struct RunOptions {
  PopulationOptions population;
  std::string link;
  std::string uplink;  // "": none.
  unsigned cpu = 0;    // The core that polls.
  bool spins = false;  // Never naps.
  std::size_t queue_slots = 0;
  std::size_t flood = 0;                  // Replies to send over and over; 0: none.
  std::vector<std::uint16_t> seen_ports;  // Of probes to be remembered; empty: none.
  std::string stats_file;                 // "": none.
  std::string ready_file;                 // Written once frames are answered; "": none.
  std::optional<std::chrono::duration<double>> max_runtime;
};

// Answers on the link until SIGINT, SIGTERM or the maximum run time.
[[nodiscard]] Result<void> run_simnet(RunOptions options);

}  // namespace trawl::simnet
