#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace trawl::dataplane {

// A bounded queue between two threads, of which one puts and the other takes; neither ever waits.
// In our own atomics, so that ThreadSanitizer sees how it orders memory.
//
// Thread: put() one, is_empty() and take() another.
template <typename Value>
class OneToOneRing {
 public:
  static_assert(std::is_trivially_copyable_v<Value>);

  // Holds `least` values at least.
  explicit OneToOneRing(std::size_t least) : values_(std::bit_ceil(least)) {}

  // False when there is no room.
  [[nodiscard]] bool put(const Value& value) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - known_head_ == values_.size()) {
      known_head_ = head_.load(std::memory_order_acquire);
      if (tail - known_head_ == values_.size()) return false;
    }
    values_[tail & (values_.size() - 1)] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  // Whether there is nothing to take. Of the thread that takes.
  [[nodiscard]] bool is_empty() const noexcept {
    return tail_.load(std::memory_order_acquire) == head_.load(std::memory_order_relaxed);
  }
  // Returns how many.
  [[nodiscard]] std::size_t take(std::span<Value> into) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    const std::size_t there = tail_.load(std::memory_order_acquire) - head;
    const std::size_t count = there < into.size() ? there : into.size();
    for (std::size_t i = 0; i < count; ++i) into[i] = values_[(head + i) & (values_.size() - 1)];
    if (count > 0) head_.store(head + count, std::memory_order_release);
    return count;
  }

 private:
  std::vector<Value> values_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // Written by the one that puts, as the next.
  std::size_t known_head_ = 0;
  alignas(64) std::atomic<std::size_t> head_{0};  // Written by the one that takes.
};

}  // namespace trawl::dataplane
