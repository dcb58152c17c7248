#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/audit/audit_options.h"
#include "control/audit/report/host_report.h"
#include "control/audit/report/report_format.h"
#include "control/survey/output_file.h"

namespace trawl::control {

// All reports of an audit: files, and the screen unless another takes standard output.
//
// After each flush() every regular file is a whole document, its closing part included, also when
// the process is killed. A failure of one report does not keep the others from theirs; the first is
// returned.
//
// Thread: one user.
class AuditReports {
 public:
  // Opens all and writes what they begin with. Fails with Output.
  [[nodiscard]] static Result<AuditReports> open(const AuditOptions& options, const AuditRun& run);

  [[nodiscard]] Result<void> add(const HostReport& report);
  // Hands what was added to the operating system. `totals` are those so far.
  [[nodiscard]] Result<void> flush(const AuditTotals& totals);
  [[nodiscard]] Result<void> close(const AuditTotals& totals);

 private:
  struct Report {
    OutputFile file;
    std::unique_ptr<ReportFormat> format;
  };

  AuditReports() = default;
  [[nodiscard]] Result<void> open_one(const std::string& path, std::unique_ptr<ReportFormat> format,
                                      const AuditRun& run);

  std::vector<Report> reports_;
};

}  // namespace trawl::control
