#pragma once

#include <string>

#include "control/audit/report/host_report.h"

namespace trawl::control {

// The elements from <os> to <tcptssequence>, as nmap.dtd has them; "" where nobody asked.
[[nodiscard]] std::string os_elements(const HostReport& report, const AuditRun& run);

}  // namespace trawl::control
