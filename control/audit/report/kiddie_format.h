#pragma once

#include <string>
#include <string_view>

#include "control/audit/report/normal_format.h"
#include "control/audit/report/report_format.h"

namespace trawl::control {

// What the screen has, in the spelling of Nmap's -oS. The same text is always spelled the same, and
// words with digits (addresses, ports, times) stay readable.
class KiddieFormat final : public ReportFormat {
 public:
  KiddieFormat(const AuditRun& run, const PortNames* names) : screen_{run, names} {}

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] std::string host(const HostReport& report) const override;
  [[nodiscard]] std::string scripts(bool is_before,
                                    const std::vector<ScriptReport>& scripts) const override;
  [[nodiscard]] std::string footer(const AuditTotals& totals) const override;
  void set_levels(int verbosity, int debugging) override {
    screen_.set_levels(verbosity, debugging);
  }
  [[nodiscard]] std::string lone_text(std::string_view text) const override;

 private:
  ScreenFormat screen_;
};

}  // namespace trawl::control
