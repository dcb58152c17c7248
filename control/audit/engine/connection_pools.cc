#include "control/audit/engine/connection_pools.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "control/audit/engine/connect_pool.h"
#include "control/audit/through/bounce_pool.h"
#include "control/audit/through/proxy_pool.h"

namespace trawl::control {
namespace {

constexpr std::size_t kThroughProxies = 32;  // Connections at once, unless the user wants others.
constexpr std::uint16_t kFirstUnprivileged = 1024;

bool wants_unprivileged(const AuditPlan& plan) noexcept {
  return std::ranges::any_of(plan.scans, [](const auto& scan) {
    return scan->type() == ScanType::Bounce &&
           std::ranges::any_of(scan->specs(), [](const ProbeSpec& spec) {
             return spec.number >= kFirstUnprivileged;
           });
  });
}

}  // namespace

Result<ConnectionPools> ConnectionPools::open(const AuditPlan& plan,
                                              const std::function<void(std::string_view)>& warn) {
  TcpSource from{.interface = plan.network.interface,
                 .source = plan.network.source,
                 .source_port = plan.style.source_port,
                 .guard = plan.network.guard};
  ConnectionPools pools;
  if (plan.proxies.empty()) {
    auto connects = ConnectPool::open(from);
    if (!connects) return Failure{connects.error()};
    pools.connects_ = std::make_unique<ConnectPool>(std::move(*connects));
  }
  // All of them go to one place: each needs a port of its own.
  from.source_port.reset();
  if (!plan.proxies.empty()) {
    const unsigned most = plan.timing.max_parallelism;
    auto proxies = ProxyPool::open(
        {.from = from, .hops = plan.proxies, .most = most != 0 ? most : kThroughProxies});
    if (!proxies) return Failure{proxies.error()};
    pools.connects_ = std::move(*proxies);
  }
  if (plan.bounce) {
    auto bounces =
        BouncePool::open({.from = from,
                          .server = *plan.bounce,
                          .wants_unprivileged = plan.may_have_own_ports || wants_unprivileged(plan),
                          .warn = warn ? warn : [](std::string_view) {}});
    if (!bounces) return Failure{bounces.error()};
    pools.bounces_ = std::move(*bounces);
  }
  return pools;
}

void ConnectionPools::trace(const ConnectionPool::Trace& trace) {
  connects_->trace(trace);
  if (bounces_) bounces_->trace(trace);
}

void ConnectionPools::poll(Moment now, std::vector<ConnectionPool::Result>& results) {
  connects_->poll(now, results);
  if (bounces_) bounces_->poll(now, results);
}

Moment ConnectionPools::next_look() const noexcept {
  return bounces_ ? std::min(connects_->next_look(), bounces_->next_look())
                  : connects_->next_look();
}

std::vector<int> ConnectionPools::fds() const {
  std::vector<int> fds{connects_->fd()};
  if (bounces_) fds.push_back(bounces_->fd());
  return fds;
}

std::string_view ConnectionPools::broken() const noexcept {
  const std::string_view first = connects_->broken();
  return first.empty() && bounces_ ? bounces_->broken() : first;
}

std::string ConnectionPools::failures() const {
  if (connects_->failures() == 0) return {};
  return fmt::format("WARNING: {} connections could not be tried from here (the last: {}).",
                     connects_->failures(),
                     std::system_category().message(connects_->last_failure()));
}

}  // namespace trawl::control
