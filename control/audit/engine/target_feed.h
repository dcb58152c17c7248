#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/audit/target_list.h"

namespace trawl::control {

// Takes targets from a list beside the scan: names that resolve slowly, and a pipe that has nothing
// yet, hold up nobody who is being audited.
//
// Thread: take() and its like from one thread. The list, and whoever it calls, belongs to the
// feed's own thread until the feed is gone.
class TargetFeed {
 public:
  explicit TargetFeed(TargetList& targets);
  // Waits no longer for input; a name being resolved is waited for.
  ~TargetFeed();
  TargetFeed(const TargetFeed&) = delete;
  TargetFeed& operator=(const TargetFeed&) = delete;

  // nullopt when there is none at the moment.
  [[nodiscard]] std::optional<AuditTarget> take();
  // Another target expression, behind those there are.
  void add(std::string expression);
  // Whether all were taken.
  [[nodiscard]] bool is_over();
  // What was wrong with targets since the last call.
  [[nodiscard]] std::vector<std::string> take_warnings();
  // About how many are still to come.
  [[nodiscard]] double remaining() const noexcept {
    return std::max(0.0, total_.load(std::memory_order_relaxed) - static_cast<double>(handed_on_));
  }
  // Can be read when there may be more to take().
  [[nodiscard]] int fd() const noexcept { return event_fd_; }

 private:
  void work();
  void estimate();

  TargetList& targets_;
  TargetList::Warn warn_;  // The list's own.
  int event_fd_;
  std::mutex mutex_;
  std::condition_variable has_room_;
  std::deque<AuditTarget> ready_;
  std::vector<std::string> warnings_;
  std::vector<std::string> added_;
  bool is_at_end_ = false;
  std::uint64_t found_ = 0;         // By the feed's thread.
  std::uint64_t handed_on_ = 0;     // By take().
  std::atomic<double> total_{0.0};  // As estimated last.
  bool is_stopped_ = false;
  std::deque<AuditTarget> taken_;  // By take()'s thread, to be handed on.
  std::thread thread_;
};

}  // namespace trawl::control
