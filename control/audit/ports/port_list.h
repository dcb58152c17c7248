#pragma once

#include <array>
#include <string_view>

#include "control/audit/command_words.h"
#include "control/audit/port_report.h"
#include "control/audit/ports/port_set.h"
#include "control/audit/ports/protocol_table.h"
#include "control/audit/ports/service_table.h"

namespace trawl::control {

// Some of the four protocols.
using ProtocolSet = std::array<bool, kPortProtocols>;

// What a list of ports means.
struct PortList {
  std::array<PortSet, kPortProtocols> ports;
  bool has_duplicates = false;  // A number was there when it was named by a number.

  [[nodiscard]] PortSet& of(PortProtocol protocol) noexcept {
    return ports[static_cast<std::size_t>(protocol)];
  }
  [[nodiscard]] const PortSet& of(PortProtocol protocol) const noexcept {
    return ports[static_cast<std::size_t>(protocol)];
  }
  [[nodiscard]] bool empty() const noexcept;
};

// Whether "T:", "U:", "S:" and "P:" may be in a list.
enum class Specifiers { Allowed, Refused };

// Reads a list as Nmap's -p takes it (Nmap book, "Port Selection Techniques"): numbers, ranges open
// at either end, names with '*' and '?' and, in [], what of that has an entry in the tables, with
// commas between. What stands before any specifier means the protocols of `at_first`. Fails with a
// value error in Nmap's words. An empty PortList is no error here.
//
// Cost: for each number or range 1,024 steps a protocol, for each name a walk of the tables.
[[nodiscard]] AuditResult<PortList> parse_port_list(std::string_view text, ProtocolSet at_first,
                                                    Specifiers specifiers,
                                                    const ServiceTable& services,
                                                    const ProtocolTable& protocols);

}  // namespace trawl::control
