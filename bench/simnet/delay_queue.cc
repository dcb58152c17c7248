#include "bench/simnet/delay_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace trawl::simnet {
namespace {

constexpr std::int64_t kFinestGrain = 10'000;  // 10 us.

}  // namespace

// Twice the horizon, so that a loop that was held up for a while still finds its buckets apart.
DelayQueue::DelayQueue(Nanoseconds horizon, std::size_t slots)
    : grain_{std::max<std::int64_t>(kFinestGrain,
                                    2 * horizon.count() / static_cast<std::int64_t>(kBuckets) + 1)},
      free_slots_{slots},
      buckets_(kBuckets),
      pool_{std::make_unique_for_overwrite<Slot[]>(slots)} {
  assert(slots < kNone);
}

std::uint32_t DelayQueue::take_slot() noexcept {
  --free_slots_;
  if (free_ == kNone) return fresh_++;
  const std::uint32_t slot = free_;
  free_ = pool_[slot].next;
  return slot;
}

void DelayQueue::give_back(std::uint32_t slot) noexcept {
  ++free_slots_;
  pool_[slot].next = free_;
  free_ = slot;
}

bool DelayQueue::push(std::span<const std::byte> frame, Nanoseconds due) noexcept {
  const std::size_t needed = (frame.size() + kSlotBytes - 1) / kSlotBytes;
  if (needed == 0 || needed > free_slots_) return false;
  const std::uint32_t first = take_slot();
  pool_[first].size = static_cast<std::uint32_t>(frame.size());
  pool_[first].next = kNone;
  for (std::uint32_t slot = first;;) {
    const std::size_t piece = std::min(frame.size(), kSlotBytes);
    std::memcpy(pool_[slot].bytes.data(), frame.data(), piece);
    frame = frame.subspan(piece);
    pool_[slot].rest = kNone;
    if (frame.empty()) break;
    const std::uint32_t more = take_slot();
    pool_[slot].rest = more;
    slot = more;
  }
  const std::int64_t rounded_up = (due.count() + grain_ - 1) / grain_;
  // An empty queue may not have been asked for long. It lies no further ahead than the horizon.
  if (size_ == 0) {
    cursor_ = std::max(cursor_, rounded_up - static_cast<std::int64_t>(kBuckets / 2));
  }
  const auto furthest = cursor_ + static_cast<std::int64_t>(kBuckets) - 1;
  Bucket& into = bucket(std::clamp(rounded_up, cursor_, furthest));
  if (into.first == kNone) {
    into.first = first;
  } else {
    pool_[into.last].next = first;
  }
  into.last = first;
  ++size_;
  return true;
}

std::size_t DelayQueue::pop(std::span<std::byte> out, Nanoseconds now) noexcept {
  const std::int64_t reached = now.count() / grain_;
  if (size_ == 0) {
    cursor_ = std::max(cursor_, reached);
    return 0;
  }
  while (bucket(cursor_).first == kNone) {
    if (cursor_ >= reached) return 0;
    ++cursor_;
  }
  if (cursor_ > reached) return 0;
  Bucket& from = bucket(cursor_);
  const std::uint32_t first = from.first;
  from.first = pool_[first].next;
  if (from.first == kNone) from.last = kNone;
  --size_;
  const std::size_t size = pool_[first].size;
  assert(size <= out.size());
  std::size_t left = size;
  for (std::uint32_t slot = first; slot != kNone;) {
    const std::size_t piece = std::min(left, kSlotBytes);
    std::memcpy(out.data() + (size - left), pool_[slot].bytes.data(), piece);
    left -= piece;
    const std::uint32_t rest = pool_[slot].rest;
    give_back(slot);
    slot = rest;
  }
  return size;
}

}  // namespace trawl::simnet
