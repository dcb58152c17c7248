#pragma once

#include <functional>
#include <string_view>

#include "control/audit/audit_options.h"
#include "control/audit/engine/audit_plan.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {

// Whether what is asked can go through proxies or an FTP server at all. Fails for what would send
// packets to targets directly.
[[nodiscard]] AuditResult<void> check_through(const AuditOptions& options);

// Who probes go through: --proxies and -b, into `plan`, whose timing is made fair to long ways.
// Names are resolved here, once.
[[nodiscard]] AuditResult<void> choose_ways(const AuditOptions& options,
                                            service::NameResolver& resolver, AuditPlan& plan,
                                            const std::function<void(std::string_view)>& warn);

// Proxies hide who asks; asking for the names of targets' addresses would not.
[[nodiscard]] inline bool wants_reverse_dns(const AuditOptions& options) noexcept {
  return options.reverse_dns && (options.proxies.empty() || options.names_downs);
}

}  // namespace trawl::control
