#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "control/audit/engine/timing.h"

namespace trawl::control {

// A packet as --packet-trace tells of it, one line laid out as Nmap's: "SENT (0.0290s) TCP
// 198.18.0.1:33007 > 198.18.0.2:9 S ttl=52 id=54344 iplen=44  seq=2555308612 win=1024 <mss 1460>".
// With has_header the frame begins with its Ethernet header.
[[nodiscard]] std::string trace_line(bool is_sent, Moment at, std::span<const std::byte> frame,
                                     bool has_header);

}  // namespace trawl::control
