#pragma once

#include <string>

#include "control/audit/report/report_format.h"

namespace trawl::control {

// One line a host for its status and one for its ports, as Nmap's -oG.
class GrepableFormat final : public ReportFormat {
 public:
  GrepableFormat(const AuditRun& run, const PortNames* names) : run_{run}, names_{names} {}

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string host(const HostReport& report) const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;
  void set_levels(int verbosity, int debugging) override { run_.set_levels(verbosity, debugging); }

 private:
  AuditRun run_;
  const PortNames* names_;
};

}  // namespace trawl::control
