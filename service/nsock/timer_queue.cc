#include "service/nsock/timer_queue.h"

#include <algorithm>

namespace trawl::service {
namespace {

constexpr std::size_t kBranches = 4;  // Shallower than a binary heap, and one cache line of them.

bool before(const TimerNode& a, const TimerNode& b) noexcept {
  return a.due != b.due ? a.due < b.due : a.turn < b.turn;
}

}  // namespace

void TimerQueue::add(TimerNode& node, SteadyTime due) {
  node.due = due;
  node.turn = turn_++;
  heap_.push_back(&node);
  node.place = heap_.size() - 1;
  rise(node.place);
}

void TimerQueue::remove(TimerNode& node) noexcept {
  if (!node.is_queued()) return;
  const std::size_t place = node.place;
  node.place = TimerNode::kNowhere;
  TimerNode* const last = heap_.back();
  heap_.pop_back();
  if (last == &node) return;
  put(last, place);
  rise(place);
  sink(last->place);
}

void TimerQueue::put(TimerNode* node, std::size_t place) noexcept {
  heap_[place] = node;
  node->place = place;
}

void TimerQueue::rise(std::size_t place) noexcept {
  TimerNode* const node = heap_[place];
  while (place > 0) {
    const std::size_t parent = (place - 1) / kBranches;
    if (!before(*node, *heap_[parent])) break;
    put(heap_[parent], place);
    place = parent;
  }
  put(node, place);
}

void TimerQueue::sink(std::size_t place) noexcept {
  TimerNode* const node = heap_[place];
  while (true) {
    const std::size_t first = place * kBranches + 1;
    if (first >= heap_.size()) break;
    std::size_t best = first;
    const std::size_t end = std::min(first + kBranches, heap_.size());
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(*heap_[child], *heap_[best])) best = child;
    }
    if (!before(*heap_[best], *node)) break;
    put(heap_[best], place);
    place = best;
  }
  put(node, place);
}

}  // namespace trawl::service
