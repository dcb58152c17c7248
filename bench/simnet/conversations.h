#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "bench/simnet/conversation_table.h"
#include "bench/simnet/counters.h"
#include "bench/simnet/frame.h"
#include "bench/simnet/population.h"
#include "bench/simnet/reply_limits.h"
#include "bench/simnet/speech.h"
#include "bench/simnet/stream_frame.h"

namespace trawl::simnet {

// The TCP side of every open port once ports hold conversations: handshake, data both ways,
// retransmission and close, as a scanner sees them of real stacks and of what only looks like one.
//
// A host takes data in order only, acknowledges each segment at once, and has at most ten full
// segments on the way (RFC 6928), within the window of the peer. A quarter of the hosts drop
// segments that lack a timestamp although the handshake agreed on them, as RFC 7323 section 3.2
// asks; the others do not mind. Nothing said is kept: see Speech. Hosts and peers may be StandIns
// of IPv6 ones.
//
// Thread: one polling core. Cost: a segment takes a few cache misses, timed by
// simnet_conversations_bench; allocates nothing.
class Conversations {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  // Needs `population` and `counters` to outlive it. Fails with Runtime when there is too little
  // memory.
  [[nodiscard]] static Result<Conversations> make(const Population& population, Counters& counters,
                                                  std::uint64_t router_mac);

  // What is sent at once for a frame received: how that one ended, and the size of the answer in
  // the buffer, 0 without.
  struct Step {
    Counter outcome = Counter::ConversationSegment;
    std::size_t size = 0;
    ReplyKind kind = ReplyKind::Answer;
  };
  // Answers a SYN to an open port. Returns the size of the frame that answers it.
  [[nodiscard]] std::size_t open(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                 const Host& host, const TcpSegment& syn, std::uint32_t isn,
                                 Nanoseconds now) noexcept;
  // Answers any other segment to an open port. `payload` may lie in `buffer`.
  [[nodiscard]] Step receive(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                             const TcpSegment& segment, std::span<const std::byte> payload,
                             Nanoseconds now) noexcept;
  // The next frame that a host sends without being asked, 0 when none is due. Needs room for a
  // whole frame, and `now` never to go back.
  [[nodiscard]] std::size_t emit(std::span<std::byte> buffer, Nanoseconds now) noexcept;

  // Conversations under way.
  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

 private:
  // One conversation in one moment.
  struct Turn {
    Conversation& c;
    std::span<std::byte> buffer;
    Host host;
    HostStyle style;
    Nanoseconds now;
    bool must_ack = false;
    bool has_progress = false;  // Something was acknowledged or sent for the first time.
    std::optional<Speech> speech = std::nullopt;
  };

  Conversations(const Population& population, Counters& counters, std::uint64_t router_mac,
                ConversationTable table);

  // Of the window, and its effect on what a SYN-ACK offers.
  static void narrow(HostStyle& style, Talk talk, const Host& host, std::uint16_t port) noexcept;
  [[nodiscard]] Turn turn(Conversation& c, std::span<std::byte> buffer, const Host& host,
                          Nanoseconds now) const noexcept;
  [[nodiscard]] const Speech& speech(Turn& turn) const noexcept;
  [[nodiscard]] Host host_of(const Conversation& c) const noexcept;
  [[nodiscard]] std::optional<std::uint8_t> mac_number(std::uint64_t mac) noexcept;
  void count_extra(Conversation* c, bool is_reset) noexcept;

  // Segments in (conversations.cc).
  [[nodiscard]] Conversation& start(const ConversationKey& key) noexcept;
  [[nodiscard]] Step stray(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                           const TcpSegment& segment, Nanoseconds now) noexcept;
  [[nodiscard]] Step arrive(Turn& turn, const Ipv4Frame& probe, const TcpSegment& segment,
                            std::span<const std::byte> payload) noexcept;
  [[nodiscard]] Step drop_segment(Turn& turn, bool acknowledges) noexcept;
  [[nodiscard]] static bool is_acceptable(const Turn& turn, const TcpSegment& segment) noexcept;
  // False when timestamps forbid it.
  [[nodiscard]] static bool is_current(const Turn& turn, const TcpSegment& segment) noexcept;
  void take_ack(Turn& turn, const TcpSegment& segment) noexcept;
  void establish(Turn& turn, const TcpSegment& segment) noexcept;
  void take_data(Turn& turn, const TcpSegment& segment,
                 std::span<const std::byte> payload) noexcept;
  [[nodiscard]] Step respond(Turn& turn) noexcept;
  void drop(Conversation& c, Counter why) noexcept;

  // Segments out (conversations_out.cc).
  [[nodiscard]] static std::uint32_t receive_window(const Turn& turn) noexcept;
  void begin(Turn& turn, Utterance utterance) noexcept;
  [[nodiscard]] std::size_t transmit(Turn& turn, std::uint32_t seq, std::uint32_t size,
                                     std::uint8_t flags) noexcept;
  [[nodiscard]] std::size_t acknowledge(Turn& turn) noexcept;
  [[nodiscard]] std::size_t send_new(Turn& turn) noexcept;
  [[nodiscard]] std::size_t retransmit(Turn& turn) noexcept;
  [[nodiscard]] std::size_t send_syn_ack(Turn& turn) noexcept;
  void rearm(Turn& turn) noexcept;
  void arm_after(Turn& turn, Nanoseconds delay) noexcept;
  void arm_retry(Turn& turn, Nanoseconds first) noexcept;
  [[nodiscard]] std::size_t fire(Turn& turn) noexcept;
  [[nodiscard]] std::size_t fire_open(Turn& turn) noexcept;

  const Population* population_;
  Counters* counters_;
  std::uint64_t router_mac_;
  ConversationTable table_;
  std::array<std::uint64_t, 256> macs_{};  // Of peers.
  std::size_t macs_used_ = 0;
};

}  // namespace trawl::simnet
