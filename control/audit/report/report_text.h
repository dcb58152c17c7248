#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"

// Words that more than one format has.
namespace trawl::control {

// The command line, a space between the words, as Nmap was seen to write it: a word that holds a
// blank is in double quotes, and quotes and backslashes have a backslash before them. Other bytes
// are as they were given: not fit for a terminal. --resume reads it back.
[[nodiscard]] std::string command_text(const AuditRun& run);
// "Nmap trawl-0.1.0 scan initiated Sun Nov 22 02:18:40 2026 as: trawl -sL 198.18.0.1"
[[nodiscard]] std::string initiated_text(const AuditRun& run);
// "3 IP addresses (1 host up) scanned in 0.01 seconds"
[[nodiscard]] std::string totals_text(const AuditTotals& totals);

// What tells --resume that a report is not at its end, and that a host is not.
inline constexpr std::string_view kNotEnded = "not ended";
inline constexpr std::string_view kInterruptedMark = "# Interrupted: ";
inline constexpr std::string_view kInterruptedComment = "<!-- interrupted -->";

// "name (198.18.0.1)", or the address alone.
[[nodiscard]] std::string address_text(std::string_view name, const IpAddress& ip);
// "22,80-90". Needs rising order.
[[nodiscard]] std::string ranges_text(std::span<const std::uint16_t> numbers);
// "admin-prohibited from 198.18.0.1 ttl 64"; a reason without a packet is its word alone.
[[nodiscard]] std::string reason_text(const Reason& reason);

// "00:0C:29:AA:BB:02"
[[nodiscard]] std::string mac_text(const MacAddress& mac);

[[nodiscard]] inline std::string_view name_of_port(const PortNames* names, const PortReport& port) {
  return names == nullptr ? std::string_view{} : names->name(port.protocol, port.number);
}

}  // namespace trawl::control
