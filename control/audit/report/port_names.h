#pragma once

#include <cstdint>
#include <string_view>

#include "control/audit/port_report.h"

namespace trawl::control {

// What is known to be behind a number: "ssh" for tcp 22, "icmp" for protocol 1.
class PortNames {
 public:
  virtual ~PortNames() = default;

  // "" for none; "unknown" where the tables know the number but no name. Lives as long as this.
  [[nodiscard]] virtual std::string_view name(PortProtocol protocol,
                                              std::uint16_t number) const = 0;
};

}  // namespace trawl::control
