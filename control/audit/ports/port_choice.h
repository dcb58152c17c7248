#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/command_words.h"
#include "control/audit/port_report.h"
#include "control/audit/ports/protocol_table.h"
#include "control/audit/ports/service_table.h"

namespace trawl::control {

// What a command line says about ports, and which protocols it scans.
struct PortRequest {
  std::optional<std::string> ports = std::nullopt;    // -p
  std::optional<std::string> exclude = std::nullopt;  // --exclude-ports
  bool fast = false;                                  // -F, or --servicedb.
  // --top-ports and --port-ratio: only what was written last, for Nmap forgets the other.
  std::optional<std::uint32_t> top = std::nullopt;
  std::optional<double> ratio = std::nullopt;
  bool tcp = false;
  bool udp = false;
  bool sctp = false;
  bool ip = false;  // -sO, which Nmap does only alone.
};

struct PortChoice {
  std::array<std::vector<std::uint16_t>, kPortProtocols> ports;     // Rising, without `excluded`.
  std::array<std::vector<std::uint16_t>, kPortProtocols> excluded;  // Rising, also for discovery.
  std::vector<std::string> warnings;                                // As Nmap prints them.

  [[nodiscard]] const std::vector<std::uint16_t>& of(PortProtocol protocol) const noexcept {
    return ports[static_cast<std::size_t>(protocol)];
  }
  [[nodiscard]] const std::vector<std::uint16_t>& excluded_of(
      PortProtocol protocol) const noexcept {
    return excluded[static_cast<std::size_t>(protocol)];
  }
};

// Which ports of each protocol are scanned: those of -p, the most frequent ones by -F, --top-ports
// or --port-ratio, of those of -p if that is given too, or else the 1,000 most frequent; all 256
// protocols for -sO. Protocols that are not scanned get none. Fails in Nmap's words.
//
// Unlike Nmap 7.93, which takes names of protocols and then forgets them, -sO scans protocols by
// name.
[[nodiscard]] AuditResult<PortChoice> choose_ports(const PortRequest& request,
                                                   const ServiceTable& services,
                                                   const ProtocolTable& protocols);

// The ports of "-PS", "-PA", "-PU" or "-PY", or the protocols of "-PO": rising, without those
// `chosen` excludes. `option` is as it is written, `chosen` gets the warnings.
[[nodiscard]] AuditResult<std::vector<std::uint16_t>> parse_discovery_ports(
    std::string_view text, PortProtocol protocol, std::string_view option,
    const ServiceTable& services, const ProtocolTable& protocols, PortChoice& chosen);

}  // namespace trawl::control
