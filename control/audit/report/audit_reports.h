#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/audit/audit_options.h"
#include "control/audit/report/host_report.h"
#include "control/audit/report/port_names.h"
#include "control/audit/report/report_format.h"
#include "control/survey/output_file.h"

namespace trawl::control {

struct ReportSettings {
  const PortNames* names = nullptr;  // Outlives the reports; none are known without.
  bool appends = false;              // --append-output: what a file holds stays in front.
};

// All reports of an audit: files, and the screen unless another takes standard output.
//
// After each flush() every regular file is a whole document, its closing part included, also when
// the process is killed. A failure of one report does not keep the others from theirs; the first is
// returned.
//
// Thread: one user.
class AuditReports {
 public:
  // Opens all and writes what they begin with. File names have their escapes expanded by the run's
  // start. Fails with Output, in Nmap's words where a file cannot be opened.
  [[nodiscard]] static Result<AuditReports> open(const AuditOptions& options, const AuditRun& run,
                                                 const ReportSettings& settings = {});

  // Takes a host with any number of ports; one larger than the buffers goes to the files at once.
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
  [[nodiscard]] Result<void> take(Result<OutputFile> file, std::unique_ptr<ReportFormat> format);

  std::vector<Report> reports_;
};

}  // namespace trawl::control
