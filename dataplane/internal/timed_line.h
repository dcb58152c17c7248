#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"

namespace trawl::dataplane::internal {

// What is to be sent at its time: the earliest first, of one time in the order in which it came.
//
// Thread: one polling core. Allocates when made. Cost: a step of a heap.
template <typename Item>
class TimedLine {
 public:
  struct Timed {
    Item item{};
    Ticks due = 0;
    std::uint64_t tag = 0;
    std::uint64_t number = 0;
  };

  explicit TimedLine(std::size_t most) : most_{most}, items_{std::make_unique<Timed[]>(most)} {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool has_room() const noexcept { return size_ < most_; }
  // Needs has_room().
  void push(const Item& item, Ticks due, std::uint64_t tag) noexcept {
    put({item, due, tag, ++pushed_});
  }
  // The same one, at another time.
  void put_back(Timed timed, Ticks due) noexcept {
    timed.due = due;
    put(timed);
  }
  // Whether pop() would give something that is due.
  [[nodiscard]] bool is_due(Ticks now) const noexcept { return size_ > 0 && items_[0].due <= now; }
  // Needs size() > 0.
  Timed pop() noexcept {
    std::pop_heap(items_.get(), items_.get() + size_, later);
    return items_[--size_];
  }

 private:
  static bool later(const Timed& a, const Timed& b) noexcept {
    return a.due != b.due ? a.due > b.due : a.number > b.number;
  }
  void put(const Timed& timed) noexcept {
    items_[size_++] = timed;
    std::push_heap(items_.get(), items_.get() + size_, later);
  }

  std::size_t most_;
  std::unique_ptr<Timed[]> items_;
  std::size_t size_ = 0;
  std::uint64_t pushed_ = 0;
};

}  // namespace trawl::dataplane::internal
