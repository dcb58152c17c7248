#pragma once

#include "base/result.h"
#include "control/audit/audit_options.h"
#include "control/audit/report/audit_reports.h"
#include "control/audit/target_list.h"
#include "service/dns/name_resolver.h"

namespace trawl::control {

// -sL: every target with its names, and not a packet to any of them. `totals` counts.
[[nodiscard]] Result<void> list_targets(TargetList& targets, service::NameResolver* names,
                                        AuditReports& reports, AuditTotals& totals);

}  // namespace trawl::control
