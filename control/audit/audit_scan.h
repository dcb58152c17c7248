#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "control/audit/audit_options.h"
#include "control/audit/audit_setup.h"
#include "control/audit/engine/audit_engine.h"
#include "control/audit/report/audit_reports.h"
#include "control/audit/target_list.h"

namespace trawl::control {

// One run of the engine with its reports: hosts go to the reports as they are done, files are whole
// documents several times a second, and a signal ends it with everything found in them.
//
// Thread: one user; one at a time in a process, for it takes SIGINT and SIGTERM.
class AuditScan {
 public:
  AuditScan(const AuditOptions& options, const AuditTables& tables, AuditReports& reports)
      : options_{options}, tables_{tables}, reports_{reports} {}

  // Returns the exit code.
  [[nodiscard]] int run(AuditPlan plan, TargetList& targets, std::string_view program);

 private:
  void take_host(HostReport&& report);
  void tick(Moment now);
  void say_progress(Moment now);
  void flush();

  const AuditOptions& options_;
  const AuditTables& tables_;
  AuditReports& reports_;
  std::unique_ptr<AuditEngine> engine_;
  AuditTotals totals_;
  Result<void> output_;  // The first failure to write.
  bool has_news_ = false;
  Moment last_flush_{0};
  Moment last_progress_{0};
};

}  // namespace trawl::control
