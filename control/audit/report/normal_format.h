#pragma once

#include <string>

#include "control/audit/report/report_format.h"

namespace trawl::control {

// What Nmap's -oN has.
class NormalFormat : public ReportFormat {
 public:
  NormalFormat(const AuditRun& run, const PortNames* names) : run_{run}, names_{names} {}

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string host(const HostReport& report) const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;

 protected:
  [[nodiscard]] const AuditRun& run() const { return run_; }
  // What closes the part of a host, and no file has.
  [[nodiscard]] virtual std::string host_end(const HostReport&) const { return {}; }

 private:
  [[nodiscard]] std::string status_lines(const HostReport& report, std::string_view shown) const;
  [[nodiscard]] std::string ports(const HostReport& report, std::string_view shown) const;

  AuditRun run_;
  const PortNames* names_;
};

// The same for a terminal.
class ScreenFormat final : public NormalFormat {
 public:
  using NormalFormat::NormalFormat;

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;

 private:
  [[nodiscard]] std::string host_end(const HostReport& report) const override;
};

}  // namespace trawl::control
