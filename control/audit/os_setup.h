#pragma once

#include <functional>
#include <string_view>

#include "control/audit/audit_options.h"
#include "control/audit/engine/audit_plan.h"

namespace trawl::control {

// What -A turns on, as far as it is possible here; to be called first.
void settle_aggressive(AuditOptions& options);

// Whether OS detection, if it is asked for, can be done at all. `raw`: raw packets may be sent.
[[nodiscard]] AuditResult<void> check_os(const AuditOptions& options, bool raw);

// OS detection as the options ask for it, into `plan`, which has its timing and addresses by now;
// `program_version` is for fingerprints.
void choose_os(const AuditOptions& options, std::string_view program_version, AuditPlan& plan,
               const std::function<void(std::string_view)>& warn);

}  // namespace trawl::control
