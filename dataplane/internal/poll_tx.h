#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <type_traits>

#include "dataplane/counters.h"
#include "dataplane/internal/budget_line.h"
#include "dataplane/internal/frame_sender.h"
#include "dataplane/internal/spread.h"
#include "dataplane/internal/timed_line.h"
#include "dataplane/internal/tx_seat.h"
#include "dataplane/internal/waiting_probes.h"
#include "dataplane/pacer.h"
#include "dataplane/scan_plan.h"

namespace trawl::dataplane::internal {

// The sending loop of one core: permute, pick, guard, cookie, stamp, send; a burst at a time.
//
// What the link does not take is held and sent first the next time; a position is never skipped.
// Probes to neighbours that are not known yet wait in queues of rising patience while others go on.
// Whatever waited is asked about again when the egress guard was replaced meanwhile.
template <typename Address>
class BasicTxLoop {
 public:
  using Target = BasicTarget<Address>;

  static constexpr unsigned kBurst = 64;
  // Frames of the kernel sent in one poll, at most: what they may take of a link that is full.
  static constexpr unsigned kKernelBurst = 8;

  BasicTxLoop(BasicScanPlan<Address>& plan, const SharedState& shared, const TxSeat& seat,
              CoreCounters& counters);

  // Starts the clock of the pacer and of max_runtime.
  void begin(Ticks now) noexcept;
  // One burst at most. True when a frame was sent.
  bool poll(Ticks now) noexcept;
  // Whether the last poll sent nothing although more was due, to keep it from being a burst; or a
  // packet has to leave at its time very soon.
  [[nodiscard]] bool is_behind() const noexcept { return is_behind_ || is_time_near_; }
  // The number of the last run of which every probe of this loop's lanes was sent or given up; ~0
  // once the time is over. Any thread.
  [[nodiscard]] std::uint64_t finished_run() const noexcept {
    return finished_run_.load(std::memory_order_acquire);
  }
  // False when there was no memory for what waits.
  [[nodiscard]] bool ready() const noexcept { return waiting_.back().room() > 0; }
  // Gives held frames back to their pools, and counts what was to be sent and was not. Needs the
  // loop to have ended.
  void release() noexcept;

 private:
  using Neighbours = BasicNeighbours<Address>;
  using Guard = typename BasicSwappableGuard<Address>::Guard;
  static constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;
  static constexpr unsigned kStages = 5;
  static constexpr unsigned kLeastLookAhead = 4;
  static constexpr std::chrono::seconds kGatewayRefresh{10};  // Another router may take over.

  using TimedFrame = typename TimedLine<rte_mbuf*>::Timed;

  // Frames that others made, on their way to the link.
  struct MadeFrames {
    std::array<rte_mbuf*, kBurst> frames{};
    unsigned first = 0;
    unsigned count = 0;
    const Guard* guard = nullptr;  // The one that let them go.
  };

  void adopt(const SweepRun* run) noexcept;
  bool next_block() noexcept;
  void follow_rate(Ticks now) noexcept;
  unsigned send_held() noexcept;
  void send_answers() noexcept;
  void send_for_kernel() noexcept;
  unsigned send_made(MadeFrames& made, Counter sent, Counter blocked) noexcept;
  void ask_guard(MadeFrames& made, Counter blocked) noexcept;
  Address destination_of(const rte_mbuf* frame) const noexcept;
  void send_talk(Ticks now) noexcept;
  unsigned take_talk(Ticks now) noexcept;
  void abandon_talk() noexcept;
  void send_raw(Ticks now) noexcept;
  void take_raw() noexcept;
  bool send_one_raw(const TimedFrame& timed, Ticks now) noexcept;
  void end_raw(const TimedFrame& timed, Counter why, Ticks at) noexcept;
  void write_head(std::byte* frame, MacAddress to) const noexcept;
  void abandon_raw() noexcept;
  bool may_probe(Ticks now) noexcept;
  bool resets_wait(Ticks now) const noexcept;
  unsigned share_of_resets(unsigned allowed) noexcept;
  unsigned send_resets_alone(Ticks now) noexcept;
  unsigned send_resets(Ticks now, unsigned most) noexcept;
  void make_resets(Ticks now, unsigned most) noexcept;
  unsigned take_resets(Ticks now, unsigned most, Target* into) noexcept;
  void abandon_resets() noexcept;
  bool gateway_ready(Ticks now) noexcept;
  bool have_buffers(unsigned want) noexcept;
  unsigned send_sweep(Ticks now, unsigned want) noexcept;
  void confirm() noexcept;
  unsigned take_request(Ticks now) noexcept;
  unsigned take_waiting(Ticks now, unsigned want) noexcept;
  unsigned take_new(Ticks now, unsigned want) noexcept;
  unsigned take_positions(unsigned want, std::span<std::uint64_t> indexes) noexcept;
  unsigned take_within_budget(Ticks now, unsigned want) noexcept;
  unsigned take_allowed(Ticks now, unsigned want, unsigned at) noexcept;
  void confirm_touched() noexcept;
  bool network_must_wait(Target target, Ticks now) noexcept;
  bool resolve(Target target, unsigned stage, Ticks now, std::uint64_t& head) noexcept;
  bool request(Address address) noexcept;
  unsigned drop_blocked(unsigned count) noexcept;
  void check_held_again() noexcept;
  unsigned send_burst(Ticks now, unsigned count, std::uint8_t attempt) noexcept;
  void make_cookies(std::span<Cookie> cookies) noexcept;
  void write_frames(std::span<const Cookie> cookies, std::uint32_t stamp) noexcept;
  void prepare_pool() noexcept;
  void finish_if_done() noexcept;
  void give_up() noexcept;

  BasicScanPlan<Address>& plan_;
  const SharedState& shared_;
  const TxSeat seat_;
  CoreCounters& counters_;
  FrameSender sender_;
  Pacer pacer_;
  Spread request_spread_;
  const SweepRun* run_ = nullptr;
  std::atomic<std::uint64_t> finished_run_{0};
  double rate_ = 0.0;    // As last seen in shared_.
  unsigned first_lane_;  // This loop owns lanes [first_lane_, last_lane_),
  unsigned last_lane_;
  unsigned lane_ = 0;  // is in this one,
  LaneShare share_{0, 0, 0, 1};
  std::uint64_t block_left_ = 0;          // and has this many positions of its block to go.
  bool exhausted_ = false;                // No lane has any left.
  std::array<Ticks, kLanes> lane_due_{};  // With a budget: when a lane may look again,
  unsigned look_ahead_ = kBurst;          // and at how many positions at once;
  std::uint64_t touched_ = 0;             // lanes that the present burst may be from.
  Ticks deadline_ = ~Ticks{0};
  Ticks next_gateway_request_ = 0;
  std::array<Ticks, kStages> patience_{};
  std::array<WaitingQueue<Address>, kStages> waiting_;
  std::array<Target, kBurst> targets_;
  std::array<std::uint64_t, kBurst> heads_{};  // The first bytes of each frame: where it goes.
  std::array<Address, kBurst> sources_;        // Where each frame comes from, if from several.
  std::array<rte_mbuf*, kBurst> spares_{};     // Allocated, not used yet.
  std::array<rte_mbuf*, kBurst> frames_{};
  MadeFrames talk_;                  // Frames of conversations,
  MadeFrames resets_;                // and resets.
  TimedLine<rte_mbuf*> raw_line_;    // Packets of others, until their time.
  RawPacket raw_packet_{};           // The one being taken.
  BudgetLine<rte_mbuf*> talk_line_;  // What waits for the budgets of networks: frames,
  BudgetLine<Target> reset_line_;    // and whom to reset.
  bool is_turn_of_resets_ = false;   // Where packets go one at a time.
  bool is_behind_ = false;
  Ticks near_ = 0;                    // What is due this soon...
  bool is_time_near_ = false;         // ...is there.
  std::uint8_t request_attempt_ = 0;  // Of the request taken last.
  unsigned asked_ = 0;                // Neighbours asked for in this poll.
  unsigned spare_ = 0;
  unsigned held_ = 0;  // frames_[held_first_, held_first_ + held_) wait for room in the link.
  unsigned held_first_ = 0;
  const Guard* held_guard_ = nullptr;  // The one that let them go.
};

extern template class BasicTxLoop<Ipv4Address>;
extern template class BasicTxLoop<Ipv6Address>;

}  // namespace trawl::dataplane::internal
