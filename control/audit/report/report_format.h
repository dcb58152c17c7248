#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/audit_options.h"
#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"
#include "control/audit/report/task_note.h"

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
  // What scripts found before all hosts, or after them; not all formats tell of it.
  [[nodiscard]] virtual std::string scripts(bool /*is_before*/,
                                            const std::vector<ScriptReport>&) const {
    return {};
  }
  // What closes a report that came so far, at most OutputFile::kLongestTrailer bytes.
  [[nodiscard]] virtual std::string footer(const AuditTotals& totals) const = 0;

  // While the audit runs; most formats tell nothing of it. A task that begins, goes on or ends...
  [[nodiscard]] virtual std::string task(const TaskNote&) const { return {}; }
  // ...a host that is up, before its ports are known...
  [[nodiscard]] virtual std::string hint(const HostReport&) const { return {}; }
  // ...and lines for a person.
  [[nodiscard]] virtual std::string lines(std::string_view) const { return {}; }
  // From now on; hosts and footers follow.
  virtual void set_levels(int verbosity, int debugging) = 0;
  // A line for a warning or an error; "" where the format has no place for one.
  [[nodiscard]] virtual std::string complaint(std::string_view /*text*/) const { return {}; }
  // A whole report of nothing but `text`, which ends in a line feed.
  [[nodiscard]] virtual std::string lone_text(std::string_view /*text*/) const { return {}; }
};

// `names` may be nullptr, which knows none; needs to outlive the format.
[[nodiscard]] std::unique_ptr<ReportFormat> make_report_format(AuditOptions::Output::Format format,
                                                               const AuditRun& run,
                                                               const PortNames* names);
// What a person sees: as a normal file but for the first and the last lines.
[[nodiscard]] std::unique_ptr<ReportFormat> make_screen_format(const AuditRun& run,
                                                               const PortNames* names);

}  // namespace trawl::control
