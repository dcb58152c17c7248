#pragma once

#include <string>

#include "control/audit/report/report_format.h"

namespace trawl::control {

// XML as Nmap's -oX, valid against its DTD (xmloutputversion 1.05). Where Nmap itself is not, in
// the reasons of a protocol scan, we are.
class XmlFormat final : public ReportFormat {
 public:
  XmlFormat(const AuditRun& run, const PortNames* names) : run_{run}, names_{names} {}

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string host(const HostReport& report) const override;
  [[nodiscard]] std::string scripts(bool is_before,
                                    const std::vector<ScriptReport>& scripts) const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;
  [[nodiscard]] std::string task(const TaskNote& note) const override;
  [[nodiscard]] std::string hint(const HostReport& report) const override;
  void set_levels(int verbosity, int debugging) override { run_.set_levels(verbosity, debugging); }

 private:
  AuditRun run_;
  const PortNames* names_;
};

}  // namespace trawl::control
