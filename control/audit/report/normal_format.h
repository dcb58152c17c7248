#pragma once

#include <string>
#include <string_view>

#include "control/audit/report/port_summary.h"
#include "control/audit/report/report_format.h"

namespace trawl::control {

// What Nmap's -oN has.
class NormalFormat : public ReportFormat {
 public:
  NormalFormat(const AuditRun& run, const PortNames* names) : run_{run}, names_{names} {}

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string host(const HostReport& report) const override;
  [[nodiscard]] std::string scripts(bool is_before,
                                    const std::vector<ScriptReport>& scripts) const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;
  void set_levels(int verbosity, int debugging) override { run_.set_levels(verbosity, debugging); }
  [[nodiscard]] std::string complaint(std::string_view text) const override;
  [[nodiscard]] std::string lone_text(std::string_view text) const override;

 protected:
  [[nodiscard]] const AuditRun& run() const { return run_; }
  // What stands before the part of a host that was not looked at to its end; no screen has it.
  [[nodiscard]] virtual std::string host_start(const HostReport& report) const;
  // What closes the part of a host, and no file has.
  [[nodiscard]] virtual std::string host_end(const HostReport&) const { return {}; }

 private:
  [[nodiscard]] std::string status_lines(const HostReport& report, std::string_view shown) const;
  [[nodiscard]] std::string ports(const HostReport& report, const PortSummary& summary,
                                  std::string_view shown) const;

  AuditRun run_;
  const PortNames* names_;
};

// The same for a terminal.
class ScreenFormat final : public NormalFormat {
 public:
  using NormalFormat::NormalFormat;

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;
  [[nodiscard]] std::string lines(std::string_view text) const override {
    return std::string{text};
  }
  // Standard error has those.
  [[nodiscard]] std::string complaint(std::string_view) const override { return {}; }
  [[nodiscard]] std::string lone_text(std::string_view text) const override;

 private:
  [[nodiscard]] std::string host_start(const HostReport&) const override { return {}; }
  [[nodiscard]] std::string host_end(const HostReport& report) const override;
};

}  // namespace trawl::control
