#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/ip.h"
#include "control/audit/engine/timing.h"
#include "control/audit/ports/protocol_table.h"

namespace trawl::control {

// A packet as --packet-trace tells of it, one line laid out as Nmap's: "SENT (0.0290s) TCP
// 198.18.0.1:33007 > 198.18.0.2:9 S ttl=52 id=54344 iplen=44  seq=2555308612 win=1024 <mss 1460>".
// With has_header the frame begins with its Ethernet header. Without a table all protocols that are
// told of by name are "unknown".
[[nodiscard]] std::string trace_line(bool is_sent, Moment at, std::span<const std::byte> frame,
                                     bool has_header, const ProtocolTable* protocols = nullptr);

// "CONN (0.0475s) TCP localhost > 198.18.0.2:80 => Connected": what connect(2) said, or how the
// connection ended; `error` is of errno(3), 0 for a connection.
[[nodiscard]] std::string trace_connection_line(Moment at, const IpAddress& host,
                                                std::uint16_t port, int error);

}  // namespace trawl::control
