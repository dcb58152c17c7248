#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "service/nsock/event.h"

namespace trawl::service {

// What can be in a TimerQueue. It must leave the queue before it goes away.
struct TimerNode {
  static constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

  SteadyTime due{};
  std::uint64_t turn = 0;        // Those due at once are told of in the order they were added.
  std::size_t place = kNowhere;  // In the heap.

  [[nodiscard]] bool is_queued() const noexcept { return place != kNowhere; }
};

// Times to come, the soonest first: a heap whose members know their places.
//
// Cost: add() and remove() take time with the logarithm of the size.
class TimerQueue {
 public:
  // Needs a node that is not queued.
  void add(TimerNode& node, SteadyTime due);
  // Nothing happens to a node that is not queued.
  void remove(TimerNode& node) noexcept;
  // The soonest, nullptr for none.
  [[nodiscard]] TimerNode* top() const noexcept { return heap_.empty() ? nullptr : heap_.front(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  void put(TimerNode* node, std::size_t place) noexcept;
  void rise(std::size_t place) noexcept;
  void sink(std::size_t place) noexcept;

  std::vector<TimerNode*> heap_;
  std::uint64_t turn_ = 0;
};

}  // namespace trawl::service
