#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>

#include "dataplane/captured_frame.h"
#include "dataplane/counters.h"
#include "dataplane/internal/converser.h"
#include "dataplane/internal/poll_tx.h"
#include "dataplane/internal/receive_rest.h"
#include "dataplane/internal/reset_choice.h"
#include "dataplane/internal/side_ring.h"
#include "dataplane/reply.h"
#include "dataplane/scan_plan.h"
#include "dataplane/syn_ack_head.h"

namespace trawl::dataplane::internal {

struct RxSeat {
  std::uint16_t port = 0;
  std::uint16_t queues = 1;     // Queues 0...queues-1 are all read by this loop.
  rte_ring* replies = nullptr;  // Of Reply elements, to the control plane.
  rte_ring* answers = nullptr;  // Of mbufs with answers to neighbours, to the first sender.
  std::span<rte_ring* const> resets = {};  // Of targets to reset, one for each sender; or none.
  CaptureRing* capture = nullptr;  // Gets a copy of each valid reply before the reply; or none.
  SynAckRing* syn_acks = nullptr;  // Likewise the head of each that is a SYN-ACK; or none.
};

// The receiving loop of one core: read, parse, validate, hand on; a burst at a time.
//
// A reply is never dropped here: when the ring to the control plane has no room for a burst, frames
// stay in the link's own ring, and senders slow down well before. The same holds for the ring of a
// capture.
template <typename Address>
class BasicRxLoop {
 public:
  static constexpr unsigned kBurst = 64;

  // `converser` holds conversations with who answers, if any are to be held.
  BasicRxLoop(BasicScanPlan<Address>& plan, SharedState& shared, const RxSeat& seat,
              CoreCounters& counters, BasicConverser<Address>* converser = nullptr);

  // One burst from one queue. True when a frame was received.
  bool poll(Ticks now) noexcept;
  // Whether to poll after a burst was sent; asked once after each.
  [[nodiscard]] bool is_due() noexcept { return seat_.queues > 1 || rest_.is_over(); }

 private:
  static constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;

  bool has_room(Ticks now) noexcept;
  bool must_wait_for_talk(Ticks now) noexcept;
  bool answer_neighbour(rte_mbuf* frame) noexcept;
  bool pass_to_kernel(std::span<const std::byte> frame) noexcept;
  void validate(Ticks now, unsigned claims) noexcept;
  void ask_for_resets(Ticks now, std::span<const BasicReplyClaim<Address>> genuine) noexcept;
  void keep_head(Ticks now, unsigned claim, rte_mbuf* frame) noexcept;
  void keep_syn_ack(unsigned claim, std::span<const std::byte> frame) noexcept;

  BasicScanPlan<Address>& plan_;
  SharedState& shared_;
  const RxSeat seat_;
  CoreCounters& counters_;
  BasicConverser<Address>* const converser_;
  const Ticks longest_talk_wait_;
  Ticks talk_wait_ = 0;  // When the present one began; 0: none.
  std::uint16_t queue_ = 0;
  ReceiveRest rest_;
  std::array<BasicReplyClaim<Address>, kBurst> claims_;
  std::array<BasicTarget<Address>, kBurst> targets_;
  std::array<Cookie, kBurst> cookies_;
  std::array<Address, kBurst> sources_;  // Where probes went out from, if there are several.
  std::array<Reply, kBurst> replies_;
  std::optional<ResetChoice> reset_choice_;                   // Where there are resets.
  std::size_t reset_turn_ = 0;                                // Whose they are next.
  std::unique_ptr<std::array<CapturedFrame, kBurst>> heads_;  // Of claims_, with a capture alone.
  std::unique_ptr<std::array<SynAckHead, kBurst>> syn_acks_;  // Likewise, where they are wanted.
};

extern template class BasicRxLoop<Ipv4Address>;
extern template class BasicRxLoop<Ipv6Address>;

}  // namespace trawl::dataplane::internal
