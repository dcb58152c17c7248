#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace trawl::dataplane {

// Frames on their way from one thread to another, by value: a fixed number of slots, each with room
// for any frame that a link takes.
//
// Copies rather than buffers of DPDK, so that no buffer of a receive queue waits for a slow reader,
// and none is freed on a thread that may be put to sleep while it holds a pool's ring, for which a
// polling core would then wait.
// Thread: one puts (write_slot, commit, publish), another takes (waiting, frame, pop).
class FrameRing {
 public:
  static constexpr std::size_t kMostBytes = 2048;

  // Needs a power of two.
  explicit FrameRing(std::uint32_t slots)
      : slots_{std::make_unique<Slot[]>(slots)}, mask_{slots - 1} {
    assert(std::has_single_bit(slots));
  }

  // Where the next frame goes; empty when the ring is full.
  [[nodiscard]] std::span<std::byte> write_slot() noexcept {
    if (written_ - seen_head_ > mask_) {
      seen_head_ = head_.load(std::memory_order_acquire);
      if (written_ - seen_head_ > mask_) return {};
    }
    return slots_[written_ & mask_].bytes;
  }
  // The slot that write_slot() gave holds a frame of `size` bytes; `mark` is the writer's to
  // choose.
  void commit(std::size_t size, std::uint32_t mark = 0) noexcept {
    Slot& slot = slots_[written_++ & mask_];
    slot.size = static_cast<std::uint16_t>(size);
    slot.mark = mark;
  }
  // Lets the reader see what was committed. False when it was nothing. In one order with all other
  // sequentially consistent operations: see KernelExchange.
  bool publish() noexcept {
    if (tail_.load(std::memory_order_relaxed) == written_) return false;
    tail_.store(written_, std::memory_order_seq_cst);
    return true;
  }

  // How many frames can be read.
  [[nodiscard]] std::uint32_t waiting() const noexcept {
    return tail_.load(std::memory_order_seq_cst) - head_.load(std::memory_order_relaxed);
  }
  // Needs i < waiting(); valid until pop().
  [[nodiscard]] std::span<const std::byte> frame(std::uint32_t i) const noexcept {
    const Slot& slot = slots_[(head_.load(std::memory_order_relaxed) + i) & mask_];
    return {slot.bytes.data(), slot.size};
  }
  // What commit() said of it. Needs i < waiting().
  [[nodiscard]] std::uint32_t mark(std::uint32_t i) const noexcept {
    return slots_[(head_.load(std::memory_order_relaxed) + i) & mask_].mark;
  }
  // Needs count <= waiting().
  void pop(std::uint32_t count) noexcept {
    head_.store(head_.load(std::memory_order_relaxed) + count, std::memory_order_release);
  }

 private:
  // An odd number of cache lines: the heads of all frames are spread over all sets.
  struct alignas(64) Slot {
    std::uint16_t size = 0;
    std::uint32_t mark = 0;
    std::array<std::byte, kMostBytes> bytes;
  };
  static_assert(sizeof(Slot) / 64 % 2 == 1);

  std::unique_ptr<Slot[]> slots_;
  std::uint32_t mask_;
  alignas(64) std::atomic<std::uint32_t> tail_{0};  // Written by the writer alone,
  std::uint32_t written_ = 0;                       // as these two are.
  std::uint32_t seen_head_ = 0;
  alignas(64) std::atomic<std::uint32_t> head_{0};  // Written by the reader alone.
};

}  // namespace trawl::dataplane
