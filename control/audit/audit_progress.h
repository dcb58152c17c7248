#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"
#include "control/audit/engine/audit_engine.h"
#include "control/audit/report/audit_reports.h"
#include "control/audit/report/task_note.h"

namespace trawl::control {

// What a run tells while it goes on, and how much of it: tasks, open ports as they are found,
// status lines, and what the keys of Nmap's run-time interaction change. Lines go to the screen,
// tasks to reports that have a place for them.
//
// Thread: one user.
class AuditProgress {
 public:
  AuditProgress(int verbosity, int debugging, bool traces, AuditReports& reports)
      : verbosity_{verbosity}, debugging_{debugging}, traces_{traces}, reports_{reports} {}

  [[nodiscard]] int debugging() const noexcept { return debugging_; }
  [[nodiscard]] bool traces() const noexcept { return traces_; }

  // A task has begun or ended: told from verbosity 1 on.
  [[nodiscard]] Result<void> tell_task(const AuditTask& task);
  // A port's state: that of open ones from verbosity 1 on, of any from debugging level 2 on.
  [[nodiscard]] Result<void> tell_port(const IpAddress& host, const PortReport& port);

  // Its ports are asked who they are; one that was open|filtered answered. From verbosity 1 on.
  [[nodiscard]] Result<void> tell_services(const HostReport& host, std::size_t count);
  [[nodiscard]] Result<void> tell_opened(const service::ServicePort& port);

  // Scripts: how many there are; a group of hosts begins, or what runs without any. From verbosity
  // 1 on.
  [[nodiscard]] Result<void> tell_scripts_loaded(std::size_t count);
  [[nodiscard]] Result<void> tell_scripts_begun(ScriptStage::Phase phase,
                                                const std::vector<std::string>& hosts);

  // A round of OS detection begins: its number, from 1; 0 when the host is left out. From verbosity
  // 1 on.
  [[nodiscard]] Result<void> tell_os_try(const HostReport& host, unsigned number);

  // How far the run is, by its own clock.
  struct State {
    AuditEngine::Progress progress;
    Moment now{0};
    std::uint64_t packets = 0;  // Sent so far.
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Result<void> tell_status(const State& state);
  // With verbosity, long tasks tell of themselves now and then.
  [[nodiscard]] Result<void> tell_long_task(const AuditEngine::Progress& progress, Moment now);
  [[nodiscard]] bool is_long_task_due(Moment now) const noexcept {
    return verbosity_ > 0 && now >= long_task_due_;
  }

  // True when the key asks for the status; the others are dealt with.
  [[nodiscard]] Result<bool> take_key(char key);

 private:
  [[nodiscard]] Result<void> tell_slowest(const AuditEngine::Progress& progress);
  [[nodiscard]] Result<void> tell_timing(const AuditEngine::Progress& progress, Moment now);
  [[nodiscard]] Result<void> change(int& level, int by, std::string_view name);

  int verbosity_;
  int debugging_;
  bool traces_;
  AuditReports& reports_;
  Moment long_task_due_{30'000'000};
  Moment rate_since_{0};  // The status before, of which current rates are told.
  std::uint64_t packets_before_ = 0;
  std::uint64_t bytes_before_ = 0;
};

}  // namespace trawl::control
