#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace trawl::simnet {

// Replies on their way: frames that become due at a later time, as a timing wheel over fixed slots.
//
// A frame is copied into as many 128-byte slots as it needs (one, unless somebody pings with large
// packets), so a second of replies costs no packet buffers. Frames leave in the order of their due
// times, rounded up to the granularity; within one grain, in the order they came.
//
// Thread: one polling core. Cost: push and pop take constant time and never allocate.
class DelayQueue {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  // Holds frames up to `horizon` ahead in at most `slots` slots. Memory is touched as it is used.
  DelayQueue(Nanoseconds horizon, std::size_t slots);

  // False when there are too few free slots; nothing is queued then. Needs a non-empty frame. A
  // due time beyond the horizon is brought back to it.
  [[nodiscard]] bool push(std::span<const std::byte> frame, Nanoseconds due) noexcept;
  // Copies the next frame due at `now` to `out` and returns its size, or 0 when none is due. `now`
  // never goes back. Needs room in `out` for every frame pushed.
  [[nodiscard]] std::size_t pop(std::span<std::byte> out, Nanoseconds now) noexcept;

  // Frames waiting.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Nanoseconds granularity() const noexcept { return Nanoseconds{grain_}; }

 private:
  static constexpr std::size_t kBuckets = std::size_t{1} << 16U;
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kSlotBytes = 116;

  struct Slot {
    std::uint32_t next;  // The next frame in the bucket, or the next free slot.
    std::uint32_t rest;  // More bytes of this frame.
    std::uint32_t size;  // Of the whole frame.
    std::array<std::byte, kSlotBytes> bytes;
  };
  static_assert(sizeof(Slot) == 128);

  struct Bucket {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
  };

  [[nodiscard]] std::uint32_t take_slot() noexcept;
  void give_back(std::uint32_t slot) noexcept;
  [[nodiscard]] Bucket& bucket(std::int64_t grain) noexcept {
    return buckets_[static_cast<std::size_t>(grain) % kBuckets];
  }

  std::int64_t grain_;       // Nanoseconds a bucket.
  std::int64_t cursor_ = 0;  // The bucket to pop from, counted from time 0.
  std::size_t size_ = 0;
  std::size_t free_slots_;
  std::uint32_t fresh_ = 0;  // Slots from here on were never used.
  std::uint32_t free_ = kNone;
  std::vector<Bucket> buckets_;
  std::unique_ptr<Slot[]> pool_;
};

}  // namespace trawl::simnet
