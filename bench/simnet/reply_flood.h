#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "bench/simnet/zero_pages.h"

namespace trawl::simnet {

// Genuine replies to be sent over and over, as fast as the link takes them: what a receiver can
// bear shows only when replies come faster than probes could ask for them.
//
// Keeps the first replies that leave, as they are, so every frame is one that the scanner accepts;
// beyond the first time each is a duplicate.
//
// Thread: one polling core. Cost: a copy of the frame; allocates nothing.
class ReplyFlood {
 public:
  // Needs most > 0. Fails with Usage where there is no memory for so many.
  [[nodiscard]] static Result<ReplyFlood> make(std::size_t most);

  // Keeps an IPv4 reply while there is room.
  void keep(std::span<const std::byte> reply) noexcept;
  [[nodiscard]] bool empty() const noexcept { return kept_ == 0; }
  static constexpr std::size_t kLargestFrame = 95;
  // Copies the next one to `buffer` and returns its size. Needs !empty() and room for
  // kLargestFrame.
  [[nodiscard]] std::size_t write(std::span<std::byte> buffer) noexcept;

 private:
  struct Slot {
    std::uint8_t size;
    std::array<std::byte, kLargestFrame> bytes;
  };

  explicit ReplyFlood(ZeroPages<Slot> slots, std::size_t most) noexcept;

  ZeroPages<Slot> slots_;
  std::size_t most_;
  std::size_t kept_ = 0;
  std::size_t next_ = 0;
};

}  // namespace trawl::simnet
