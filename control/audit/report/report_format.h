#pragma once

#include <memory>
#include <string>

#include "control/audit/audit_options.h"
#include "control/audit/report/host_report.h"

namespace trawl::control {

// The report of an audit in one format: header(), each host's part in their order, footer(). Laid
// out as Nmap 7.93 does, so that what reads Nmap's output reads ours.
//
// Times are of this system's time zone. Thread: one user.
class ReportFormat {
 public:
  virtual ~ReportFormat() = default;

  [[nodiscard]] virtual std::string header(const AuditRun& run) const = 0;
  [[nodiscard]] virtual std::string host(const HostReport& report) const = 0;
  // What closes a report that came so far.
  [[nodiscard]] virtual std::string footer(const AuditTotals& totals) const = 0;
};

[[nodiscard]] std::unique_ptr<ReportFormat> make_report_format(AuditOptions::Output::Format format);
// What a person sees: as a normal file but for the first and the last line.
[[nodiscard]] std::unique_ptr<ReportFormat> make_screen_format();

}  // namespace trawl::control
