#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "control/audit/report/host_report.h"

namespace trawl::control {

// Ports of one state that are told of by their number alone.
struct IgnoredReason {
  PortProtocol protocol = PortProtocol::Tcp;
  std::string_view word;
  std::vector<std::uint16_t> ports;  // In rising order.
};
struct IgnoredState {
  PortState state = PortState::Closed;
  std::size_t count = 0;
  std::vector<IgnoredReason> reasons;  // The most frequent first.
};

// The ports of a host as a report shows them.
struct PortSummary {
  std::vector<const PortReport*> listed;  // Of the report, in its order.
  std::vector<IgnoredState> ignored;      // The most frequent first.

  [[nodiscard]] bool protocols_only() const noexcept;  // Of an IP protocol scan.
};

// Ignores a state as Nmap 7.93 was seen to do: any but "open" of which there are more than
// 25 * (verbosity + 1) + 500 * debugging ports (none from debugging level 3 on), and with --open
// those that cannot be open. Lives as long as `report`.
[[nodiscard]] PortSummary summarize_ports(const HostReport& report, const AuditRun& run);

// False for a host that is down unless asked for, and with --open for all that show no open port.
[[nodiscard]] bool is_told(const HostReport& report, const AuditRun& run);

}  // namespace trawl::control
