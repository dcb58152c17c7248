#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/result.h"
#include "dataplane/conversation/banner_slabs.h"
#include "dataplane/conversation/conversation_table.h"
#include "dataplane/conversation/outgoing.h"
#include "dataplane/conversation/recent_answers.h"
#include "dataplane/conversation/segment.h"
#include "dataplane/conversation_plan.h"
#include "dataplane/cookie.h"
#include "dataplane/counters.h"

namespace trawl::dataplane {

// Holds TCP conversations with open ports without the kernel: what to send for what arrives, and
// which banners come of it. Knows no frames and no devices, and time only as it is told.
//
// A SYN-ACK is answered by an ACK with the payload of its port and forgotten; where the peer's
// bytes begin is in the timestamp that it echoes (ConversationStamp). What is lost the peer
// repeats, and is answered again. State begins with the first segment behind the handshake, or with
// the SYN-ACK where nothing is sent but an ACK, for silence can not be noticed without. Peers
// without timestamps have nothing acknowledged until they repeat what they sent first: that is
// where their bytes begin.
//
// Thread: receive(), expects_reset(), tick() one polling core, open() any, slabs() as it says.
// Allocates when made.
template <typename Address>
class BasicConversationEngine {
 public:
  using Segment = BasicSegment<Address>;
  using Outbox = BasicOutbox<Address>;

  static constexpr std::size_t kMostBatch = 64;
  static constexpr ByteCount kMostBanner{60'000};  // What can be told apart by 16 bits of offset.

  // `cookies` are those of the probes. Fails with Usage when the plan breaks its own rules, with
  // Runtime when memory is short.
  [[nodiscard]] static Result<std::unique_ptr<BasicConversationEngine>> make(
      std::shared_ptr<const ConversationPlan> plan, const BasicCookieMaker<Address>& cookies,
      const TscClock& clock, CoreCounters& counters);

  // Needs at most kMostBatch, and room for kOfOne frames of each.
  void receive(Ticks now, std::span<const Segment> segments, Outbox& out) noexcept;
  // Whether a reset concerns a conversation, so that it is no answer to a probe of the survey.
  [[nodiscard]] bool expects_reset(Ticks now, const Segment& segment) noexcept;
  // Ends waits that are over, as long as there is room.
  void tick(Ticks now, Outbox& out) noexcept;

  // How many conversations have not come to an end.
  [[nodiscard]] std::size_t open() const noexcept { return open_.load(std::memory_order_relaxed); }
  [[nodiscard]] BannerSlabs& slabs() noexcept { return slabs_; }

 private:
  using Table = BasicConversationTable<Address>;
  using Queue = typename Table::Queue;
  using Conversation = BasicConversation<Address>;
  using State = ConversationState;

  static constexpr std::uint8_t kMostCalls = 3;  // SYNs of a second connection.

  // A segment that was found genuine.
  struct Arrival {
    const Segment& segment;
    std::uint32_t hash;
    std::uint32_t own;  // Sequence number of our first byte.
    Connection connection;
  };

  BasicConversationEngine(std::shared_ptr<const ConversationPlan> plan,
                          const BasicCookieMaker<Address>& cookies, const TscClock& clock,
                          CoreCounters& counters, Table table, BannerSlabs slabs);

  // conversation_engine.cc
  void validate(Ticks now, const Segment& segment, const Cookie& cookie, Address source,
                Outbox& out) noexcept;
  [[nodiscard]] bool proves(const Segment& segment, const Cookie& cookie, Address source,
                            Connection connection) const noexcept;
  [[nodiscard]] std::size_t most_asked(std::uint16_t port, Connection connection) const noexcept;
  void take(Ticks now, const Arrival& arrival, Outbox& out) noexcept;
  [[nodiscard]] bool is_over(const Arrival& arrival, const Conversation& known) const noexcept;
  void on_straggler(Ticks now, const Arrival& arrival, Conversation& known, Outbox& out) noexcept;
  void reset_unknown(const Segment& segment, Outbox& out) noexcept;
  [[nodiscard]] bool is_of_the_past(const Arrival& arrival) const noexcept;
  void on_syn_ack(Ticks now, const Arrival& arrival, Conversation* known, Outbox& out) noexcept;
  void on_tiny_window(Ticks now, const Arrival& arrival, Conversation* known, Outbox& out) noexcept;
  [[nodiscard]] unsigned attempt_of(Ticks now, const Segment& syn_ack) const noexcept;
  [[nodiscard]] std::uint32_t stamp_for(Ticks now, const Segment& syn_ack) const noexcept;
  void answer_handshake(const Arrival& arrival, std::uint32_t stamp, Outbox& out) noexcept;
  void on_reset(Ticks now, const Arrival& arrival, Conversation* known, Outbox& out) noexcept;
  void on_segment(Ticks now, const Arrival& arrival, Conversation* known, Outbox& out) noexcept;
  [[nodiscard]] Conversation* begin(Ticks now, const Arrival& arrival) noexcept;
  void connect(Ticks now, const Arrival& arrival, Conversation& talk) noexcept;

  // conversation_course.cc
  enum class Kept : std::uint8_t { News, Nothing, NoRoom };
  void note(Conversation& talk, const Segment& segment) const noexcept;
  void on_acknowledgement(Ticks now, const Segment& segment, Conversation& talk,
                          Outbox& out) noexcept;
  void on_words(Ticks now, const Segment& segment, Conversation& talk, Outbox& out) noexcept;
  void place_first(const Segment& segment, Conversation& talk) const noexcept;
  [[nodiscard]] bool place(const Segment& segment, Conversation& talk,
                           std::int64_t& offset) noexcept;
  [[nodiscard]] Kept keep(Ticks now, const Segment& segment, std::int64_t offset,
                          Conversation& talk) noexcept;
  void on_silence(Ticks now, Conversation& talk, Outbox& out) noexcept;
  void on_last_word(Ticks now, Conversation& talk, Outbox& out) noexcept;
  void ask_instead(Ticks now, Conversation& talk, Outbox& out) noexcept;
  void refused(Ticks now, Conversation& talk, BannerEnd end, Outbox& out) noexcept;
  [[nodiscard]] bool may_call_again(const Conversation& talk) const noexcept;
  void call_again(Ticks now, Conversation& talk, PortClass otherwise, Outbox& out) noexcept;
  void call(Ticks now, Conversation& talk, Outbox& out) noexcept;
  void concede(Ticks now, Conversation& talk, BannerEnd end, Outbox& out) noexcept;
  void finish(Ticks now, Conversation& talk, BannerEnd end, Outbox& out) noexcept;
  void conclude(Ticks now, Conversation& talk, PortClass port_class, BannerEnd end,
                Outbox& out) noexcept;
  void publish(Ticks now, Conversation& talk, PortClass port_class, BannerEnd end) noexcept;
  void forget(Conversation& talk) noexcept;
  void send_piece(Conversation& talk, Outbox& out) noexcept;
  void send_ack(Conversation& talk, Outbox& out) noexcept;
  void send_reset(Conversation& talk, Outbox& out) noexcept;
  BasicOutgoing<Address>& segment_of(Conversation& talk, std::uint8_t flags, Outbox& out) noexcept;
  [[nodiscard]] std::uint16_t window(std::uint32_t got, bool scales) const noexcept;
  [[nodiscard]] std::size_t payload_size(std::uint8_t payload) const noexcept {
    return plan_->payloads[payload].size();
  }
  void wait(Ticks now, Conversation& talk, Queue queue) noexcept {
    table_.wait_in(talk, queue, now + waits_[static_cast<std::size_t>(queue)]);
  }

  std::shared_ptr<const ConversationPlan> plan_;
  BasicCookieMaker<Address> first_cookies_;
  BasicCookieMaker<Address> second_cookies_;
  TscClock clock_;
  CoreCounters& counters_;
  Table table_;
  BannerSlabs slabs_;
  RecentAnswers answers_;
  std::array<Ticks, Table::kQueues> waits_;
  Ticks in_flight_;
  Ticks longest_;  // From the first data on.
  std::atomic<std::size_t> open_{0};
};

using ConversationEngine = BasicConversationEngine<Ipv4Address>;
using ConversationEngine6 = BasicConversationEngine<Ipv6Address>;
extern template class BasicConversationEngine<Ipv4Address>;
extern template class BasicConversationEngine<Ipv6Address>;

}  // namespace trawl::dataplane
