// Segments out, and the timers that send them.
#include <algorithm>

#include "base/hash.h"
#include "bench/simnet/conversations.h"
#include "bench/simnet/host_style.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;

// As Linux does it: RFC 6298 with a lower bound of 200 ms, and a SYN-ACK sent five times again.
constexpr auto kFirstRetry = 200ms;
constexpr auto kFirstSynAckRetry = 1s;
constexpr unsigned kMostRetries = 8;
constexpr unsigned kMostSynAckRetries = 5;
constexpr auto kLongestTimer = 60s;
constexpr auto kTrickle = 1s;
constexpr std::uint32_t kSegmentsInFlight = 10;

constexpr std::int64_t kNanosecondsPerGrain = 1'000'000;

// The grain that `time` is in.
ConversationTable::Grain grain_of(std::chrono::nanoseconds time) noexcept {
  return static_cast<ConversationTable::Grain>(time.count() / kNanosecondsPerGrain + 1);
}

Talk talk_of(const Conversation& c) noexcept { return static_cast<Talk>(c.talk); }

bool is_before(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace

std::uint32_t Conversations::receive_window(const Turn& turn) noexcept {
  if (turn.c.scale == Conversation::kUnscaled) return turn.style.window;
  return std::uint32_t{turn.style.window} >> turn.style.window_scale << turn.style.window_scale;
}

const Speech& Conversations::speech(Turn& turn) const noexcept {
  if (!turn.speech) {
    turn.speech.emplace(talk_of(turn.c), static_cast<Utterance>(turn.c.utterance),
                        server_draw(turn.host.draw, turn.c.key.host_port));
  }
  return *turn.speech;
}

void Conversations::begin(Turn& turn, Utterance utterance) noexcept {
  turn.c.utterance = static_cast<std::uint8_t>(utterance) & 0xfU;
  turn.speech.reset();
  const Speech& said = speech(turn);
  turn.c.end = turn.c.nxt + said.size();
  if (said.closes()) turn.c.closing = true;
}

std::size_t Conversations::transmit(Turn& turn, std::uint32_t seq, std::uint32_t size,
                                    std::uint8_t flags) noexcept {
  const Conversation& c = turn.c;
  const Ipv4Address address{c.key.host};
  const bool is_scaled = c.scale != Conversation::kUnscaled;
  const StreamSegment segment{.eth_to = macs_[c.mac],
                              .eth_from = c.is_direct ? host_mac(address) : router_mac_,
                              .from = address,
                              .to = Ipv4Address{c.key.peer},
                              .from_port = c.key.host_port,
                              .to_port = c.key.peer_port,
                              .seq = seq,
                              .ack = c.rcv,
                              .flags = static_cast<std::uint8_t>(flags | wire::kAck),
                              .ttl = turn.style.ttl,
                              .window = static_cast<std::uint16_t>(
                                  turn.style.window >> (is_scaled ? turn.style.window_scale : 0)),
                              .ip_id = turn.style.ip_id,
                              .has_timestamps = c.has_timestamps,
                              .timestamp = turn.style.timestamp,
                              .echo = c.ts_recent};
  if (size > 0 && segment.payload_at() + size <= turn.buffer.size()) {
    const Speech& said = speech(turn);
    constexpr std::uint32_t kTurnAround = 1U << 20U;
    const std::uint32_t offset =
        talk_of(c) == Talk::Tarpit ? seq % kTurnAround : said.size() - (c.end - seq);
    said.copy(offset, turn.buffer.subspan(segment.payload_at(), size));
  }
  return write_stream_segment(turn.buffer, segment, size);
}

std::size_t Conversations::acknowledge(Turn& turn) noexcept {
  return transmit(turn, turn.c.nxt, 0, 0);
}

std::size_t Conversations::send_syn_ack(Turn& turn) noexcept {
  const Conversation& c = turn.c;
  const Ipv4Address address{c.key.host};
  Ipv4Frame probe;
  probe.eth_to = c.is_direct ? host_mac(address) : router_mac_;
  probe.eth_from = macs_[c.mac];
  probe.from = Ipv4Address{c.key.peer};
  probe.to = address;
  TcpSegment syn;
  syn.from_port = c.key.peer_port;
  syn.to_port = c.key.host_port;
  syn.seq = c.rcv - 1;
  syn.has_sack = c.has_sack;
  syn.has_window_scale = c.scale != Conversation::kUnscaled;
  if (c.has_timestamps) syn.timestamp = c.ts_recent;
  return write_syn_ack(turn.buffer, probe, syn, c.una, turn.style);
}

// What was never sent, as far as the windows let it go.
std::size_t Conversations::send_new(Turn& turn) noexcept {
  Conversation& c = turn.c;
  c.has_more = false;
  if (c.state != ConversationState::Open || is_before(c.end, c.nxt)) return 0;
  const std::uint32_t left = c.end - c.nxt;
  const std::uint32_t in_flight = c.nxt - c.una;
  const std::uint32_t window = std::min(c.window, kSegmentsInFlight * c.mss);
  const std::uint32_t room = window > in_flight ? window - in_flight : 0;
  const std::uint32_t size = std::min({left, room, std::uint32_t{c.mss}});
  const bool is_last = size == left;
  const bool closes = c.closing && is_last;
  if (size == 0 && !closes) return 0;
  const auto flags =
      static_cast<std::uint8_t>((size > 0 && is_last ? kPush : 0U) | (closes ? wire::kFin : 0U));
  const std::size_t written = transmit(turn, c.nxt, size, flags);
  if (written == 0) return 0;
  counters_->add(Counter::ConversationBytesSent, size);
  c.nxt += size + (closes ? 1U : 0U);
  c.has_more = !is_last && room > size;
  turn.has_progress = true;
  return written;
}

std::size_t Conversations::retransmit(Turn& turn) noexcept {
  const Conversation& c = turn.c;
  const bool fin_was_sent = is_before(c.end, c.nxt);
  const std::uint32_t sent = fin_was_sent ? c.end : c.nxt;
  const std::uint32_t size = std::min(sent - c.una, std::uint32_t{c.mss});
  const bool closes = fin_was_sent && c.una + size == c.end;
  counters_->add(Counter::ConversationRetransmissions);
  const auto flags =
      static_cast<std::uint8_t>((size > 0 ? kPush : 0U) | (closes ? wire::kFin : 0U));
  return transmit(turn, c.una, size, flags);
}

void Conversations::arm_after(Turn& turn, Nanoseconds delay) noexcept {
  const Nanoseconds at = turn.now + std::min<Nanoseconds>(delay, kLongestTimer);
  table_.arm(turn.c, grain_of(at + Nanoseconds{kNanosecondsPerGrain - 1}));
}

void Conversations::arm_retry(Turn& turn, Nanoseconds first) noexcept {
  arm_after(turn, (first + population_->rtt(turn.host)) * (std::int64_t{1} << turn.c.retries));
}

void Conversations::rearm(Turn& turn) noexcept {
  Conversation& c = turn.c;
  const Talk talk = talk_of(c);
  const bool waits_to_speak =
      talk == Talk::Tarpit || (talk == Talk::Slow && c.utterance == 0 && !c.closing);
  if (c.state == ConversationState::SynReceived) {
    if (talk == Talk::SynProxy || talk == Talk::Middlebox) {
      arm_after(turn, kLongestTimer);
    } else {
      arm_retry(turn, kFirstSynAckRetry);
    }
  } else if (c.has_more) {
    table_.arm(c, grain_of(turn.now));
  } else if (c.una != c.nxt || c.nxt != c.end) {
    // In flight, or held back by a window of zero.
    if (turn.has_progress) arm_retry(turn, kFirstRetry);
  } else if (!waits_to_speak) {
    arm_after(turn, kLongestTimer);
  } else if (talk == Talk::Tarpit && turn.has_progress && c.utterance != 0) {
    arm_after(turn, kTrickle);
  }
}

std::size_t Conversations::emit(std::span<std::byte> buffer, Nanoseconds now) noexcept {
  constexpr unsigned kMostLooks = 256;
  for (unsigned i = 0; i < kMostLooks; ++i) {
    Conversation* const c = table_.take_due(grain_of(now));
    if (c == nullptr) return 0;
    Turn due = turn(*c, buffer, host_of(*c), now);
    if (const std::size_t size = fire(due); size > 0) return size;
  }
  return 0;
}

std::size_t Conversations::fire(Turn& turn) noexcept {
  Conversation& c = turn.c;
  if (c.state == ConversationState::TimeWait) {
    table_.drop(c);
    return 0;
  }
  if (c.state == ConversationState::Open) return fire_open(turn);
  const Talk talk = talk_of(c);
  if (talk == Talk::SynProxy || talk == Talk::Middlebox || c.retries == kMostSynAckRetries) {
    drop(c, Counter::ConversationsAbandoned);
    return 0;
  }
  c.retries = (c.retries + 1U) & 0xfU;
  rearm(turn);
  counters_->add(Counter::ConversationRetransmissions);
  return send_syn_ack(turn);
}

std::size_t Conversations::fire_open(Turn& turn) noexcept {
  Conversation& c = turn.c;
  const Talk talk = talk_of(c);
  const bool is_blocked = c.una == c.nxt && is_before(c.nxt, c.end);
  std::size_t size = 0;
  if (c.has_more) {
    size = send_new(turn);
    turn.has_progress = true;
  } else if (c.una != c.nxt || is_blocked) {
    if (c.retries == kMostRetries) {
      drop(c, Counter::ConversationsAbandoned);
      return 0;
    }
    c.retries = (c.retries + 1U) & 0xfU;
    turn.has_progress = true;
    if (is_blocked) {
      // One byte asks for the window (RFC 9293 section 3.8.6.1).
      size = transmit(turn, c.nxt++, 1, kPush);
      counters_->add(Counter::ConversationBytesSent);
    } else {
      c.recovering = true;
      size = retransmit(turn);
    }
  } else if (talk == Talk::Slow && c.utterance == 0 && !c.closing) {
    begin(turn, Utterance::Banner);
    size = send_new(turn);
  } else if (talk == Talk::Tarpit) {
    c.utterance = static_cast<std::uint8_t>(Utterance::Trickle) & 0xfU;
    ++c.end;
    size = send_new(turn);
    turn.has_progress = true;
  } else {
    drop(c, Counter::ConversationsAbandoned);
    return 0;
  }
  rearm(turn);
  return size;
}

}  // namespace trawl::simnet
