#include <fmt/format.h>

#include "control/audit/engine/audit_engine.h"

namespace trawl::control {

// A host whose open ports are found by way of the zombie. Nothing is sent to it from our address.
void AuditEngine::begin_idle(AuditHost& host) {
  leave_stage(host);
  host.stage = AuditHost::Stage::Scan;
  ++host.stage_serial;
  host.probes = scans_of(host)[host.scan];
  enter_task(host, task_of(host));
  host.results.emplace_back(host.probes->size());
  if (host.way.is_local) {
    if (hooks_.warn) {
      hooks_.warn(fmt::format(
          "Skipping Idle Scan against {} -- you can't idle scan your own machine (localhost).",
          host.target.ip.to_string()));
    }
    ++host.scan;
    begin_scan(host);
    return;
  }
  Moment lag{0};
  if (host.rtt.has_sample()) lag = host.rtt.srtt() + 4 * host.rtt.rttvar();
  idle_->join(
      {.id = host.id, .ip = host.target.ip, .way = host.way, .probes = host.probes, .lag = lag});
}

void AuditEngine::turn_idle() {
  const Moment limit = plan_.timing.host_timeout;
  // The time that hosts wait for the zombie is not theirs.
  const IdleStage::Host* const current = idle_->current();
  if (limit > Moment{0} && current != nullptr && now_ - current->began >= limit) {
    AuditHost& host = *hosts_.at(current->id);
    host.report.timed_out = true;
    finish(host);
  }
  idle_->turn(now_);
  for (const IdleStage::Verdict& verdict : idle_->take_verdicts()) {
    AuditHost& host = *hosts_.at(verdict.host);
    note(host, verdict.probe, verdict.is_open ? PortState::Open : PortState::ClosedFiltered,
         {.word = verdict.is_open ? "ipid-change" : "no-ipid-change"});
  }
  std::string note = idle_->take_note();
  if (!note.empty()) idle_note_ = std::move(note);
  for (const IdleStage::End& end : idle_->take_ends()) {
    AuditHost& host = *hosts_.at(end.host);
    if (!idle_note_.empty()) host.report.notes = std::exchange(idle_note_, {}) + '\n';
    if (!idle_->failure().empty()) return;
    if (!end.trouble.empty() && hooks_.warn) hooks_.warn(end.trouble);
    ++host.scan;
    begin_scan(host);
  }
}

}  // namespace trawl::control
