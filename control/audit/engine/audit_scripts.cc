#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/audit/engine/audit_engine.h"
#include "control/survey/text.h"

namespace trawl::control {

namespace {

// Line by line: what a script says may come from a server.
void tell_lines(std::string_view text, const std::function<void(std::string_view)>& tell) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    tell(printable(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

Result<void> AuditEngine::open_scripts() {
  if (!plan_.scripts) return {};
  auto runner = plan_.scripts();
  if (!runner) return Failure{runner.error()};
  scripts_ = std::make_unique<ScriptStage>(std::move(*runner));
  if (hooks_.scripts.loaded) hooks_.scripts.loaded(scripts_->scripts());
  scripts_->begin();
  return {};
}

// False where none are to run against the host. Needs a whole report.
bool AuditEngine::begin_scripts(AuditHost& host) {
  const bool may_run = host.report.status == HostStatus::Up && !host.report.timed_out &&
                       !host.report.interrupted && !was_stopped();
  if (!scripts_ || host.scripts_begun || !may_run) return false;
  host.scripts_begun = true;
  host.schedule.reset();
  host.stage = AuditHost::Stage::Scripts;
  ++host.stage_serial;
  ++at_scripts_;
  enter_task(host, book_.scripts());
  HostLink link;
  if (network_) {
    link.is_direct = host.way.is_local || host.way.asks_neighbour;
    if (host.way.socket != nullptr) {
      const dataplane::InterfaceFacts& interface = host.way.socket->interface();
      link.source = host.way.source;
      link.interface = interface.name;
      link.mtu = interface.mtu;
      if (interface.is_ethernet) link.mac = plan_.network.source_mac.value_or(interface.mac);
    }
    link.next_hop = host.way.next_hop;
  }
  scripts_->join({.id = host.id, .report = host.report, .link = std::move(link)}, now_);
  schedule_wake(host);
  return true;
}

void AuditEngine::leave_scripts(AuditHost& host) {
  if (!scripts_ || host.stage != AuditHost::Stage::Scripts) return;
  --at_scripts_;
  scripts_->forget(host.id);
  host.stage = AuditHost::Stage::Done;
}

void AuditEngine::tell_of_scripts() {
  const Hooks::Scripts& hooks = hooks_.scripts;
  for (const ScriptStage::Beginning& beginning : scripts_->take_beginnings()) {
    if (hooks.begun) hooks.begun(beginning.phase, beginning.hosts);
  }
  for (const ScriptContext::Line& line : scripts_->take_lines()) {
    if (hooks.said) hooks.said(line);
  }
  for (const std::string& line : scripts_->take_trace()) {
    if (hooks.trace) hooks.trace(line);
  }
  for (const std::string& line : scripts_->take_debug()) {
    if (hooks_.debug) tell_lines(line, hooks_.debug);
  }
  for (const ScriptStage::Phase phase : scripts_->take_phase_ends()) {
    if (phase == ScriptStage::Phase::Hosts) continue;
    std::vector<ScriptReport> found = scripts_->take_findings();
    if (hooks.found && !found.empty()) hooks.found(phase, std::move(found));
  }
}

void AuditEngine::take_scripts() {
  if (!scripts_) return;
  // The packets of scripts are none of ours, and waking up for each costs more than scripts do.
  if (const bool waits = others_join_scripts(); network_ && waits != listens_) {
    listens_ = waits;
    network_->listen(waits);
  }
  const bool waited = !scripts_->has_begun();
  scripts_->turn(now_, others_join_scripts());
  if (waited && scripts_->has_begun()) admits_more_ = true;
  tell_of_scripts();
  for (std::string& target : scripts_->take_targets()) {
    feed_->add(std::move(target));
    has_targets_ = true;
  }
  for (ScriptedHost& done : scripts_->take_ends()) {
    const auto found = hosts_.find(done.id);
    if (found == hosts_.end() || found->second->stage != AuditHost::Stage::Scripts) continue;
    AuditHost& host = *found->second;
    host.report = std::move(done.report);
    host.report.interrupted = was_stopped();
    leave_scripts(host);
    hand_on(host);
  }
}

// After the last host: false while scripts still run, or have found more targets.
bool AuditEngine::end_scripts() {
  if (!scripts_) return true;
  if (!scripts_->has_begun()) return false;
  if (!scripts_->is_finishing()) scripts_->finish();
  return scripts_->is_over();
}

}  // namespace trawl::control
