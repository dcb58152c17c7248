#include "control/os/port_gate.h"

#include <utility>

namespace trawl::control {

void PortGate::add(const service::ServicePort& port, bool asks_ports) {
  Waiting& waiting = ports_[port.tag];
  waiting.port = port;
  if (!asks_ports) waiting.finding.emplace();
}

void PortGate::service_known(std::uint64_t tag, service::ServiceFinding&& finding) {
  const auto found = ports_.find(tag);
  if (found == ports_.end()) return;
  found->second.finding = std::move(finding);
  answer_if_done(found);
}

void PortGate::host_known(std::uint64_t tag, std::shared_ptr<const ServiceFact> fact) {
  const auto found = ports_.find(tag);
  if (found == ports_.end()) return;
  found->second.is_host_known = true;
  found->second.host = std::move(fact);
  answer_if_done(found);
}

void PortGate::drop(const IpAddress& host) {
  std::erase_if(ports_, [&host](const auto& one) { return one.second.port.host == host; });
}

void PortGate::answer_if_done(Ports::iterator at) {
  if (!at->second.finding || !at->second.is_host_known) return;
  Waiting waiting = std::move(at->second);
  ports_.erase(at);
  waiting.finding->host = std::move(waiting.host);
  done_(waiting.port, std::move(*waiting.finding));
}

}  // namespace trawl::control
