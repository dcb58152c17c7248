#include "control/audit/engine/service_stage.h"

#include <utility>

namespace trawl::control {
namespace {

PortProtocol protocol_of(service::Transport transport) noexcept {
  return transport == service::Transport::Udp ? PortProtocol::Udp : PortProtocol::Tcp;
}

}  // namespace

void ServiceStage::join(const Host& host, const std::vector<Port>& ports) {
  hosts_.insert_or_assign(host.id, Asked{.ip = host.ip, .left = ports.size(), .findings = {}});
  std::vector<service::ServicePort> questions;
  questions.reserve(ports.size());
  for (const Port& port : ports) {
    questions.push_back({.host = host.ip,
                         .zone = host.zone,
                         .port = port.number,
                         .transport = port.protocol == PortProtocol::Udp ? service::Transport::Udp
                                                                         : service::Transport::Tcp,
                         .is_certain = port.is_certain,
                         .host_name = host.name,
                         .tag = host.id});
  }
  asker_->ask(std::move(questions));
}

void ServiceStage::take(ServiceAsker::Answer&& answer) {
  const auto found = hosts_.find(answer.port.tag);
  if (found == hosts_.end()) return;
  Asked& host = found->second;
  const bool is_opened = !answer.port.is_certain && answer.finding.answered;
  const bool is_new =
      host.findings
          .try_emplace({protocol_of(answer.port.transport), answer.port.port},
                       std::make_shared<service::ServiceFinding>(std::move(answer.finding)))
          .second;
  if (!is_new || host.left == 0) return;
  if (is_opened) opened_.push_back(answer.port);
  if (--host.left == 0) ends_.push_back(answer.port.tag);
}

void ServiceStage::turn() {
  ServiceAsker::News news = asker_->take();
  for (ServiceAsker::Answer& answer : news.answers) take(std::move(answer));
  for (std::string& text : news.warnings) warnings_.push_back(std::move(text));
  for (std::string& line : news.trace) trace_.push_back(std::move(line));
}

ServiceFindings ServiceStage::leave(std::uint64_t host) {
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return {};
  if (found->second.left > 0) asker_->drop(found->second.ip);
  ServiceFindings findings = std::move(found->second.findings);
  hosts_.erase(found);
  return findings;
}

ServiceStage::Work ServiceStage::work(std::uint64_t host) const noexcept {
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return {};
  return {.answered = found->second.findings.size(), .left = found->second.left};
}

std::vector<ServiceStage::Port> ports_to_ask(const std::vector<PortReport>& ports) {
  std::vector<ServiceStage::Port> chosen;
  for (const PortReport& port : ports) {
    const bool is_open = port.state == PortState::Open;
    if (!is_open && port.state != PortState::OpenFiltered) continue;
    if (port.protocol != PortProtocol::Tcp && port.protocol != PortProtocol::Udp) continue;
    chosen.push_back({.protocol = port.protocol, .number = port.number, .is_certain = is_open});
  }
  return chosen;
}

void add_services(const ServiceFindings& findings, std::vector<PortReport>& ports) {
  for (PortReport& port : ports) {
    const auto found = findings.find({port.protocol, port.number});
    if (found == findings.end()) continue;
    port.service = found->second;
    if (port.state != PortState::OpenFiltered || !port.service->answered) continue;
    port.state = PortState::Open;
    port.reason = {.word = port.protocol == PortProtocol::Udp ? "udp-response" : "tcp-response"};
  }
}

}  // namespace trawl::control
