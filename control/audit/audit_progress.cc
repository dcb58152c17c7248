#include "control/audit/audit_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "control/audit/report/report_text.h"
#include "control/audit/report/task_text.h"

namespace trawl::control {
namespace {

constexpr int kMostVerbosity = 10;

constexpr std::string_view kKeys =
    "Interactive keyboard commands:\n"
    "?               Display this information\n"
    "v/V             Increase/decrease verbosity\n"
    "d/D             Increase/decrease debugging\n"
    "p/P             Enable/disable packet tracing\n"
    "anything else   Print status\n"
    "More help: https://nmap.org/book/man-runtime-interaction.html\n";

std::string extra_of(const AuditTask& task) {
  if (task.services != 0) {
    return fmt::format("{} service{} on {} host{}", task.services, task.services == 1 ? "" : "s",
                       task.begun, task.begun == 1 ? "" : "s");
  }
  if (task.tells_hosts) return fmt::format("{} total hosts", task.begun);
  if (task.probes == 0) return {};
  return fmt::format("{} total ports", task.begun * task.probes);
}

}  // namespace

Result<void> AuditProgress::tell_task(const AuditTask& task) {
  if (verbosity_ == 0) return {};
  const bool has_ended = !task.is_open();
  const TaskNote note{.kind = has_ended ? TaskNote::Kind::End : TaskNote::Kind::Begin,
                      .task = std::string{task.name},
                      .now = std::chrono::system_clock::now(),
                      .elapsed = has_ended ? task.ended - task.began : Moment{0},
                      .extra = has_ended ? extra_of(task) : std::string{}};
  auto noted = reports_.note(note);
  auto said = reports_.say(task_line(note));
  return noted ? said : noted;
}

Result<void> AuditProgress::tell_port(const IpAddress& host, const PortReport& port) {
  const bool is_told = (verbosity_ > 0 && port.state == PortState::Open) || debugging_ > 1;
  if (!is_told) return {};
  return reports_.say(fmt::format("Discovered {} port {}/{} on {}\n", name_of(port.state),
                                  port.number, name_of(port.protocol), host.to_string()));
}

Result<void> AuditProgress::tell_services(const HostReport& host, std::size_t count) {
  if (verbosity_ == 0) return {};
  return reports_.say(fmt::format("Scanning {} service{} on {}\n", count, count == 1 ? "" : "s",
                                  address_text(host.shown_name(), host.ip)));
}

Result<void> AuditProgress::tell_opened(const service::ServicePort& port) {
  if (verbosity_ == 0) return {};
  return reports_.say(fmt::format(
      "Discovered open|filtered port {}/{} on {} is actually open\n", port.port,
      port.transport == service::Transport::Udp ? "udp" : "tcp", port.host.to_string()));
}

Result<void> AuditProgress::tell_os_try(const HostReport& host, unsigned number) {
  if (verbosity_ == 0) return {};
  const std::string name = address_text(host.shown_name(), host.ip);
  if (number == 0) {
    return reports_.say(fmt::format(
        "Skipping OS Scan against {} due to absence of open (or perhaps closed) ports\n", name));
  }
  return reports_.say(fmt::format("{} OS detection (try #{}) against {}\n",
                                  number == 1 ? "Initiating" : "Retrying", number, name));
}

Result<void> AuditProgress::tell_scripts_loaded(std::size_t count) {
  if (verbosity_ == 0) return {};
  return reports_.say(fmt::format("NSE: Loaded {} scripts for scanning.\n", count));
}

Result<void> AuditProgress::tell_scripts_begun(ScriptStage::Phase phase,
                                               const std::vector<std::string>& hosts) {
  constexpr std::size_t kFew = 1;
  if (verbosity_ == 0) return {};
  switch (phase) {
    case ScriptStage::Phase::Before: return reports_.say("NSE: Script Pre-scanning.\n");
    case ScriptStage::Phase::After: return reports_.say("NSE: Script Post-scanning.\n");
    case ScriptStage::Phase::Hosts: break;
  }
  return reports_.say(hosts.size() == kFew
                          ? fmt::format("NSE: Script scanning {}.\n", hosts.front())
                          : fmt::format("NSE: Script scanning {} hosts.\n", hosts.size()));
}

// The scripts that keep the others waiting.
Result<void> AuditProgress::tell_slowest(const AuditEngine::Progress& progress) {
  if (progress.slowest.empty()) return {};
  std::string text = "NSE: slowest:";
  for (const auto& [title, time] : progress.slowest) {
    text += fmt::format("{} {} ({:.0f}s)", text.ends_with(':') ? "" : ",", title,
                        std::chrono::duration<double>(time).count());
  }
  return reports_.say(text + "\n");
}

Result<void> AuditProgress::tell_timing(const AuditEngine::Progress& progress, Moment now) {
  if (progress.task == nullptr) return {};
  const auto wall = std::chrono::system_clock::now();
  const Moment elapsed = now - progress.task->began;
  const TaskNote note{.kind = TaskNote::Kind::Progress,
                      .task = std::string{progress.task->name},
                      .now = wall,
                      .elapsed = elapsed,
                      .share = progress.share,
                      .left = time_left(progress.share, elapsed, wall)};
  auto noted = reports_.note(note);
  auto said = reports_.say(task_line(note));
  if (said) said = tell_slowest(progress);
  return noted ? said : noted;
}

Result<void> AuditProgress::tell_status(const State& state) {
  const AuditEngine::Progress& progress = state.progress;
  const AuditTask* const task = progress.task;
  auto said = reports_.say(stats_line(state.now, progress.hosts_done, progress.hosts_up,
                                      task == nullptr ? progress.hosts_active : task->active(),
                                      task == nullptr       ? "Host Discovery"
                                      : task->services != 0 ? "Service Scan"
                                                            : task->name));
  if (!said) return said;
  if (auto told = tell_timing(progress, state.now); !told) return told;
  const double seconds = std::chrono::duration<double>(state.now - rate_since_).count();
  const auto packets = static_cast<double>(state.packets - packets_before_);
  const auto bytes = static_cast<double>(state.bytes - bytes_before_);
  rate_since_ = state.now;
  packets_before_ = state.packets;
  bytes_before_ = state.bytes;
  if (debugging_ == 0 || seconds <= 0 || state.packets == 0) return {};
  return reports_.say(fmt::format("Current sending rates: {:.2f} packets / s, {:.2f} bytes / s.\n",
                                  packets / seconds, bytes / seconds));
}

Result<void> AuditProgress::tell_long_task(const AuditEngine::Progress& progress, Moment now) {
  constexpr Moment kLong{30'000'000};
  // Each waits half as long again as the run took so far.
  long_task_due_ = now + std::max(kLong, now / 2);
  if (progress.task == nullptr || now - progress.task->began < kLong) return {};
  return tell_timing(progress, now);
}

Result<void> AuditProgress::change(int& level, int by, std::string_view name) {
  level = std::clamp(level + by, 0, kMostVerbosity);
  reports_.set_levels(verbosity_, debugging_);
  return reports_.say(
      fmt::format("{} {} to {}.\n", name, by > 0 ? "Increased" : "Decreased", level));
}

Result<bool> AuditProgress::take_key(char key) {
  const auto done = [](const Result<void>& said) -> Result<bool> {
    if (!said) return Failure{said.error()};
    return false;
  };
  switch (key) {
    case 'v': return done(change(verbosity_, 1, "Verbosity"));
    case 'V': return done(change(verbosity_, -1, "Verbosity"));
    case 'd': return done(change(debugging_, 1, "Debugging"));
    case 'D': return done(change(debugging_, -1, "Debugging"));
    case 'p':
    case 'P':
      traces_ = key == 'p';
      return done(
          reports_.say(fmt::format("Packet Tracing {}.\n", traces_ ? "enabled" : "disabled")));
    case '?': return done(reports_.say(kKeys));
    default: return true;
  }
}

}  // namespace trawl::control
