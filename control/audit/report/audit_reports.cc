#include "control/audit/report/audit_reports.h"

#include <algorithm>
#include <utility>

namespace trawl::control {

Result<AuditReports> AuditReports::open(const AuditOptions& options, const AuditRun& run) {
  AuditReports reports;
  const bool has_screen = std::ranges::none_of(
      options.outputs, [](const AuditOptions::Output& output) { return output.path == "-"; });
  if (has_screen) {
    if (auto opened = reports.open_one("-", make_screen_format(), run); !opened) {
      return Failure{opened.error()};
    }
  }
  for (const AuditOptions::Output& output : options.outputs) {
    if (auto opened = reports.open_one(output.path, make_report_format(output.format), run);
        !opened) {
      return Failure{opened.error()};
    }
  }
  return reports;
}

Result<void> AuditReports::open_one(const std::string& path, std::unique_ptr<ReportFormat> format,
                                    const AuditRun& run) {
  auto file = OutputFile::create(path);
  if (!file) return Failure{file.error()};
  if (auto written = file->append(format->header(run)); !written) return written;
  reports_.push_back({std::move(*file), std::move(format)});
  return {};
}

Result<void> AuditReports::add(const HostReport& report) {
  Result<void> first;
  for (Report& one : reports_) {
    if (auto done = one.file.append(one.format->host(report)); !done && first) first = done;
  }
  return first;
}

Result<void> AuditReports::flush(const AuditTotals& totals) {
  Result<void> first;
  for (Report& one : reports_) {
    const bool closes = one.file.is_rewritable();
    auto done = one.file.flush(closes ? one.format->footer(totals) : std::string{});
    if (!done && first) first = done;
  }
  return first;
}

Result<void> AuditReports::close(const AuditTotals& totals) {
  Result<void> first;
  for (Report& one : reports_) {
    if (auto done = one.file.close(one.format->footer(totals)); !done && first) first = done;
  }
  return first;
}

}  // namespace trawl::control
