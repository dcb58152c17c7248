#include "control/pipeline/service_tier.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace trawl::control {

Result<std::unique_ptr<ServiceTier>> ServiceTier::open(Settings settings) {
  auto guard = std::make_shared<SocketGuard>(std::move(settings.blocked));
  std::unique_ptr<ServiceTier> tier{new ServiceTier{guard}};
  settings.loop.may_send = [guard](const IpAddress& ip) { return guard->allows(ip); };
  const std::size_t most = std::clamp<std::size_t>(settings.ports_at_once, 1, kFactsWaiting);
  for (unsigned i = 0; i < settings.threads; ++i) {
    auto opened = PortRings::open(settings.ports_waiting, kFactsWaiting);
    if (!opened) return Failure{opened.error()};
    std::shared_ptr<PortRings> rings = std::move(*opened);
    auto thread = ServiceThread::open(
        {.loop = settings.loop,
         .make = [make = settings.make, rings, guard, most](
                     service::Loop& loop,
                     const ServiceWorker::Hooks& hooks) -> Result<std::unique_ptr<ServiceWorker>> {
           return FedWorker::make(loop, hooks, make, rings, guard, most);
         },
         .cpus = settings.cpus,
         .traces = false,
         .began = std::chrono::steady_clock::now()});
    if (!thread) return Failure{thread.error()};
    tier->cores_.push_back({.rings = std::move(rings), .thread = std::move(*thread)});
  }
  return tier;
}

ServiceTier::Core& ServiceTier::core_of(const IpAddress& ip) noexcept {
  const Uint128 value = ip.v6().value();
  const std::uint64_t hash =
      mix64(static_cast<std::uint64_t>(value) ^ mix64(static_cast<std::uint64_t>(value >> 64U)));
  return cores_[hash % cores_.size()];
}

bool ServiceTier::offer(const OpenPort& port) noexcept {
  std::byte protocol{};
  if (!core_of(port.ip).rings->asked->offer(port_packet(port, protocol))) return false;
  ++offered_;
  return true;
}

void ServiceTier::wake() noexcept {
  for (Core& core : cores_) {
    if (std::exchange(core.has_room, false)) core.thread->wake();
  }
}

std::size_t ServiceTier::take(std::span<PortAnswer> into) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < cores_.size() && count < into.size(); ++i) {
    Core& core = cores_[(next_ + i) % cores_.size()];
    const std::size_t before = count;
    while (count < into.size() && core.rings->answered.pop(into[count])) ++count;
    // There may be room for more of them now.
    if (count > before) core.has_room = true;
  }
  next_ = (next_ + 1) % cores_.size();
  taken_ += count;
  return count;
}

void ServiceTier::block(const AddressList& blocked, const AddressList& skipped) {
  guard_->replace(blocked, skipped);
  for (const Core& core : cores_) core.thread->wake();
}

double ServiceTier::fullness() const noexcept {
  double most = 0.0;
  for (const Core& core : cores_) {
    most = std::max(most, static_cast<double>(core.rings->asked->size()) /
                              static_cast<double>(core.rings->asked->capacity()));
  }
  return most;
}

std::size_t ServiceTier::capacity() const noexcept {
  std::size_t sum = 0;
  for (const Core& core : cores_) sum += core.rings->asked->capacity();
  return sum;
}

std::vector<std::string> ServiceTier::take_warnings() {
  std::vector<std::string> warnings;
  for (const Core& core : cores_) {
    for (std::string& text : core.thread->take().warnings) warnings.push_back(std::move(text));
  }
  return warnings;
}

}  // namespace trawl::control
