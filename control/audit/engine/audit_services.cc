#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "control/audit/engine/audit_engine.h"

namespace trawl::control {

Result<void> AuditEngine::open_services() {
  if (!plan_.services) return {};
  auto asker = plan_.services(start_, static_cast<bool>(hooks_.trace_services));
  if (!asker) return Failure{asker.error()};
  services_.emplace(std::move(*asker));
  return {};
}

// False where no port of the host is to be asked.
bool AuditEngine::begin_services(AuditHost& host) {
  if (!services_ || host.services_begun) return false;
  host.services_begun = true;
  const std::vector<ServiceStage::Port> ports = ports_to_ask(ports_of(host));
  if (ports.empty()) return false;
  leave_stage(host);
  host.schedule.reset();
  host.stage = AuditHost::Stage::Services;
  ++host.stage_serial;
  enter_task(host, book_.services());
  book_.add_services(ports.size());
  if (hooks_.services) hooks_.services(host.report, ports.size());
  services_->join(
      {.id = host.id, .ip = host.target.ip, .zone = host.target.zone, .name = host.target.name},
      ports);
  schedule_wake(host);
  return true;
}

// What is known of its services is kept, whether that is all or not.
void AuditEngine::leave_services(AuditHost& host) {
  if (!services_ || host.stage != AuditHost::Stage::Services) return;
  host.task_work += static_cast<double>(services_->work(host.id).answered);
  // A host may leave twice, by an end of its own and by that of the audit.
  if (ServiceFindings known = services_->leave(host.id); !known.empty()) {
    host.services = std::move(known);
  }
}

void AuditEngine::take_services() {
  if (!services_) return;
  services_->turn();
  for (const std::string& line : services_->take_trace()) {
    if (hooks_.trace_services) hooks_.trace_services(line);
  }
  for (const std::string& text : services_->take_warnings()) {
    if (hooks_.warn) hooks_.warn(text);
  }
  for (const service::ServicePort& port : services_->take_opened()) {
    if (hooks_.opened) hooks_.opened(port);
  }
  for (const std::uint64_t id : services_->take_ends()) {
    const auto found = hosts_.find(id);
    if (found == hosts_.end() || found->second->stage != AuditHost::Stage::Services) continue;
    AuditHost& host = *found->second;
    leave_services(host);
    begin_scan(host);
  }
}

}  // namespace trawl::control
