#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "control/audit/report/script_report.h"
#include "service/version/service_finding.h"

namespace trawl::control {

enum class PortProtocol : std::uint8_t { Tcp, Udp, Sctp, Ip };
inline constexpr std::size_t kPortProtocols = 4;

[[nodiscard]] constexpr std::string_view name_of(PortProtocol protocol) noexcept {
  constexpr std::string_view kNames[] = {"tcp", "udp", "sctp", "ip"};
  return kNames[static_cast<std::size_t>(protocol)];
}

// What Nmap knows a port to be (Nmap book, "Port Scanning Basics").
enum class PortState : std::uint8_t {
  Open,
  Closed,
  Filtered,
  Unfiltered,
  OpenFiltered,
  ClosedFiltered
};
inline constexpr std::size_t kPortStates = 6;

[[nodiscard]] constexpr std::string_view name_of(PortState state) noexcept {
  constexpr std::string_view kNames[] = {"open",       "closed",        "filtered",
                                         "unfiltered", "open|filtered", "closed|filtered"};
  return kNames[static_cast<std::size_t>(state)];
}

// Why a port or a host is what it is said to be: a word of Nmap's ("syn-ack", "no-response"), of
// static storage, with what the packet showed.
struct Reason {
  std::string_view word = "no-response";
  std::uint8_t ttl = 0;             // Of the packet, 0 for none.
  std::optional<IpAddress> from{};  // Who sent it, where that is not the host.

  friend bool operator==(const Reason&, const Reason&) = default;
};

struct PortReport {
  PortProtocol protocol = PortProtocol::Tcp;
  std::uint16_t number = 0;
  PortState state = PortState::Filtered;
  Reason reason;
  std::shared_ptr<const service::ServiceFinding> service{};  // nullptr: it was not asked.
  // What scripts found, in the order in which they ended; nullptr for nothing.
  std::shared_ptr<const std::vector<ScriptReport>> scripts{};
};

// One kind of port scan of an audit, for <scaninfo> and the grepable header.
struct ScanInfo {
  std::string_view type = "syn";  // As Nmap's DTD names it: "syn", "connect", "udp", "ipproto"...
  std::string_view scan_flags;    // "" unless given by --scanflags.
  PortProtocol protocol = PortProtocol::Tcp;
  std::vector<std::uint16_t> ports;  // In rising order.
};

}  // namespace trawl::control
