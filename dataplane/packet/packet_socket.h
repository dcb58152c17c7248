#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/mac.h"
#include "base/result.h"
#include "dataplane/packet/route_table.h"

namespace trawl::dataplane {

// What happened to packets at one interface, in the order of its names.
struct PacketCounters {
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t refused = 0;  // By the kernel, for good: no route, too long, interface down.
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t missed = 0;   // Arrived, but the socket had no room.
  int last_error = 0;         // Of errno(3), why a packet was refused last; 0 for none.
  std::uint64_t blocked = 0;  // Held back by the guard: never sent.

  PacketCounters& operator+=(const PacketCounters& other) noexcept {
    sent += other.sent;
    sent_bytes += other.sent_bytes;
    refused += other.refused;
    received += other.received;
    received_bytes += other.received_bytes;
    missed += other.missed;
    if (other.last_error != 0) last_error = other.last_error;
    blocked += other.blocked;
    return *this;
  }
};

// IP packets out of and into one kernel interface, beside the kernel's own: whole frames on an
// Ethernet, packets through the kernel's routes on loopback and tunnels.
//
// An audit sends thousands of packets to hosts on any interface, so it starts in milliseconds and
// needs no DPDK; see docs/decisions.md. Thread: one user.
class PacketSocket {
 public:
  static constexpr std::size_t kLongest = 2048;  // Bytes of one frame.
  static constexpr std::size_t kBurst = 256;

  // Fails with Device: no permission, no such interface.
  [[nodiscard]] static Result<std::unique_ptr<PacketSocket>> open(const InterfaceFacts& interface);
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  [[nodiscard]] const InterfaceFacts& interface() const noexcept { return interface_; }
  // Bytes in front of the IP packet that queue() takes.
  [[nodiscard]] std::size_t header() const noexcept;
  // False while the kernel takes no more: flush() first.
  [[nodiscard]] bool has_room() const noexcept { return queued_ < kBurst; }
  // Where the next frame is to be written: kLongest bytes. Needs has_room().
  [[nodiscard]] std::span<std::byte> next_frame() noexcept {
    return {arena_.data() + ((first_ + queued_) % kBurst) * kLongest, kLongest};
  }
  // Takes the `size` bytes at next_frame(), to be sent by flush().
  void queue(std::size_t size) noexcept;
  // Hands what is queued to the kernel. What it does not take now stays queued.
  void flush() noexcept;
  [[nodiscard]] bool is_idle() const noexcept { return queued_ == 0; }
  // Packets that were ever queued.
  [[nodiscard]] std::uint64_t queued_total() const noexcept { return queued_total_; }

  // Reads what has arrived, a burst at most, and gives each frame (Ethernet) or packet to `take`.
  // Returns how many there were.
  std::size_t receive(const std::function<void(std::span<const std::byte>)>& take);

  // Whether what arrives is taken; it is from the beginning. While it is not, the kernel drops it
  // before anybody is woken, and none of it counts as missed.
  void listen(bool on) noexcept;

  [[nodiscard]] int fd() const noexcept { return receive_fd_; }
  [[nodiscard]] PacketCounters counters() noexcept;

 private:
  explicit PacketSocket(InterfaceFacts interface);
  [[nodiscard]] Result<void> open_sockets();
  [[nodiscard]] int send_fd(std::span<const std::byte> packet) const noexcept;
  [[nodiscard]] std::size_t send_alike(std::size_t most) noexcept;
  void address_packet(std::size_t slot) noexcept;

  InterfaceFacts interface_;
  int receive_fd_ = -1;
  int raw4_fd_ = -1;  // Where the kernel routes: not on an Ethernet.
  int raw6_fd_ = -1;
  std::vector<std::byte> arena_;    // A ring of frames to send.
  std::vector<std::byte> arrived_;  // A burst of received ones.
  std::vector<iovec> send_vectors_, receive_vectors_;
  std::vector<mmsghdr> send_messages_, receive_messages_;
  std::vector<sockaddr_storage> addresses_;
  std::size_t first_ = 0;
  std::size_t queued_ = 0;
  std::uint64_t queued_total_ = 0;
  // Since when the kernel takes nothing; the epoch while it does.
  std::chrono::steady_clock::time_point stuck_since_;
  PacketCounters counters_;
};

}  // namespace trawl::dataplane
