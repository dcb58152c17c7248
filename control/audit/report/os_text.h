#pragma once

#include <string>

#include "control/audit/report/host_report.h"

// What reports for people say of operating systems, laid out as Nmap 7.93 does (Nmap book, "OS
// Detection", "Usage and Examples").
namespace trawl::control {

// From "Device type:" to "IP ID Sequence Generation:"; "" where nobody asked.
[[nodiscard]] std::string os_text(const HostReport& report, const AuditRun& run);

// A grepable report's fields, each behind a tab: "\tOS: Linux 5.4\tSeq Index: 261\tIP ID Seq: All
// zeros".
[[nodiscard]] std::string os_fields(const HostReport& report);

// The member "os" of a host's record in JSON Lines, behind a comma; "" where nobody asked.
[[nodiscard]] std::string os_member(const HostReport& report);

}  // namespace trawl::control
