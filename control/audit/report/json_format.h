#pragma once

#include <string>

#include "control/audit/report/report_format.h"

namespace trawl::control {

// JSON Lines (-oJ): a "host" record for each host and a "run" record at the end, as
// docs/audit-json.md has them.
class JsonFormat final : public ReportFormat {
 public:
  JsonFormat(const AuditRun& run, const PortNames* names) : run_{run}, names_{names} {}

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string host(const HostReport& report) const override;
  [[nodiscard]] std::string scripts(bool is_before,
                                    const std::vector<ScriptReport>& scripts) const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;
  void set_levels(int verbosity, int debugging) override { run_.set_levels(verbosity, debugging); }

 private:
  AuditRun run_;
  const PortNames* names_;
};

}  // namespace trawl::control
