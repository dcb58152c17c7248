#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/report/audit_reports.h"
#include "control/audit/resume/seen_hosts.h"

namespace trawl::control {

// How an audit that was stopped goes on.
//
// A host is left out when every report has it; one that a kill or a full disk kept from some of
// them is looked at again, and told of to those alone. So each report has each host once.
struct ResumePlan {
  AuditOptions options;                   // Of the command line that the report states.
  std::vector<ContinuedOutput> outputs;   // One for each of options.outputs.
  SeenHosts finished;                     // Not to be looked at again...
  std::uint64_t hosts = 0, hosts_up = 0;  // ...and how many they are.
  bool has_ended = false;                 // The audit ended by itself: nothing is left to do.
};

// Reads the report `path` and all others that its command line names, and changes none. Fails in
// Nmap's words, as parse_audit_options() does for options of the report, and where a report is
// missing that others are ahead of.
[[nodiscard]] AuditResult<ResumePlan> plan_resume(const std::string& path,
                                                  std::string_view program);

}  // namespace trawl::control
