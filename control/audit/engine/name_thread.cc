#include "control/audit/engine/name_thread.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>

namespace trawl::control {

NameThread::NameThread(std::shared_ptr<service::NameResolver> resolver)
    : resolver_{std::move(resolver)} {
  // Signals are for the thread that scans.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (unsigned i = 0; i < resolver_->askers(); ++i) threads_.emplace_back([this] { work(); });
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

NameThread::~NameThread() {
  {
    const std::lock_guard lock{mutex_};
    is_over_ = true;
  }
  wanted_.notify_all();
  resolver_->interrupt();
  for (std::thread& thread : threads_) thread.join();
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

NameThread::Questions NameThread::take_questions() {
  constexpr std::size_t kTogether = 256;
  const std::size_t most = resolver_->askers() > 1 ? 1 : kTogether;
  const auto end = asked_.begin() + static_cast<std::ptrdiff_t>(std::min(asked_.size(), most));
  Questions batch{asked_.begin(), end};
  asked_.erase(asked_.begin(), end);
  return batch;
}

// Routers are asked for again and again: what was found is kept.
void NameThread::answer(const Questions& batch, std::unique_lock<std::mutex>& lock) {
  constexpr std::size_t kMostKnown = 65536;
  std::unordered_map<IpAddress, std::string, AddressHash> names;
  std::vector<IpAddress> unknown;
  for (const auto& [host, ip] : batch) {
    const auto known = known_.find(ip);
    const bool is_known = known != known_.end();
    const bool is_new = names.try_emplace(ip, is_known ? known->second : std::string{}).second;
    if (!is_known && is_new) unknown.push_back(ip);
  }
  if (!unknown.empty()) {
    lock.unlock();
    std::vector<std::string> found = resolver_->names_of(unknown);
    lock.lock();
    if (known_.size() > kMostKnown) known_.clear();
    for (std::size_t i = 0; i < unknown.size(); ++i) {
      names[unknown[i]] = found[i];
      known_.insert_or_assign(unknown[i], std::move(found[i]));
    }
  }
  for (const auto& [host, ip] : batch) found_.push_back({host, names[ip]});
}

void NameThread::work() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wanted_.wait(lock, [this] { return is_over_ || !asked_.empty(); });
    if (is_over_) return;
    answer(take_questions(), lock);
  }
}

}  // namespace trawl::control
