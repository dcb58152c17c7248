#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/interval_set.h"
#include "base/ip.h"
#include "base/mac.h"
#include "dataplane/counters.h"
#include "dataplane/exception/frame_ring.h"
#include "dataplane/exception/kernel_frame_check.h"
#include "dataplane/exception/scan_traffic.h"
#include "dataplane/packet/packet_guard.h"
#include "dataplane/vlan.h"

namespace trawl::dataplane {

// Where polling cores and the threads of a TAP meet: what a link receives for the kernel, and what
// the kernel sends through it.
//
// A frame is the scanner's by the rules of the XDP program for kernel interfaces
// (scan_filter_rules.h), the kernel's otherwise; ARP and neighbour discovery are both's. A frame
// that finds a ring full is dropped and counted; neither side waits for the other.
// Thread: one receiving core, one sending core, and TapForwarder's two threads, each for its own
// functions. block() on the control thread.
class KernelExchange {
 public:
  static constexpr std::uint32_t kSlots = 1024;

  struct Config {
    ScanTraffic traffic;
    MacAddress mac;                    // The link's, and so the TAP's.
    std::optional<IpAddress> gateway;  // Where neighbour discovery may go.
  };
  KernelExchange(const Config& config, const Ipv4Set& blocked, const Ipv6Set& blocked6);

  // Receiving core: whether the kernel should have a frame that arrived in our VLAN, to our MAC or
  // to a group.
  [[nodiscard]] bool is_kernels(std::span<const std::byte> frame) const noexcept;
  // Receiving core: puts a copy on its way, without the tag. False when there is no room.
  [[nodiscard]] bool pass_up(std::span<const std::byte> frame) noexcept;
  // Receiving core: what was passed up can be taken. Wakes the thread that takes it, where that
  // sleeps: one system call after a pause, none while frames keep coming.
  void publish_up() noexcept {
    if (up_.publish() && asleep_.load(std::memory_order_seq_cst)) [[unlikely]]
      wake();
  }

  // Sending core: what the kernel wants sent, tagged as the VLAN asks.
  [[nodiscard]] FrameRing& down() noexcept { return down_; }
  // Sending core: whether frame `i` of down() may go by the blocklist of now. Looks at the frame
  // only when that has changed since the frame was let in.
  [[nodiscard]] bool may_still_leave(std::uint32_t i) const noexcept;

  // The thread that writes to the TAP: what is for the kernel.
  [[nodiscard]] FrameRing& up() noexcept { return up_; }
  // The same thread: sleeps until there is something, or wake() after `stop` became true.
  void sleep(const std::atomic<bool>& stop) noexcept;
  void wake() noexcept;

  // The thread that reads the TAP: where a frame of the kernel goes; empty when the ring is full.
  [[nodiscard]] std::span<std::byte> read_slot() noexcept { return down_.write_slot(); }
  // The same thread: the slot holds a frame of `size` bytes. Puts it on its way if it may leave.
  void take_down(std::size_t size) noexcept;

  // Control: replaces the guard.
  void block(const Ipv4Set& blocked, const Ipv6Set& blocked6);
  // The thread that writes to the TAP: frames that the kernel did not take.
  void count_refused(std::uint64_t frames) noexcept {
    up_counters_.add(Counter::KernelRefused, frames);
  }
  // Any thread: what the TAP's threads counted.
  void add_counters(CounterValues& sums) const noexcept {
    up_counters_.add_to(sums);
    down_counters_.add_to(sums);
  }

 private:
  // A guard and its number.
  struct Guard {
    PacketGuard guard;
    std::uint32_t number;
  };
  void count(KernelFrameCheck::Verdict verdict) noexcept;

  const ScanFilterConfig scan_;
  const std::uint64_t mac_;
  const VlanId vlan_;
  const KernelFrameCheck check_;
  std::vector<std::unique_ptr<const Guard>> guards_;  // Kept: see SwappableGuard.
  std::atomic<const Guard*> guard_;
  FrameRing up_{kSlots};
  FrameRing down_{kSlots};
  std::atomic<bool> asleep_{false};
  CoreCounters up_counters_;
  CoreCounters down_counters_;
};

}  // namespace trawl::dataplane
