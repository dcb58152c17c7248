#pragma once

#include <memory>
#include <string>

#include "control/audit/audit_options.h"
#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"

namespace trawl::control {

// The report of an audit in one format: header(), each host's part in their order, footer(). Laid
// out as Nmap 7.93 does, so that what reads Nmap's output reads ours.
//
// Names come from name servers, and so from whoever owns an address: none can break out of its
// place in a report. Times are of this system's time zone. Thread: one user.
class ReportFormat {
 public:
  virtual ~ReportFormat() = default;

  [[nodiscard]] virtual std::string header() const = 0;
  // "" for a host that the run does not tell of.
  [[nodiscard]] virtual std::string host(const HostReport& report) const = 0;
  // What closes a report that came so far, at most OutputFile::kLongestTrailer bytes.
  [[nodiscard]] virtual std::string footer(const AuditTotals& totals) const = 0;
};

// `names` may be nullptr, which knows none; needs to outlive the format.
[[nodiscard]] std::unique_ptr<ReportFormat> make_report_format(AuditOptions::Output::Format format,
                                                               const AuditRun& run,
                                                               const PortNames* names);
// What a person sees: as a normal file but for the first and the last lines.
[[nodiscard]] std::unique_ptr<ReportFormat> make_screen_format(const AuditRun& run,
                                                               const PortNames* names);

}  // namespace trawl::control
