#include "control/audit/engine/name_thread.h"

#include <algorithm>

namespace trawl::control {

NameThread::NameThread(std::shared_ptr<service::NameResolver> resolver)
    : resolver_{std::move(resolver)}, thread_{[this] { work(); }} {}

NameThread::~NameThread() {
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void NameThread::ask(std::uint64_t host, const IpAddress& ip) {
  {
    const std::lock_guard lock{mutex_};
    asked_.emplace_back(host, ip);
  }
  wanted_.notify_one();
}

std::vector<NameThread::Name> NameThread::take() {
  const std::lock_guard lock{mutex_};
  return std::exchange(found_, {});
}

// Routers are asked for again and again: what was found is kept.
void NameThread::look_up(const std::vector<std::pair<std::uint64_t, IpAddress>>& batch) {
  constexpr std::size_t kMostKnown = 65536;
  if (known_.size() > kMostKnown) known_.clear();
  std::vector<IpAddress> addresses;
  for (const auto& [host, ip] : batch) {
    if (known_.try_emplace(ip).second) addresses.push_back(ip);
  }
  if (addresses.empty()) return;
  std::vector<std::string> names = resolver_->names_of(addresses);
  for (std::size_t i = 0; i < addresses.size(); ++i) known_[addresses[i]] = std::move(names[i]);
}

void NameThread::work() {
  constexpr std::size_t kTogether = 256;
  std::unique_lock lock{mutex_};
  for (;;) {
    wanted_.wait(lock, [this] { return is_over_ || !asked_.empty(); });
    if (is_over_) return;
    const std::size_t count = std::min(asked_.size(), kTogether);
    const auto end = asked_.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<std::pair<std::uint64_t, IpAddress>> batch{asked_.begin(), end};
    asked_.erase(asked_.begin(), end);
    lock.unlock();
    look_up(batch);
    lock.lock();
    for (const auto& [host, ip] : batch) {
      const auto name = known_.find(ip);
      found_.push_back({host, name == known_.end() ? std::string{} : name->second});
    }
  }
}

}  // namespace trawl::control
