#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/audit_setup.h"
#include "control/audit/engine/audit_plan.h"

namespace trawl::control {

// The probes for host discovery: those of -P, or Nmap's defaults ("Host Discovery" in the Nmap
// book): an echo request, SYN to 443, ACK to 80 and a time stamp request; without privileges,
// connections to 80 and 443. Ports that `choice` excludes are left out.
[[nodiscard]] AuditResult<std::vector<ProbeSpec>> discovery_probes(
    const AuditOptions& options, bool raw, const AuditTables& tables, PortChoice& choice,
    const std::function<void(std::string_view)>& warn);

// Who probes are sent from: -e, -S, --spoof-mac and -D, into `plan`.
[[nodiscard]] AuditResult<void> choose_addresses(const AuditOptions& options,
                                                 const AuditTables& tables,
                                                 service::NameResolver& resolver, AuditPlan& plan,
                                                 const std::function<void(std::string_view)>& warn);

}  // namespace trawl::control
