#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/system_hint.h"

namespace trawl {

// Ports of one address that seem to be on different machines: forwarded, balanced or proxied.
struct MachinesFact {
  std::chrono::system_clock::time_point time{};
  IpAddress ip{};
  struct Machine {
    std::vector<std::uint16_t> ports{};  // Rising.
    std::uint8_t ttl = 0;                // Of their replies, as they arrived.
    SystemHint system{};
    std::string evidence{};   // In what they differ from the first machine; empty for that one.
    bool is_certain = false;  // No path and no setting of a service explains it.
  };
  std::vector<Machine> machines{};   // Two at least, the one with most ports first.
  std::uint32_t ports_left_out = 0;  // Open as well, but there was no room to compare them.
};

}  // namespace trawl
