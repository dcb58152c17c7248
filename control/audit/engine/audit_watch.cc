#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "control/audit/engine/audit_engine.h"

namespace trawl::control {

AuditEngine::Progress AuditEngine::progress() const {
  Progress progress{.hosts_done = done_, .hosts_up = up_, .hosts_active = hosts_.size()};
  const std::vector<AuditTask>& tasks = book_.tasks();
  std::size_t most = TaskBook::kNone;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const bool leads = most == TaskBook::kNone || tasks[i].active() >= tasks[most].active();
    if (tasks[i].active() > 0 && leads) most = i;
  }
  for (const auto& [id, host] : hosts_) {
    if (host->report.status == HostStatus::Up) ++progress.hosts_up;
  }
  if (most == TaskBook::kNone) return progress;
  progress.task = &tasks[most];
  if (scripts_ && most == book_.scripts()) progress.slowest = scripts_->progress().slowest;
  const double to_come =
      (feed_ ? feed_->remaining() : 0.0) + static_cast<double>(postponed_.size());
  progress.share = book_.share(most, work_of(most), to_come);
  return progress;
}

// Of hosts, and of ports, those that are not heard of yet are expected to be silent as the others.
TaskBook::Work AuditEngine::work_of(std::size_t task) const {
  const bool discovers = task == TaskBook::kNeighbours || task == TaskBook::kDiscovery;
  double silent = 0.5;
  double answered = 0.5;
  for (const auto& [id, host] : hosts_) {
    const bool is_at_it = host->task == task && host->schedule;
    if (discovers) {
      if (host->report.status == HostStatus::Up) ++answered;
      if (is_at_it && host->schedule->silent() > 0) ++silent;
    } else if (is_at_it) {
      silent += host->schedule->silent();
      answered += host->probes->size() - host->schedule->unanswered();
    }
  }
  if (discovers) {
    answered += static_cast<double>(up_);
    silent += static_cast<double>(done_ - up_);
  }
  TaskBook::Work all;
  for (const auto& [id, host] : hosts_) {
    if (host->task != task || host->stage == AuditHost::Stage::Scripts) continue;
    all.done += host->task_work;
    if (services_ && host->stage == AuditHost::Stage::Services) {
      const ServiceStage::Work work = services_->work(host->id);
      all.done += static_cast<double>(work.answered);
      all.left += static_cast<double>(work.left);
      continue;
    }
    if (os_ && host->stage == AuditHost::Stage::Os) {
      const OsStage::Work work = os_->work(host->id);
      all.done += work.done;
      all.left += work.left;
      continue;
    }
    if (!host->schedule || !host->pace) {
      all.left += 1;
      continue;
    }
    const auto work = host->schedule->work(needed_by(*host), silent / (silent + answered));
    all.done += work.sent;
    all.left += work.left;
  }
  if (scripts_ && task == book_.scripts()) {
    const nse::Engine::Progress scripts = scripts_->progress();
    all.done += static_cast<double>(scripts.over);
    // Ports that scripts open come to the rules later.
    all.left += static_cast<double>(scripts.rules - std::min(scripts.rules, scripts.over) +
                                    scripts_->waiting());
  }
  return all;
}

// The last few hosts, every second: what keeps them.
void AuditEngine::tell_stragglers() {
  constexpr std::size_t kFew = 3;
  constexpr Moment kEvery{1'000'000};
  if (hosts_.size() > kFew || now_ < last_told_ + kEvery) return;
  last_told_ = now_;
  for (const auto& [id, host] : hosts_) {
    if (host->pace && host->schedule) tell_pace(*host, "is at");
  }
}

void AuditEngine::read_keys() {
  if (!hooks_.keys) return;
  last_keys_ = now_;
  keys_fd_ = hooks_.keys();
}

void AuditEngine::trace_to(dataplane::RawNetwork::Trace trace, ConnectionPool::Trace connections,
                           std::function<void(std::string_view)> services) {
  hooks_.trace_services = std::move(services);
  if (services_) services_->trace(static_cast<bool>(hooks_.trace_services));
  hooks_.trace = std::move(trace);
  hooks_.trace_connection = std::move(connections);
  if (connections_) connections_->trace(hooks_.trace_connection);
  if (network_) network_->trace(hooks_.trace);
  if (os_) os_->trace(static_cast<bool>(hooks_.trace));
}

dataplane::PacketCounters AuditEngine::counters() noexcept {
  auto all = network_ ? network_->counters() : dataplane::PacketCounters{};
  if (os_) all += os_->counters();
  return all;
}

// What the list has to say of targets it could not take.
void AuditEngine::tell_of_targets() {
  for (const std::string& text : feed_->take_warnings()) {
    if (hooks_.warn) hooks_.warn(text);
  }
}

}  // namespace trawl::control
