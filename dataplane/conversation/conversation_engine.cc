// Validation, handshakes and resets: what can happen without state.
#include "dataplane/conversation/conversation_engine.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "dataplane/conversation/conversation_stamp.h"
#include "dataplane/probe_stamp.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using namespace std::chrono_literals;

// Of the cookies of second connections: no kind of probe that a survey has.
constexpr ProbeKind kSecondConnection{0x81};
// How long a conversation is remembered after its end: a peer that did not get our reset repeats
// itself two or three times meanwhile.
constexpr auto kGrace = 3s;
// How long a second connection's SYN is waited on: RFC 6298 section 2.1.
constexpr auto kAgain = 1s;
// Peers repeat a SYN-ACK for about as long.
constexpr auto kAnswerAge = 64s;
// As in BasicRxLoop: what claims to be older is no echo of ours.
constexpr std::uint32_t kLongestRttUs = 60'000'000;
// A SYN-ACK that lets us send less than this has no service behind it: windows of SYN-ACKs are not
// scaled, and the least a stack offers is a few hundred bytes.
constexpr std::uint16_t kTinyWindow = 32;
// What comes so soon after the end was on its way already.
constexpr auto kInFlight = 100ms;

Result<void> check(const ConversationPlan& plan, ByteCount most_banner) {
  const auto broken = [](const char* what) { return fail(ExitCode::Usage, what); };
  if (plan.payloads.empty() || !plan.payloads[0].empty() || plan.payloads.size() > 256) {
    return broken("conversations need 1 to 256 payloads, of which the first is empty");
  }
  for (std::size_t i = 1; i < plan.payloads.size(); ++i) {
    const std::size_t size = plan.payloads[i].size();
    if (size == 0 || size > ConversationPlan::kMostPayload) {
      return broken("a payload of a conversation has 1 to 1024 bytes");
    }
  }
  for (const auto& choice : {std::cref(plan.first), std::cref(plan.second)}) {
    for (const std::uint8_t payload : choice.get()) {
      if (payload >= plan.payloads.size()) return broken("a port has a payload that is not there");
    }
  }
  if (plan.most_bytes < ByteCount{1} || plan.most_bytes > most_banner) {
    return broken("a banner has 1 to 60000 bytes");
  }
  if (plan.most_open == 0 || plan.idle <= 0ms || plan.patience <= 0ms) {
    return broken("conversations need room and time");
  }
  return {};
}

}  // namespace

template <typename Address>
auto BasicConversationEngine<Address>::make(std::shared_ptr<const ConversationPlan> plan,
                                            const BasicCookieMaker<Address>& cookies,
                                            const TscClock& clock, CoreCounters& counters)
    -> Result<std::unique_ptr<BasicConversationEngine>> {
  if (auto good = check(*plan, kMostBanner); !good) return Failure{good.error()};
  auto table = Table::make(plan->most_open);
  if (!table) return Failure{table.error()};
  auto slabs = BannerSlabs::make(plan->most_bytes, plan->most_memory, plan->most_open);
  if (!slabs) return Failure{slabs.error()};
  return std::unique_ptr<BasicConversationEngine>{new BasicConversationEngine{
      std::move(plan), cookies, clock, counters, std::move(*table), std::move(*slabs)}};
}

template <typename Address>
BasicConversationEngine<Address>::BasicConversationEngine(
    std::shared_ptr<const ConversationPlan> plan, const BasicCookieMaker<Address>& cookies,
    const TscClock& clock, CoreCounters& counters, Table table, BannerSlabs slabs)
    : plan_{std::move(plan)},
      first_cookies_{cookies},
      second_cookies_{cookies.for_kind(kSecondConnection)},
      clock_{clock},
      counters_{counters},
      table_{std::move(table)},
      slabs_{std::move(slabs)},
      answers_{clock.ticks_in(kAnswerAge)},
      waits_{clock.ticks_in(plan_->idle), clock.ticks_in(plan_->patience), clock.ticks_in(kAgain),
             clock.ticks_in(kGrace)},
      in_flight_{clock.ticks_in(kInFlight)},
      longest_{3 * clock.ticks_in(plan_->patience)} {}

template <typename Address>
void BasicConversationEngine<Address>::receive(Ticks now, std::span<const Segment> segments,
                                               Outbox& out) noexcept {
  std::array<BasicTarget<Address>, kMostBatch> targets;
  std::array<Cookie, kMostBatch> cookies;
  std::array<Address, kMostBatch> sources;
  const std::size_t count = segments.size();
  for (std::size_t i = 0; i < count; ++i) targets[i] = segments[i].target;
  first_cookies_.make_all({targets.data(), count}, {cookies.data(), count},
                          {sources.data(), count});
  for (std::size_t i = 0; i < count; ++i) {
    validate(now, segments[i], cookies[i], sources[i], out);
  }
  open_.store(table_.open(), std::memory_order_relaxed);
}

// The hash is the first connection's cookie for both: one conversation a target.
template <typename Address>
void BasicConversationEngine<Address>::validate(Ticks now, const Segment& segment,
                                                const Cookie& cookie, Address source,
                                                Outbox& out) noexcept {
  const std::uint32_t hash = cookie.sequence;
  if (proves(segment, cookie, source, Connection::First)) {
    take(now, {segment, hash, cookie.sequence + 1, Connection::First}, out);
    return;
  }
  Cookie other;
  Address other_source;
  second_cookies_.make_all({&segment.target, 1}, {&other, 1}, {&other_source, 1});
  if (proves(segment, other, other_source, Connection::Second)) {
    take(now, {segment, hash, other.sequence + 1, Connection::Second}, out);
    return;
  }
  counters_.add(Counter::RxForged);
}

// Whether the segment is of a connection of ours. A reset without an acknowledgement proves its
// port alone: on_reset() asks for more.
template <typename Address>
bool BasicConversationEngine<Address>::proves(const Segment& segment, const Cookie& cookie,
                                              Address source,
                                              Connection connection) const noexcept {
  if (segment.source_port != cookie.source_port || segment.source != source) return false;
  if ((segment.flags & wire::kAck) == 0) return (segment.flags & wire::kRst) != 0;
  const std::uint32_t taken = segment.ack - (cookie.sequence + 1);
  return taken <= most_asked(segment.target.port, connection);
}

// How many bytes a connection sends at most.
template <typename Address>
std::size_t BasicConversationEngine<Address>::most_asked(std::uint16_t port,
                                                         Connection connection) const noexcept {
  const std::size_t second = payload_size(plan_->second[port]);
  if (connection == Connection::Second) return second;
  const std::uint8_t first = plan_->first[port];
  return first == 0 ? second : payload_size(first);
}

template <typename Address>
void BasicConversationEngine<Address>::take(Ticks now, const Arrival& arrival,
                                            Outbox& out) noexcept {
  counters_.add(Counter::TalkSegments);
  Conversation* const known = table_.find(arrival.segment.target, arrival.hash);
  const std::uint8_t flags = arrival.segment.flags;
  if ((flags & wire::kRst) != 0) {
    on_reset(now, arrival, known, out);
  } else if (known != nullptr && is_over(arrival, *known)) {
    on_straggler(now, arrival, *known, out);
  } else if ((flags & wire::kSyn) != 0) {
    on_syn_ack(now, arrival, known, out);
  } else {
    on_segment(now, arrival, known, out);
  }
}

template <typename Address>
bool BasicConversationEngine<Address>::is_over(const Arrival& arrival,
                                               const Conversation& known) const noexcept {
  return known.state == State::Done || known.connection != arrival.connection;
}

// The peer did not get our reset, or will soon. Who does not stop is remembered for as long.
template <typename Address>
void BasicConversationEngine<Address>::on_straggler(Ticks now, const Arrival& arrival,
                                                    Conversation& known, Outbox& out) noexcept {
  counters_.add(Counter::TalkStragglers);
  if (known.state == State::Done) {
    wait(now, known, Queue::Grace);
    if (now - known.begun < in_flight_) return;
  }
  reset_unknown(arrival.segment, out);
}

template <typename Address>
void BasicConversationEngine<Address>::reset_unknown(const Segment& segment, Outbox& out) noexcept {
  auto& reset = out.add();
  const bool counts_one = (segment.flags & (wire::kSyn | wire::kFin)) != 0;
  reset.target = segment.target;
  reset.source = segment.source;
  reset.source_port = segment.source_port;
  reset.flags = wire::kRst | wire::kAck;
  reset.sequence = segment.ack;
  reset.ack =
      segment.sequence + static_cast<std::uint32_t>(segment.data.size()) + (counts_one ? 1U : 0U);
}

// What a peer says to a SYN for a connection that it has already (RFC 5961 section 4.2): where we
// know of none, that of a process before this one. Where it has said something that this process
// never heard, and where it should have been listened to all along, nothing can be made of it.
template <typename Address>
bool BasicConversationEngine<Address>::is_of_the_past(const Arrival& arrival) const noexcept {
  const Segment& segment = arrival.segment;
  if (!plan_->is_resumed || !segment.data.empty()) return false;
  if (payload_size(plan_->first[segment.target.port]) == 0) return true;
  const std::uint32_t said = ConversationStamp::offset(segment.echo, segment.sequence);
  return segment.has_stamps && said > 0 && said < ConversationStamp::kMostOffset;
}

template <typename Address>
void BasicConversationEngine<Address>::on_syn_ack(Ticks now, const Arrival& arrival,
                                                  Conversation* known, Outbox& out) noexcept {
  const Segment& segment = arrival.segment;
  if (segment.ack != arrival.own) return counters_.add(Counter::RxForged);
  if (arrival.connection == Connection::Second) {
    if (known == nullptr) return reset_unknown(segment, out);
    if (++known->repeats > kMostCalls + RecentAnswers::kMost) return;
    if (known->state == State::Calling) connect(now, arrival, *known);
  } else if (attempt_of(now, segment) == ProbeStamp::kSentinelAttempt) {
    return;  // Known to be open, and asked before.
  }
  if (segment.window < kTinyWindow) return on_tiny_window(now, arrival, known, out);
  if (arrival.connection == Connection::First) {
    // A port that may speak first is waited on from here on.
    const bool listens = payload_size(plan_->first[segment.target.port]) == 0;
    if (known == nullptr && listens && begin(now, arrival) == nullptr) return;
    if (!answers_.allow(arrival.hash, now)) return counters_.add(Counter::TalkRepeats);
  }
  counters_.add(Counter::TalkHandshakes);
  answer_handshake(arrival, stamp_for(now, segment), out);
}

template <typename Address>
void BasicConversationEngine<Address>::on_tiny_window(Ticks now, const Arrival& arrival,
                                                      Conversation* known, Outbox& out) noexcept {
  if (known != nullptr && known->state == State::Talking) return;
  Conversation* const talk = known != nullptr ? known : begin(now, arrival);
  if (talk == nullptr || talk->state == State::Ending) return;
  if (talk->connection == Connection::Second) return concede(now, *talk, BannerEnd::Idle, out);
  const bool is_shut = arrival.segment.window == 0;
  conclude(now, *talk, is_shut ? PortClass::ZeroWindow : PortClass::Tarpit, BannerEnd::Idle, out);
}

// Which probe the SYN-ACK answers, 0 when it does not tell.
template <typename Address>
unsigned BasicConversationEngine<Address>::attempt_of(Ticks now,
                                                      const Segment& syn_ack) const noexcept {
  if (!syn_ack.has_stamps) return 0;
  const std::uint64_t now_us = clock_.microseconds_at(now);
  const std::uint32_t age = ProbeStamp::age(syn_ack.echo, now_us);
  return age < kLongestRttUs && age <= now_us ? ProbeStamp::attempt(syn_ack.echo) : 0;
}

// A timestamp that is later than that of the probe, whatever the peer, or something on the way,
// made of the echo.
template <typename Address>
std::uint32_t BasicConversationEngine<Address>::stamp_for(Ticks now,
                                                          const Segment& syn_ack) const noexcept {
  const unsigned attempt = attempt_of(now, syn_ack);
  const std::uint32_t probe =
      attempt != 0 ? syn_ack.echo : ProbeStamp::encode(clock_.microseconds_at(now), 1);
  return ConversationStamp::encode(probe, syn_ack.sequence + 1, attempt, syn_ack.scales);
}

template <typename Address>
void BasicConversationEngine<Address>::answer_handshake(const Arrival& arrival, std::uint32_t stamp,
                                                        Outbox& out) noexcept {
  const Segment& segment = arrival.segment;
  const std::uint16_t port = segment.target.port;
  auto& answer = out.add();
  answer.target = segment.target;
  answer.source = segment.source;
  answer.source_port = segment.source_port;
  answer.payload =
      arrival.connection == Connection::First ? plan_->first[port] : plan_->second[port];
  answer.length = static_cast<std::uint16_t>(
      std::min<std::size_t>(payload_size(answer.payload), segment.window));
  answer.flags = answer.length > 0 ? wire::kAck | wire::kPsh : wire::kAck;
  answer.sequence = arrival.own;
  answer.ack = segment.sequence + 1;
  answer.window = window(0, segment.scales);
  answer.has_stamps = segment.has_stamps;
  answer.stamp = stamp;
  answer.echo = segment.stamp;
}

template <typename Address>
bool BasicConversationEngine<Address>::expects_reset(Ticks now, const Segment& segment) noexcept {
  // The reset for a SYN has no number of its own (RFC 9293 section 3.10.7.1). Most that come are
  // of closed ports.
  const bool is_for_syn = segment.sequence == 0;
  if (is_for_syn && table_.first_of(Queue::Again) == nullptr) return false;
  Cookie cookie;
  Address source;
  first_cookies_.make_all({&segment.target, 1}, {&cookie, 1}, {&source, 1});
  const Conversation* const known = table_.find(segment.target, cookie.sequence);
  if (is_for_syn) return known != nullptr && known->source_port == segment.source_port;
  return known != nullptr || answers_.count(cookie.sequence, now) > 0;
}

template <typename Address>
void BasicConversationEngine<Address>::on_reset(Ticks now, const Arrival& arrival,
                                                Conversation* known, Outbox& out) noexcept {
  const Segment& segment = arrival.segment;
  const bool has_ack = (segment.flags & wire::kAck) != 0;
  Conversation* talk = known;
  if (talk == nullptr) {
    if (answers_.count(arrival.hash, now) == 0 || arrival.connection == Connection::Second) {
      return counters_.add(Counter::RxForged);
    }
    talk = begin(now, arrival);
    if (talk == nullptr) return;
    if (!has_ack) {
      talk->state = State::Doubtful;
      wait(now, *talk, Queue::Idle);
      return;
    }
  }
  if (is_over(arrival, *talk) || talk->state == State::Ending) return;
  // RFC 5961 section 3.2 asks for the very next number; one that acknowledges knows our cookie.
  const bool is_next = talk->settled && segment.sequence == talk->first + talk->stream.contiguous();
  if (!has_ack && !is_next) return counters_.add(Counter::RxForged);
  if (has_ack) note(*talk, segment);
  if (talk->stream.contiguous() > 0) return finish(now, *talk, BannerEnd::Reset, out);
  refused(now, *talk, BannerEnd::Reset, out);
}

template <typename Address>
void BasicConversationEngine<Address>::on_segment(Ticks now, const Arrival& arrival,
                                                  Conversation* known, Outbox& out) noexcept {
  const Segment& segment = arrival.segment;
  // A connection that is being opened again has no acknowledgement yet: RFC 9293 section 3.10.7.3.
  const bool is_calling = known != nullptr && known->state == State::Calling;
  if (is_calling || (known == nullptr && is_of_the_past(arrival))) {
    counters_.add(Counter::TalkStragglers);
    return reset_unknown(segment, out);
  }
  Conversation* const talk = known != nullptr ? known : begin(now, arrival);
  if (talk == nullptr) return;
  if (talk->state == State::Ending) return;
  if (segment.data.empty() && (segment.flags & wire::kFin) == 0) {
    on_acknowledgement(now, segment, *talk, out);
  } else {
    note(*talk, segment);
    on_words(now, segment, *talk, out);
  }
}

// What is known of a conversation from its first segment; it waits for the next.
template <typename Address>
auto BasicConversationEngine<Address>::begin(Ticks now, const Arrival& arrival) noexcept
    -> Conversation* {
  const Segment& segment = arrival.segment;
  Conversation* const talk = table_.insert(segment.target, arrival.hash);
  if (talk == nullptr) {
    counters_.add(Counter::TalkTableFull);
    return nullptr;
  }
  connect(now, arrival, *talk);
  talk->begun = now;
  return talk;
}

template <typename Address>
void BasicConversationEngine<Address>::connect(Ticks now, const Arrival& arrival,
                                               Conversation& talk) noexcept {
  const Segment& segment = arrival.segment;
  const bool is_first = arrival.connection == Connection::First;
  talk.connection = arrival.connection;
  talk.source = segment.source;
  talk.source_port = segment.source_port;
  talk.own = arrival.own;
  talk.payload = is_first ? plan_->first[segment.target.port] : plan_->second[segment.target.port];
  talk.state = talk.payload == 0 ? State::Listening : State::Stuck;
  talk.window = segment.window;
  if ((segment.flags & wire::kSyn) == 0) {
    place_first(segment, talk);
  } else {
    talk.first = segment.sequence + 1;
    talk.settled = true;
    talk.has_stamps = segment.has_stamps;
    talk.scales = segment.scales;
    talk.stamp = stamp_for(now, segment);
    talk.echo = segment.stamp;
    if (const unsigned attempt = attempt_of(now, segment); attempt != 0 && is_first) {
      talk.attempt = static_cast<std::uint8_t>(attempt);
    }
  }
  wait(now, talk, Queue::Patience);
}

template class BasicConversationEngine<Ipv4Address>;
template class BasicConversationEngine<Ipv6Address>;

}  // namespace trawl::dataplane
