#pragma once

#include <string>

#include "control/audit/report/host_report.h"

// What reports for people say of operating systems, laid out as Nmap 7.93 does (Nmap book, "OS
// Detection", "Usage and Examples").
namespace trawl::control {

// From "Warning: OSScan results" to "IP ID Sequence Generation:", and what ports said; "" where
// nobody asked.
[[nodiscard]] std::string os_text(const HostReport& report, const AuditRun& run);

// The fingerprint where reports show it, each line ended by a line feed: in pieces behind "OS:",
// or, where others should not learn from it, a line of tests each. "" where they do not. Not
// escaped.
[[nodiscard]] std::string os_fingerprint(const OsReport& os, const AuditRun& run);

// "80/tcp: Linux 5.3 - 5.4 (96%); seems to be on another machine: TTL 128, not 64". Not escaped.
[[nodiscard]] std::string os_port_text(const OsPortReport& port);

// A grepable report's fields, each behind a tab: "\tOS: Linux 5.4\tSeq Index: 261\tIP ID Seq: All
// zeros".
[[nodiscard]] std::string os_fields(const HostReport& report);

// The member "os" of a host's record in JSON Lines, behind a comma; "" where nobody asked.
[[nodiscard]] std::string os_member(const HostReport& report);

}  // namespace trawl::control
