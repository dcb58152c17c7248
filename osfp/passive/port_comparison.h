#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "osfp/passive/syn_ack.h"

namespace trawl::osfp {

// The SYN-ACK of one port of an address.
struct PortSynAck {
  std::uint16_t port = 0;
  std::chrono::nanoseconds arrival{0};  // By one steady clock for all ports.
  SynAckFacts facts;
};

// In what the SYN-ACKs of two machines differ.
enum class MachineDifference : std::uint8_t {
  InitialTtl,    // The next common initial TTL.
  OptionLayout,  // Which options, in which order: also timestamps against none.
  Quirks,        // DF, identification and the rest.
  Hops,          // The same initial TTL, but another number of routers on the way.
  Clock,         // Timestamps (RFC 7323) that no single clock can have given.
  Mss
};
[[nodiscard]] std::string_view to_string(MachineDifference difference) noexcept;

// Ports that one machine may well serve.
struct MachineGroup {
  std::vector<std::uint16_t> ports;  // Rising.
  SynAckFacts facts;                 // Of the first of them.
  // From the first group; empty for that one.
  std::vector<MachineDifference> differences;
  // What no setting of one service explains; Hops, Clock and Mss alone are but a hint, as networks
  // spread connections over several paths and some stacks give each connection a clock of its own.
  bool is_certain = false;
  std::string explanation;  // "TTL 128, not 64; options mss,nop,ws, not mss,sok,ts,nop,ws".
};

// Splits the open ports of one address into the machines that they seem to be on: behind port
// forwarding, load balancers or proxies these are several. The largest group comes first, then by
// the lowest port. One group means that nothing speaks for a second machine.
//
// Windows and scales are not compared: a service sets its own by the size of its receive buffer.
// Clocks are compared only between groups of at least two ports that each agree within, and only
// up to kMostClockPorts ports; a port without a companion joins the group it otherwise equals.
//
// Thread: any. Cost: ports times machines; for reports, not for polling cores.
[[nodiscard]] std::vector<MachineGroup> compare_ports(std::span<const PortSynAck> ports);

inline constexpr std::size_t kMostClockPorts = 1024;

}  // namespace trawl::osfp
