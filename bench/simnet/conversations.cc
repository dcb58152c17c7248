// Segments in: RFC 9293 section 3.10.7.
#include "bench/simnet/conversations.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "bench/simnet/host_style.h"
#include "bench/simnet/stand_in.h"

namespace trawl::simnet {
namespace {

// Whether `a` comes before `b` in sequence space.
bool is_before(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) < 0;
}

ConversationKey key_of(const Ipv4Frame& probe, const TcpSegment& segment) noexcept {
  return {probe.to.value(), probe.from.value(), segment.to_port, segment.from_port};
}

Talk talk_of(const Conversation& c) noexcept { return static_cast<Talk>(c.talk); }
Utterance utterance_of(const Conversation& c) noexcept {
  return static_cast<Utterance>(c.utterance);
}

// Never acknowledges anything behind the SYN.
bool is_deaf(Talk talk) noexcept { return talk == Talk::SynProxy || talk == Talk::Middlebox; }

}  // namespace

Result<Conversations> Conversations::make(const Population& population, Counters& counters,
                                          std::uint64_t router_mac) {
  auto table = ConversationTable::make(population.options().talk.limit);
  if (!table) return tl::unexpected{table.error()};
  return Conversations{population, counters, router_mac, std::move(*table)};
}

Conversations::Conversations(const Population& population, Counters& counters,
                             std::uint64_t router_mac, ConversationTable table)
    : population_{&population},
      counters_{&counters},
      router_mac_{router_mac},
      table_{std::move(table)} {}

void Conversations::narrow(HostStyle& style, Talk talk, const Host& host,
                           std::uint16_t port) noexcept {
  constexpr std::uint64_t kWidestTarpit = 10;
  if (talk != Talk::ZeroWindow && talk != Talk::Tarpit) return;
  style.window_scale = 0;
  style.window = talk == Talk::ZeroWindow
                     ? std::uint16_t{0}
                     : static_cast<std::uint16_t>(1 + server_draw(host.draw, port) % kWidestTarpit);
}

Conversations::Turn Conversations::turn(Conversation& c, std::span<std::byte> buffer,
                                        const Host& host, Nanoseconds now) const noexcept {
  HostStyle style = host_style(*population_, host, now);
  narrow(style, talk_of(c), host, c.key.host_port);
  return {.c = c, .buffer = buffer, .host = host, .style = style, .now = now};
}

Host Conversations::host_of(const Conversation& c) const noexcept {
  if (StandIns::is_peer(Ipv4Address{c.key.peer})) return population_->host6(c.key.host);
  return population_->host(Ipv4Address{c.key.host});
}

std::optional<std::uint8_t> Conversations::mac_number(std::uint64_t mac) noexcept {
  const auto used = macs_.begin() + static_cast<std::ptrdiff_t>(macs_used_);
  const auto found = std::find(macs_.begin(), used, mac);
  if (found == macs_.end()) return std::nullopt;
  if (found == used) macs_[macs_used_++] = mac;
  return static_cast<std::uint8_t>(found - macs_.begin());
}

void Conversations::count_extra(Conversation* c, bool is_reset) noexcept {
  constexpr std::uint8_t kMost = 255;
  counters_->add(Counter::FakeExtra);
  if (is_reset) counters_->add(Counter::FakeExtraResets);
  if (c == nullptr || c->extra == kMost) return;
  ++c->extra;
  const std::uint64_t most = counters_->get(Counter::FakeExtraMost);
  if (c->extra > most) counters_->add(Counter::FakeExtraMost, c->extra - most);
}

void Conversations::drop(Conversation& c, Counter why) noexcept {
  counters_->add(why);
  table_.drop(c);
}

Conversation& Conversations::start(const ConversationKey& key) noexcept {
  if (table_.is_full()) drop(table_.next_victim(), Counter::ConversationsEvicted);
  return table_.add(key);
}

std::size_t Conversations::open(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                const Host& host, const TcpSegment& syn, std::uint32_t isn,
                                Nanoseconds now) noexcept {
  constexpr std::uint16_t kDefaultMss = 536;  // RFC 9293 section 3.7.1.
  constexpr std::uint16_t kOurMss = 1460;
  constexpr std::uint16_t kLeastMss = 64;
  constexpr std::uint16_t kTimestampsSize = 12;
  constexpr std::uint8_t kLargestScale = 14;
  const ConversationKey key = key_of(probe, syn);
  if (Conversation* const old = table_.find(key); old != nullptr) {
    Turn again = turn(*old, buffer, host, now);
    // RFC 5961 section 4.2.
    if (old->state == ConversationState::Open) return acknowledge(again);
    if (old->state == ConversationState::SynReceived && old->rcv == syn.seq + 1) {
      return send_syn_ack(again);
    }
    drop(*old, Counter::ConversationsReopened);
  }
  const auto mac = mac_number(probe.eth_from);
  const Talk talk = population_->talk(host, syn.to_port);
  if (!mac) {
    counters_->add(Counter::ConversationsRefused);
    HostStyle style = host_style(*population_, host, now);
    narrow(style, talk, host, syn.to_port);
    return write_syn_ack(buffer, probe, syn, isn, style);
  }
  Conversation& c = start(key);
  c.state = ConversationState::SynReceived;
  c.talk = static_cast<std::uint8_t>(talk) & 0xfU;
  c.mac = *mac;
  c.is_direct = probe.eth_to != router_mac_;
  c.una = isn;
  c.nxt = c.end = isn + 1;
  c.rcv = syn.seq + 1;
  c.window = syn.window;
  c.scale =
      (syn.has_window_scale ? std::min(syn.window_scale, kLargestScale) : Conversation::kUnscaled) &
      0xfU;
  c.has_sack = syn.has_sack;
  c.has_timestamps = syn.timestamp.has_value();
  c.ts_recent = syn.timestamp.value_or(0);
  const std::uint16_t mss = syn.has_mss ? std::clamp(syn.mss, kLeastMss, kOurMss) : kDefaultMss;
  c.mss = static_cast<std::uint16_t>(mss - (c.has_timestamps ? kTimestampsSize : 0));
  Turn t = turn(c, buffer, host, now);
  rearm(t);
  return send_syn_ack(t);
}

Conversations::Step Conversations::receive(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                           const Host& host, const TcpSegment& segment,
                                           std::span<const std::byte> payload,
                                           Nanoseconds now) noexcept {
  Conversation* const c = table_.find(key_of(probe, segment));
  const Talk talk = c == nullptr ? population_->talk(host, segment.to_port) : talk_of(*c);
  const bool is_reset = (segment.flags & wire::kRst) != 0;
  if (is_fake(talk)) count_extra(c, is_reset);
  if (c == nullptr) return stray(buffer, probe, host, segment, now);
  if (is_deaf(talk)) {
    if (!is_reset) return {};
    table_.drop(*c);
    return {Counter::ConversationReset};
  }
  Turn t = turn(*c, buffer, host, now);
  return arrive(t, probe, segment, payload);
}

// No conversation, or none any more: states CLOSED and LISTEN.
Conversations::Step Conversations::stray(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                         const Host& host, const TcpSegment& segment,
                                         Nanoseconds now) noexcept {
  if ((segment.flags & wire::kRst) != 0) return {Counter::RstIgnored};
  if ((segment.flags & wire::kAck) == 0 || is_deaf(population_->talk(host, segment.to_port))) {
    return {Counter::TcpIgnored};
  }
  return {Counter::OtherTcpReset,
          write_reset(buffer, probe, segment, false, host_style(*population_, host, now)),
          ReplyKind::Refusal};
}

Conversations::Step Conversations::drop_segment(Turn& turn, bool acknowledges) noexcept {
  counters_->add(Counter::ConversationSegmentsDropped);
  if (!acknowledges) return {};
  return {Counter::ConversationSegment, acknowledge(turn)};
}

bool Conversations::is_current(const Turn& turn, const TcpSegment& segment) noexcept {
  constexpr std::uint64_t kStrict = 4;  // One host in so many.
  if (!turn.c.has_timestamps) return true;
  if (segment.timestamp) return !is_before(*segment.timestamp, turn.c.ts_recent);
  return mix64(turn.host.draw + 2) % kStrict != 0;
}

bool Conversations::is_acceptable(const Turn& turn, const TcpSegment& segment) noexcept {
  const std::uint32_t window = receive_window(turn);
  const std::uint32_t first = segment.seq - turn.c.rcv;
  // A full window still takes acknowledgements and resets.
  if (first == 0) return true;
  if (segment.length == 0) return first < window;
  return first < window || first + segment.length - 1 < window;
}

Conversations::Step Conversations::arrive(Turn& turn, const Ipv4Frame& probe,
                                          const TcpSegment& segment,
                                          std::span<const std::byte> payload) noexcept {
  Conversation& c = turn.c;
  const bool is_reset = (segment.flags & wire::kRst) != 0;
  if (!is_reset && !is_current(turn, segment)) {
    return drop_segment(turn, segment.timestamp.has_value());
  }
  if (!is_acceptable(turn, segment)) return drop_segment(turn, !is_reset);
  if (is_reset) {
    table_.drop(c);
    return {Counter::ConversationReset};
  }
  // RFC 5961 section 4.2.
  if ((segment.flags & wire::kSyn) != 0) return drop_segment(turn, true);
  if ((segment.flags & wire::kAck) == 0) return drop_segment(turn, false);
  if (segment.timestamp && !is_before(c.rcv, segment.seq)) c.ts_recent = *segment.timestamp;
  if (c.state == ConversationState::SynReceived) {
    if (segment.ack != c.nxt) {
      counters_->add(Counter::ConversationSegmentsDropped);
      return {Counter::ConversationSegment,
              write_reset(turn.buffer, probe, segment, false, turn.style), ReplyKind::Refusal};
    }
    establish(turn, segment);
    if (talk_of(c) == Talk::Reset) {
      table_.drop(c);
      return {Counter::ConversationSegment,
              write_reset(turn.buffer, probe, segment, false, turn.style), ReplyKind::Refusal};
    }
  } else if (is_before(c.nxt, segment.ack)) {
    return drop_segment(turn, true);
  } else if (!is_before(segment.ack, c.una)) {
    take_ack(turn, segment);
  }
  if (segment.length > 0) take_data(turn, segment, payload);
  return respond(turn);
}

void Conversations::establish(Turn& turn, const TcpSegment& segment) noexcept {
  Conversation& c = turn.c;
  constexpr auto kSlowest = std::chrono::seconds{2};
  constexpr auto kTrickle = std::chrono::seconds{1};
  counters_->add(Counter::ConversationsOpened);
  c.state = ConversationState::Open;
  c.una = c.nxt;
  c.window = std::uint32_t{segment.window} << (c.scale == Conversation::kUnscaled ? 0U : c.scale);
  c.retries = 0;
  turn.has_progress = true;
  switch (talk_of(c)) {
    case Talk::Ssh:
    case Talk::Smtp: begin(turn, Utterance::Banner); break;
    case Talk::Slow: {
      const auto later = server_draw(turn.host.draw, c.key.host_port) %
                         static_cast<std::uint64_t>(Nanoseconds{kSlowest}.count());
      arm_after(turn, kTrickle + Nanoseconds{static_cast<std::int64_t>(later)});
      break;
    }
    case Talk::Tarpit: arm_after(turn, kTrickle); break;
    case Talk::MuteClose: c.closing = true; break;
    default: break;
  }
}

void Conversations::take_ack(Turn& turn, const TcpSegment& segment) noexcept {
  Conversation& c = turn.c;
  const std::uint32_t window = std::uint32_t{segment.window}
                               << (c.scale == Conversation::kUnscaled ? 0U : c.scale);
  const bool reopens = c.window == 0 && window > 0 && c.una != c.nxt;
  c.window = window;
  if (segment.ack == c.una) {
    // What went out to probe the window was not taken.
    if (reopens) c.recovering = turn.has_progress = true;
    if (reopens) c.retries = 0;
    return;
  }
  const Talk talk = talk_of(c);
  if (is_service(talk) && utterance_of(c) == usual(talk) && is_before(c.una, c.end) &&
      !is_before(segment.ack, c.end)) {
    counters_->add(Counter::ConversationsCompleted);
  }
  c.una = segment.ack;
  c.retries = 0;
  if (c.una == c.nxt) c.recovering = false;
  turn.has_progress = true;
}

void Conversations::take_data(Turn& turn, const TcpSegment& segment,
                              std::span<const std::byte> payload) noexcept {
  Conversation& c = turn.c;
  const Talk talk = talk_of(c);
  turn.must_ack = true;
  const std::uint32_t behind = c.rcv - segment.seq;
  // What comes early, and commands before the last answer was taken, have to be sent again.
  const bool is_early = is_before(c.rcv, segment.seq);
  const bool is_busy = talk == Talk::Smtp && c.una != c.end && !c.closing;
  if (is_early || (is_busy && !payload.empty())) {
    counters_->add(Counter::ConversationSegmentsDropped);
    return;
  }
  const std::uint32_t fin_at = segment.seq + static_cast<std::uint32_t>(payload.size());
  const auto fresh = payload.subspan(std::min<std::size_t>(behind, payload.size()));
  const auto data = fresh.first(std::min<std::size_t>(fresh.size(), receive_window(turn)));
  if (c.peer_closed) return;
  c.rcv += static_cast<std::uint32_t>(data.size());
  counters_->add(Counter::ConversationBytesReceived, data.size());
  if (!data.empty() && !c.closing) {
    const Understanding understood = understand(talk, utterance_of(c), c.after_newline, data);
    c.after_newline = understood.after_newline;
    if (understood.closes) c.closing = true;
    if (understood.reply != Utterance::None) begin(turn, understood.reply);
  }
  const bool has_fin = (segment.flags & wire::kFin) != 0;
  if (!has_fin || c.rcv != fin_at || talk == Talk::ZeroWindow) return;
  ++c.rcv;
  c.peer_closed = true;
  if (talk != Talk::Tarpit) c.closing = true;
}

Conversations::Step Conversations::respond(Turn& turn) noexcept {
  constexpr auto kTimeWait = std::chrono::seconds{1};
  Conversation& c = turn.c;
  const bool fin_is_acknowledged = c.una == c.nxt && is_before(c.end, c.nxt);
  if (c.peer_closed && fin_is_acknowledged) {
    // Whoever closed first waits, in case its last acknowledgement is lost.
    if (!turn.must_ack) {
      if (c.state != ConversationState::TimeWait) table_.drop(c);
      return {};
    }
    c.state = ConversationState::TimeWait;
    arm_after(turn, kTimeWait);
    return {Counter::ConversationSegment, acknowledge(turn)};
  }
  std::size_t size = 0;
  if (c.recovering && turn.has_progress && c.una != c.nxt) {
    size = retransmit(turn);
  } else {
    size = send_new(turn);
  }
  if (size == 0 && turn.must_ack) size = acknowledge(turn);
  rearm(turn);
  return {Counter::ConversationSegment, size};
}

}  // namespace trawl::simnet
