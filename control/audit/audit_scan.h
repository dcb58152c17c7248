#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "control/audit/audit_options.h"
#include "control/audit/audit_progress.h"
#include "control/audit/audit_setup.h"
#include "control/audit/engine/audit_engine.h"
#include "control/audit/report/audit_reports.h"
#include "control/audit/run_keys.h"
#include "control/audit/target_list.h"

namespace trawl::control {

// One run of the engine with its reports: hosts go to the reports as they are done, files are whole
// documents several times a second, keys are answered, and a signal ends it with everything found
// in them.
//
// Thread: one user; one at a time in a process, for it takes SIGINT and SIGTERM.
class AuditScan {
 public:
  using Warn = std::function<void(std::string_view)>;

  AuditScan(const AuditOptions& options, const AuditTables& tables, AuditReports& reports,
            Warn warn)
      : options_{options},
        tables_{tables},
        reports_{reports},
        warn_{std::move(warn)},
        progress_{options.verbosity, options.debugging, options.traces_packets, reports} {}

  // Hosts that the reports have from before, with --resume.
  void count_before(std::uint64_t hosts, std::uint64_t up) noexcept {
    totals_.hosts = hosts;
    totals_.up = up;
  }

  // Returns the exit code.
  [[nodiscard]] int run(AuditPlan plan, TargetList& targets);

 private:
  void take_host(HostReport&& report);
  void tick(Moment now);
  void flush();
  void tell_status();
  void check(const Result<void>& written);
  // Deals with keys pressed. Returns the descriptor that tells of more, -1 for none.
  [[nodiscard]] int take_keys();
  [[nodiscard]] AuditEngine::Hooks hooks();
  [[nodiscard]] AuditEngine::Hooks::Scripts script_hooks();
  [[nodiscard]] dataplane::RawNetwork::Trace tracer();
  [[nodiscard]] ConnectionPool::Trace connection_tracer();
  [[nodiscard]] std::function<void(std::string_view)> service_tracer(bool is_asked_for);
  [[nodiscard]] std::function<void(std::string_view)> debugger() const;

  const AuditOptions& options_;
  const AuditTables& tables_;
  AuditReports& reports_;
  Warn warn_;
  AuditProgress progress_;
  std::optional<RunKeys> keys_;
  std::unique_ptr<AuditEngine> engine_;
  AuditTotals totals_;
  Result<void> output_;  // The first failure to write.
  bool has_news_ = false;
  Moment last_flush_{0};
  Moment last_progress_{0};
};

}  // namespace trawl::control
