#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace trawl::control {

// A bounded queue between two threads, without locks: one puts in, the other takes out.
//
// Each side keeps what it last saw of the other's index, so that most calls touch no cache line
// that the other one writes. A value that was taken out leaves a moved-from one behind.
//
// Thread: one that pushes, one that pops; size() from either, exact from neither.
// Cost:   no allocation after construction.
template <typename T>
class SpscRing {
 public:
  static_assert(std::is_nothrow_move_assignable_v<T> && std::is_default_constructible_v<T>);

  // Holds at least `capacity` values: a power of two of them. Needs 0 < capacity <= 2^31. Throws
  // std::bad_alloc.
  explicit SpscRing(std::size_t capacity)
      : mask_{std::bit_ceil(capacity) - 1}, slots_{std::make_unique<T[]>(mask_ + 1)} {}
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

  // False, and `value` as it was, where the ring is full.
  [[nodiscard]] bool push(T&& value) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ > mask_) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (tail - seen_head_ > mask_) return false;
    }
    slots_[tail & mask_] = std::move(value);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // False where it is empty.
  [[nodiscard]] bool pop(T& value) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == seen_tail_) {
      seen_tail_ = tail_.load(std::memory_order_acquire);
      if (head == seen_tail_) return false;
    }
    value = std::move(slots_[head & mask_]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // To who pushes, never less than there are; to who pops, never more.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::size_t head = head_.load(std::memory_order_acquire);
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    return tail - head;
  }

 private:
  std::size_t mask_;
  std::unique_ptr<T[]> slots_;
  alignas(64) std::atomic<std::size_t> head_{0};  // Of the next value to take out.
  std::size_t seen_tail_ = 0;                     // By who pops.
  alignas(64) std::atomic<std::size_t> tail_{0};  // Of the next free slot.
  std::size_t seen_head_ = 0;                     // By who pushes.
};

}  // namespace trawl::control
