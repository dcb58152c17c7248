#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/counters.h"
#include "dataplane/internal/frame_sender.h"
#include "dataplane/internal/waiting_probes.h"
#include "dataplane/pacer.h"
#include "dataplane/scan_plan.h"
#include "dataplane/sender_share.h"

namespace trawl::dataplane::internal {

// What the cores of one scan share besides the plan. Each field has one writer.
struct alignas(64) SharedState {
  std::atomic<bool> stop{false};            // Control: leave the loops.
  std::atomic<bool> replies_piling{false};  // Receiver: the reply ring is nearly full.
};

// Where one sending loop sits.
struct TxSeat {
  std::uint16_t port = 0;
  std::uint16_t queue = 0;
  BufferUse use = BufferUse::Returns;
  rte_mempool* pool = nullptr;          // Holds probe frames only, prepared from the template.
  rte_mempool* control_pool = nullptr;  // For ARP frames.
  rte_ring* answers = nullptr;  // ARP answers made by the receiver; nullptr on other senders.
  unsigned sender = 0;          // Which share of the positions this loop takes,
  unsigned senders = 1;         // of how many.
};

// The sending loop of one core: permute, pick, guard, cookie, stamp, send; a burst at a time.
//
// What the link does not take is held and sent first the next time; a position is never skipped.
// Probes to neighbours that are not known yet wait in queues of rising patience while others go on.
class TxLoop {
 public:
  static constexpr unsigned kBurst = 64;

  TxLoop(ScanPlan& plan, const SharedState& shared, const TxSeat& seat, CoreCounters& counters);

  // Starts the clock of the pacer and of max_runtime.
  void begin(Ticks now) noexcept;
  // One burst at most. True when a frame was sent.
  bool poll(Ticks now) noexcept;
  // Every probe of the range was sent or given up, or the time is over. Any thread.
  [[nodiscard]] bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  // Whether the probe at `position`, which must be in the plan's range, may have left. Any thread.
  [[nodiscard]] bool has_sent(std::uint64_t position) const noexcept;
  // Gives held frames back to their pool. Needs the loop to have ended.
  void release() noexcept;

 private:
  static constexpr unsigned kStages = 5;

  unsigned send_held() noexcept;
  void send_answers() noexcept;
  bool gateway_ready(Ticks now) noexcept;
  bool have_buffers(unsigned want) noexcept;
  unsigned take_waiting(Ticks now, unsigned want) noexcept;
  unsigned take_new(Ticks now, unsigned want) noexcept;
  bool resolve(Target target, unsigned stage, Ticks now, std::uint64_t& head) noexcept;
  void request(Ipv4Address address) noexcept;
  unsigned drop_blocked(unsigned count) noexcept;
  unsigned send_burst(Ticks now, unsigned count) noexcept;
  void prepare_pool() noexcept;
  void finish_if_done(Ticks now) noexcept;

  ScanPlan& plan_;
  const SharedState& shared_;
  const TxSeat seat_;
  CoreCounters& counters_;
  FrameSender sender_;
  Pacer pacer_;
  const SenderShare share_;
  std::atomic<std::uint64_t> cursor_{0};  // Own positions generated so far.
  std::atomic<bool> finished_{false};
  Ticks deadline_ = ~Ticks{0};
  Ticks next_gateway_request_ = 0;
  std::array<Ticks, kStages> patience_{};
  std::array<WaitingQueue, kStages> waiting_;
  std::array<Target, kBurst> targets_;
  std::array<std::uint64_t, kBurst> heads_;  // The first bytes of each frame: where it goes.
  std::array<rte_mbuf*, kBurst> spares_{};   // Allocated, not used yet.
  std::array<rte_mbuf*, kBurst> frames_{};
  unsigned spare_ = 0;
  unsigned held_ = 0;  // frames_[held_first_, held_first_ + held_) wait for room in the link.
  unsigned held_first_ = 0;
};

}  // namespace trawl::dataplane::internal
