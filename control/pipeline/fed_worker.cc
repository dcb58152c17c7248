#include "control/pipeline/fed_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "control/pipeline/finding_fact.h"

namespace trawl::control {

std::unique_ptr<ServiceWorker> FedWorker::make(service::Loop& loop, const Hooks& hooks,
                                               const MakeInner& make,
                                               std::shared_ptr<PortRings> rings,
                                               std::shared_ptr<const SocketGuard> guard,
                                               std::size_t most) {
  std::unique_ptr<FedWorker> made{new FedWorker{std::move(rings), std::move(guard), most}};
  Hooks own = hooks;
  own.done = [worker = made.get()](const service::ServicePort& port,
                                   service::ServiceFinding&& finding) {
    worker->done(port, std::move(finding));
  };
  auto inner = make(loop, std::move(own));
  if (inner) {
    made->inner_ = std::move(*inner);
  } else {
    made->failure_ = inner.error().message;
    hooks.warn(fmt::format("version detection is not possible: {}", made->failure_));
  }
  return made;
}

void FedWorker::turn() {
  if (!inner_) {
    fail_all();
    return;
  }
  if (guard_->generation() != generation_) drop_blocked();
  const std::size_t room = rings_->answered.capacity() - rings_->answered.size();
  const std::size_t most = std::min(most_, room);
  OpenPort port;
  while (asking_.size() < most && rings_->asked.pop(port)) {
    // A port that is being asked is not asked twice.
    if (!asking_.emplace(port.index, port).second) continue;
    inner_->add({.host = port.ip,
                 .port = port.port,
                 .transport = port.protocol == Protocol::Udp ? service::Transport::Udp
                                                             : service::Transport::Tcp,
                 .tag = port.index});
  }
}

void FedWorker::fail_all() {
  OpenPort port;
  while (rings_->answered.size() < rings_->answered.capacity() && rings_->asked.pop(port)) {
    service::ServiceFinding finding;
    finding.outcome = service::ServiceFinding::Outcome::Failed;
    finding.trouble = failure_;
    answer(port, std::move(finding));
  }
}

void FedWorker::done(const service::ServicePort& port, service::ServiceFinding&& finding) {
  const auto found = asking_.find(port.tag);
  if (found == asking_.end()) return;
  const OpenPort asked = found->second;
  asking_.erase(found);
  answer(asked, std::move(finding));
}

// There is room: turn() left some for each port that is asked.
void FedWorker::answer(const OpenPort& port, service::ServiceFinding&& finding) {
  (void)rings_->answered.push(
      {.index = port.index,
       .fact = fact_of(port, std::move(finding), std::chrono::system_clock::now())});
}

void FedWorker::drop_blocked() {
  generation_ = guard_->generation();
  std::set<IpAddress> blocked;
  for (const auto& [index, port] : asking_) {
    if (!guard_->allows(port.ip)) blocked.insert(port.ip);
  }
  for (const IpAddress& host : blocked) {
    if (guard_->is_blocked(host)) {
      inner_->abandon(host);
    } else {
      inner_->drop(host);
    }
  }
  for (auto at = asking_.begin(); at != asking_.end();) {
    if (!blocked.contains(at->second.ip)) {
      ++at;
      continue;
    }
    service::ServiceFinding finding;
    finding.outcome = service::ServiceFinding::Outcome::Failed;
    finding.trouble = "blocked while it was asked";
    answer(at->second, std::move(finding));
    at = asking_.erase(at);
  }
}

}  // namespace trawl::control
