#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "control/audit/engine/audit_engine.h"

namespace trawl::control {

Result<void> AuditEngine::open_os() {
  if (!plan_.os_stage || !network_) return {};
  auto stage = plan_.os_stage(plan_, static_cast<bool>(hooks_.trace));
  if (!stage) return Failure{stage.error()};
  os_ = std::move(*stage);
  return {};
}

// False where the host is not to be asked.
bool AuditEngine::begin_os(AuditHost& host) {
  if (!os_ || host.os_begun || scans_of(host).empty()) return false;
  host.os_begun = true;
  leave_stage(host);
  host.schedule.reset();
  std::vector<PortReport> ports = ports_of(host);
  add_services(host.services, ports);
  OsHost asked{.id = host.id,
               .way = host.way,
               .ip = host.target.ip,
               .ports = ports_for_os(ports),
               .timeout = std::max(timeout_of(host), plan_.timing.min_rtt),
               .traced = {},
               .mac_vendor = {}};
  if (host.trace && !host.way.asks_neighbour) asked.traced = host.trace->reached;
  if (host.report.mac) {
    asked.mac_vendor = static_cast<std::uint32_t>(host.report.mac->to_integer() >> 24U);
  }
  if (!os_->join(std::move(asked))) {
    host.report.os = os_->leave(host.id);
    if (hooks_.os_try) hooks_.os_try(host.report, 0);
    return false;
  }
  host.stage = AuditHost::Stage::Os;
  ++host.stage_serial;
  enter_task(host, book_.os());
  take_os_news();
  schedule_wake(host);
  return true;
}

// What is known is kept, whether that is all or not.
void AuditEngine::leave_os(AuditHost& host) {
  if (!os_ || host.stage != AuditHost::Stage::Os) return;
  host.task_work += os_->work(host.id).done;
  if (auto report = os_->leave(host.id)) host.report.os = std::move(report);
}

void AuditEngine::take_os_news() {
  for (const OsTracedPacket& packet : os_->take_packets()) {
    if (hooks_.trace) hooks_.trace(packet.is_sent, packet.bytes, packet.has_header);
  }
  for (const std::string& text : os_->take_warnings()) {
    if (hooks_.warn) hooks_.warn(text);
  }
  for (const std::string& text : os_->take_debug()) {
    if (hooks_.debug) hooks_.debug(text);
  }
  for (const OsStage::Try& one : os_->take_tries()) {
    const auto found = hosts_.find(one.id);
    if (hooks_.os_try && found != hosts_.end()) hooks_.os_try(found->second->report, one.number);
  }
}

void AuditEngine::take_os() {
  if (!os_) return;
  const std::uint64_t before = os_->counters().sent;
  os_->turn();
  // They count for --max-rate and --min-rate as all packets do.
  if (const std::uint64_t sent = os_->counters().sent - before; sent > 0) {
    group_.sent(now_, static_cast<double>(sent));
    group_.landed();
  }
  take_os_news();
  for (const std::uint64_t id : os_->take_ends()) {
    const auto found = hosts_.find(id);
    if (found == hosts_.end() || found->second->stage != AuditHost::Stage::Os) continue;
    leave_os(*found->second);
    finish(*found->second);
  }
}

}  // namespace trawl::control
