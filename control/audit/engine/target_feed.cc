#include "control/audit/engine/target_feed.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <utility>

namespace trawl::control {
namespace {

constexpr std::size_t kMostReady = 8192;

}  // namespace

TargetFeed::TargetFeed(TargetList& targets)
    : targets_{targets}, event_fd_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
  estimate();
  warn_ = targets_.warn_with([this](std::string_view text) {
    const std::lock_guard lock{mutex_};
    warnings_.emplace_back(text);
    const std::uint64_t one = 1;
    (void)!::write(event_fd_, &one, sizeof one);
  });
  // Signals are for the thread that scans.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work(); }};
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TargetFeed::~TargetFeed() {
  {
    const std::lock_guard lock{mutex_};
    is_stopped_ = true;
  }
  targets_.stop();
  has_room_.notify_one();
  thread_.join();
  (void)targets_.warn_with(std::move(warn_));
  if (event_fd_ >= 0) (void)::close(event_fd_);
}

std::optional<AuditTarget> TargetFeed::take() {
  if (taken_.empty()) {
    std::uint64_t count = 0;
    (void)!::read(event_fd_, &count, sizeof count);
    {
      const std::lock_guard lock{mutex_};
      taken_ = std::exchange(ready_, {});
    }
    has_room_.notify_one();
  }
  if (taken_.empty()) return std::nullopt;
  AuditTarget target = std::move(taken_.front());
  taken_.pop_front();
  ++handed_on_;
  return target;
}

void TargetFeed::add(std::string expression) {
  {
    const std::lock_guard lock{mutex_};
    added_.push_back(std::move(expression));
    is_at_end_ = false;
  }
  has_room_.notify_one();
}

std::vector<std::string> TargetFeed::take_warnings() {
  const std::lock_guard lock{mutex_};
  return std::exchange(warnings_, {});
}

bool TargetFeed::is_over() {
  if (!taken_.empty()) return false;
  const std::lock_guard lock{mutex_};
  return is_at_end_ && ready_.empty();
}

void TargetFeed::estimate() {
  total_.store(static_cast<double>(found_) + targets_.remaining(), std::memory_order_relaxed);
}

void TargetFeed::work() {
  constexpr std::chrono::milliseconds kEvery{100};
  auto estimated = std::chrono::steady_clock::now();
  for (;;) {
    std::vector<std::string> added;
    {
      const std::lock_guard lock{mutex_};
      added = std::exchange(added_, {});
    }
    for (const std::string& expression : added) targets_.add(expression);
    auto target = targets_.next();
    found_ += target ? 1 : 0;
    if (const auto now = std::chrono::steady_clock::now(); !target || now - estimated > kEvery) {
      estimated = now;
      estimate();
    }
    std::unique_lock lock{mutex_};
    const bool was_empty = ready_.empty();
    is_at_end_ = !target && added_.empty();
    if (target) ready_.push_back(std::move(*target));
    if (was_empty) {
      const std::uint64_t one = 1;
      (void)!::write(event_fd_, &one, sizeof one);
    }
    if (is_at_end_) {
      has_room_.wait(lock, [this] { return is_stopped_ || !added_.empty(); });
    } else {
      has_room_.wait(lock, [this] { return is_stopped_ || ready_.size() < kMostReady; });
    }
    if (is_stopped_) return;
  }
}

}  // namespace trawl::control
