#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "control/audit/audit_options.h"
#include "control/audit/engine/audit_plan.h"

namespace trawl::control {

// Version detection as the options ask for it, into `plan`, which has its addresses, proxies and
// guard by now; `program_version` is for fingerprints. What is wrong in the probe file is told of,
// up to some lines. Fails when there is no usable probe in it.
[[nodiscard]] AuditResult<void> choose_services(const AuditOptions& options,
                                                std::string_view program_version, AuditPlan& plan,
                                                const std::function<void(std::string_view)>& warn);

}  // namespace trawl::control
