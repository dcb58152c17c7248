#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "base/clock.h"

namespace trawl::dataplane::internal {

// What the budgets of networks let go later, in the order in which it came: the one place where
// something else than a lane of a sweep waits for them.
//
// All that waits is looked at from the front whenever the first of it may go. A network that has
// nothing left for one has nothing left for those behind it, so each network's order is kept.
// Thread: one polling core. Allocates when made. Cost: take() asks the budget once an item.
template <typename Item>
class BudgetLine {
 public:
  explicit BudgetLine(std::size_t most) : most_{most}, items_{std::make_unique<Item[]>(most)} {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t room() const noexcept { return most_ - size_; }
  // Needs room() > 0; `due` is when the item may go at the earliest.
  void push(const Item& item, Ticks due) noexcept {
    due_ = size_ == 0 ? due : std::min(due_, due);
    items_[size_++] = item;
  }
  // Whether take() would look at anything.
  [[nodiscard]] bool is_due(Ticks now) const noexcept { return size_ > 0 && due_ <= now; }
  // Moves to `out` what may go now, at most `want`; `wait_for(item)` is 0 for what may, else how
  // long it has to wait. Returns how many.
  template <typename WaitFor>
  unsigned take(Ticks now, Item* out, unsigned want, WaitFor wait_for) noexcept {
    unsigned taken = 0;
    std::size_t kept = 0;
    std::size_t at = 0;
    due_ = ~Ticks{0};
    for (; at < size_ && taken < want; ++at) {
      const Ticks wait = wait_for(items_[at]);
      if (wait == 0) {
        out[taken++] = items_[at];
      } else {
        due_ = std::min(due_, now + wait);
        items_[kept++] = items_[at];
      }
    }
    if (at < size_) due_ = now;  // The rest was not looked at.
    std::move(items_.get() + at, items_.get() + size_, items_.get() + kept);
    size_ = kept + (size_ - at);
    return taken;
  }
  // Takes everything out.
  template <typename Use>
  void clear(Use use) noexcept {
    for (std::size_t i = 0; i < size_; ++i) use(items_[i]);
    size_ = 0;
  }

 private:
  std::size_t most_;
  std::unique_ptr<Item[]> items_;
  std::size_t size_ = 0;
  Ticks due_ = 0;
};

}  // namespace trawl::dataplane::internal
