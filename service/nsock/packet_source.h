#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "service/nsock/descriptor.h"
#include "service/nsock/event.h"

namespace trawl::service {

// A packet on its way to a loop: a reply, or what a core makes of one.
struct SeenPacket {
  PacketDetails details{};  // network_offset and link_type as the producer has them.
  Endpoint from{};          // Port 0 where the protocol has none.
  std::span<const std::byte> bytes{};
};

// Packets from a polling core to a Loop: a ring of fixed size, and a descriptor that wakes the
// loop. Everything is allocated by open(), and nothing is ever lost in it: what does not fit is
// refused.
//
// Thread: offer() and end() are one thread's, reading another's (PacketReader).
// Cost:   a copy of the bytes that are kept, and one store a burst; a system call only where the
//         loop waits for packets, so at most one between two of its looks at an empty ring. What a
//         packet costs the loop is timed by bench/service/loop_bench.
class PacketSource {
 public:
  static constexpr std::size_t kMostPackets = 1U << 20U;
  static constexpr std::size_t kMostBytes = 65'536;
  static constexpr std::size_t kMostMemory = std::size_t{1} << 30U;  // Packets times bytes of each.

  struct Settings {
    std::size_t packets = 4096;  // Rounded up to a power of two.
    std::size_t most_bytes =
        256;  // Kept of each packet; details.wire_length tells how long it was.
  };
  // Fails with BadInput for no packets and for more than the above, with Runtime where there is no
  // descriptor.
  [[nodiscard]] static Result<std::shared_ptr<PacketSource>> open(const Settings& settings);
  PacketSource(const PacketSource&) = delete;
  PacketSource& operator=(const PacketSource&) = delete;

  // Takes as many as there is room for, the first ones first, and says how many. The caller counts
  // the others, or offers them again later. Nothing is taken after end().
  std::size_t offer(std::span<const SeenPacket> burst) noexcept;
  bool offer(const SeenPacket& packet) noexcept { return offer({&packet, 1}) == 1; }
  // No more packets come: after those there are, reads end with Eof.
  void end() noexcept;

  [[nodiscard]] std::size_t capacity() const noexcept { return slots_.size(); }
  // To who offers, never less than there are; to others, about as many.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::uint64_t taken = taken_.load(std::memory_order_acquire);
    return static_cast<std::size_t>(put_.load(std::memory_order_acquire) - taken);
  }
  [[nodiscard]] std::size_t most_bytes() const noexcept { return most_bytes_; }
  // How many times the loop was woken. Of the producer's thread.
  [[nodiscard]] std::uint64_t wakes() const noexcept { return wakes_; }

 private:
  friend class PacketReader;
  static constexpr std::size_t kCacheLine = 64;

  PacketSource(Descriptor wake_fd, std::size_t packets, std::size_t most_bytes);
  void put(std::uint64_t place, const SeenPacket& packet) noexcept;
  void wake() noexcept;

  Descriptor wake_fd_;
  std::size_t most_bytes_;
  std::vector<SeenPacket> slots_;
  std::vector<std::byte> bytes_;  // most_bytes_ of each slot.

  // The producer's: packets ever put in, and how many it knows were taken.
  alignas(kCacheLine) std::atomic<std::uint64_t> put_{0};
  std::uint64_t known_taken_ = 0;
  std::uint64_t wakes_ = 0;
  // The reader's.
  alignas(kCacheLine) std::atomic<std::uint64_t> taken_{0};
  std::uint64_t known_put_ = 0;
  // Of both, seldom written: the reader sleeps until the descriptor is written to.
  alignas(kCacheLine) std::atomic<bool> sleeps_{false};
  std::atomic<bool> has_ended_{false};
  std::atomic<bool> has_reader_{false};
};

// The end of a PacketSource where packets come out.
//
// Thread: one user.
class PacketReader {
 public:
  // nullptr where the source has a reader already.
  [[nodiscard]] static std::unique_ptr<PacketReader> claim(std::shared_ptr<PacketSource> source);
  ~PacketReader();
  PacketReader(const PacketReader&) = delete;
  PacketReader& operator=(const PacketReader&) = delete;

  // The oldest packet, nullptr for none. It stays until pop(), which needs one.
  [[nodiscard]] const SeenPacket* front() noexcept;
  void pop() noexcept;
  // Has fd() told of the next packet, once, or of the end. False where one of them is there
  // already.
  [[nodiscard]] bool sleep() noexcept;
  // The producer has ended. Asked before front(): what it offered is there, if anything is.
  [[nodiscard]] bool has_ended() const noexcept;

  // For EPOLLIN with EPOLLET: each wake is an edge, and nobody reads it.
  [[nodiscard]] int fd() const noexcept { return source_->wake_fd_.get(); }
  [[nodiscard]] const PacketSource& source() const noexcept { return *source_; }

 private:
  explicit PacketReader(std::shared_ptr<PacketSource> source) : source_{std::move(source)} {}

  std::shared_ptr<PacketSource> source_;
};

}  // namespace trawl::service
