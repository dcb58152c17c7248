#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "bench/simnet/counters.h"
#include "bench/simnet/delay_queue.h"
#include "bench/simnet/probe_record.h"
#include "bench/simnet/reply_flood.h"
#include "bench/simnet/responder.h"
#include "bench/simnet/router.h"
#include "dataplane/link.h"

struct rte_mbuf;

namespace trawl::simnet {

// The polling loop of the simulated network: receives bursts, has them answered in place, delays
// what has a round-trip time, and sends.
//
// Frames that a link does not take at once are held and offered again, and nothing more is received
// until they are gone, so a slow peer pushes back instead of losing replies. Only frames for a link
// that is down are discarded.
//
// Thread: run() on one polling core.
class PollLoop {
 public:
  struct Parts {
    dataplane::Link& link;
    dataplane::Link* uplink;  // Null without one; then `router` is null too.
    Responder& responder;
    Router* router;
    DelayQueue& queue;
    Counters& counters;
    TscClock clock;
    ProbeRecord* record;  // Null without one.
    ReplyFlood* flood;    // Null without one.
    bool naps;            // Sleeps 50 us at a time when idle, 500 us when long idle.
  };

  explicit PollLoop(const Parts& parts) noexcept;
  ~PollLoop();
  PollLoop(const PollLoop&) = delete;
  PollLoop& operator=(const PollLoop&) = delete;

  // Returns soon after `stop` is set.
  void run(const std::atomic<bool>& stop) noexcept;
  // Replies made but not sent when run() returned.
  [[nodiscard]] std::uint64_t unsent() const noexcept;

 private:
  static constexpr std::uint16_t kBurst = 64;
  static constexpr std::size_t kOutputSize = 256;

  // Frames that wait for one link, and the counters of how they end.
  struct Output {
    std::array<rte_mbuf*, kOutputSize> frames;
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    std::uint32_t refusals = 0;
    dataplane::Link* link;
    Counter sent;
    Counter discarded;

    void push(rte_mbuf* frame) noexcept { frames[last++] = frame; }
    [[nodiscard]] std::uint16_t size() const noexcept {
      return static_cast<std::uint16_t>(last - first);
    }
  };

  // True when nothing is left to send.
  [[nodiscard]] bool flush(Output& output) noexcept;
  [[nodiscard]] bool flush_replies() noexcept;
  [[nodiscard]] bool flush_all() noexcept;
  // Each returns how many frames it handled.
  unsigned send_due() noexcept;
  unsigned send_timed() noexcept;
  unsigned send_forged() noexcept;
  unsigned send_flood() noexcept;
  unsigned receive() noexcept;
  unsigned receive_uplink() noexcept;
  void handle(rte_mbuf* frame) noexcept;
  void send_router_frames() noexcept;
  [[nodiscard]] std::chrono::nanoseconds time_since_start() const noexcept;

  Parts parts_;
  Ticks start_;
  double nanoseconds_per_tick_;
  std::chrono::nanoseconds now_{0};
  std::chrono::nanoseconds last_received_{0};
  Output replies_;
  Output returned_;  // From the uplink, to the scanner's side.
  Output uplink_;
  Output forged_;
  std::array<rte_mbuf*, kBurst> unanswered_{};
  unsigned unanswered_count_ = 0;
  unsigned bursts_waited_ = 0;        // Since replies were sent.
  rte_mbuf* spare_ = nullptr;         // For the next delayed reply.
  rte_mbuf* timed_spare_ = nullptr;   // For the next frame a host sends by itself.
  rte_mbuf* uplink_spare_ = nullptr;  // For the next frame of the router's own.
};

}  // namespace trawl::simnet
