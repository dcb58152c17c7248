// What is said in a conversation, and how it ends.
#include <algorithm>

#include "dataplane/conversation/conversation_engine.h"
#include "dataplane/conversation/conversation_stamp.h"
#include "dataplane/probe_stamp.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

// Segments of a payload that go out one after the other as the peer's window lets them.
constexpr std::uint8_t kMostPieces = 8;
// Who lets us send less than this at a time, and not the rest either, wants to hold us.
constexpr std::uint16_t kLeastWindow = 128;
// Who has said less than this after all the time there is will not say it all.
constexpr std::uint32_t kTrickle = 512;
// Two full segments: a peer that may send less than one of them waits first (RFC 9293 section
// 3.8.6.2.1).
constexpr std::uint32_t kLeastOurWindow = 2 * 1460;
constexpr unsigned kOurScale = 7;  // As our SYNs say.
// Of waits for room, each as long as one may talk.
constexpr unsigned kMostWaits = 8;

}  // namespace

// What every segment tells of itself.
template <typename Address>
void BasicConversationEngine<Address>::note(Conversation& talk,
                                            const Segment& segment) const noexcept {
  talk.acked = std::max(talk.acked, static_cast<std::uint16_t>(segment.ack - talk.own));
  talk.window = segment.window;
  if (!segment.has_stamps || (segment.flags & wire::kRst) != 0) return;
  talk.has_stamps = true;
  talk.echo = segment.stamp;
  if (talk.state != State::Talking) talk.stamp = segment.echo;
}

template <typename Address>
void BasicConversationEngine<Address>::on_acknowledgement(Ticks now, const Segment& segment,
                                                          Conversation& talk,
                                                          Outbox& out) noexcept {
  const std::uint16_t had = talk.acked;
  const bool was_shut = talk.window == 0;
  note(talk, segment);
  if (talk.state == State::Talking) {
    // A question whether we are still there (RFC 9293 section 3.8.4).
    const std::uint32_t next = talk.first + talk.stream.contiguous();
    if (talk.settled && segment.sequence == next - 1) send_ack(talk, out);
    return;
  }
  const bool is_asked = talk.state == State::Asked || talk.state == State::Stuck;
  if (!is_asked) return;
  const std::size_t size = payload_size(talk.payload);
  if (talk.acked >= size) {
    talk.state = State::Taken;
    wait(now, talk, Queue::Patience);
    return;
  }
  talk.state = State::Stuck;
  const bool moved = talk.acked > had || (was_shut && talk.window > 0);
  const bool takes_more = talk.window >= std::min<std::size_t>(kLeastWindow, size - talk.acked);
  if (!moved || !takes_more || talk.repeats >= kMostPieces) return;
  ++talk.repeats;
  send_piece(talk, out);
}

template <typename Address>
void BasicConversationEngine<Address>::on_words(Ticks now, const Segment& segment,
                                                Conversation& talk, Outbox& out) noexcept {
  if (talk.arrival != 0 && now - talk.arrival > longest_) {
    if (talk.stream.contiguous() >= kTrickle) return finish(now, talk, BannerEnd::Idle, out);
    return conclude(now, talk, PortClass::Tarpit, BannerEnd::Idle, out);
  }
  std::int64_t offset = 0;
  const bool was_settled = talk.settled;
  if (!place(segment, talk, offset)) return counters_.add(Counter::TalkBeyond);
  const bool is_first = talk.state != State::Talking;
  talk.state = State::Talking;
  const Kept kept = keep(now, segment, offset, talk);
  if (kept == Kept::NoRoom) return wait(now, talk, Queue::Patience);
  const std::int64_t end = offset + static_cast<std::int64_t>(segment.data.size());
  if ((segment.flags & wire::kFin) != 0 && end >= 0) {
    talk.stream.close_at(static_cast<std::uint32_t>(end));
  }
  if (talk.settled) {
    const std::uint32_t got = talk.stream.contiguous();
    if (got >= plan_->most_bytes.count()) return finish(now, talk, BannerEnd::Full, out);
    if (talk.stream.is_closed()) {
      if (got > 0) return finish(now, talk, BannerEnd::Closed, out);
      return refused(now, talk, BannerEnd::Closed, out);
    }
    send_ack(talk, out);
  }
  if (kept == Kept::News || is_first || talk.settled != was_settled) {
    const bool is_whole = talk.settled && !talk.stream.has_gaps() && talk.stream.contiguous() > 0;
    wait(now, talk, is_whole ? Queue::Idle : Queue::Patience);
  }
}

// Where the peer's bytes begin, by its first segment: what its echo tells, or else what it says.
template <typename Address>
void BasicConversationEngine<Address>::place_first(const Segment& segment,
                                                   Conversation& talk) const noexcept {
  const std::uint32_t told = ConversationStamp::offset(segment.echo, segment.sequence);
  if (!segment.has_stamps || told >= ConversationStamp::kMostOffset) {
    if (!talk.settled) talk.first = segment.sequence;
    return;
  }
  // Of several SYN-ACKs with numbers of their own, it is the one of who speaks that counts.
  talk.first = segment.sequence - told;
  talk.settled = true;
  talk.scales = ConversationStamp::scales(segment.echo);
  const unsigned attempt = ConversationStamp::attempt(segment.echo);
  if (attempt == 0 || talk.connection == Connection::Second) return;
  talk.attempt = static_cast<std::uint8_t>(attempt);
}

// Where the segment's first byte lies behind the peer's first one; false when it is no part of what
// it says.
template <typename Address>
bool BasicConversationEngine<Address>::place(const Segment& segment, Conversation& talk,
                                             std::int64_t& offset) noexcept {
  constexpr std::int32_t kMost = ConversationStamp::kMostOffset;
  if (talk.state != State::Talking) {
    place_first(segment, talk);
  } else if (!talk.settled) {
    const auto delta = static_cast<std::int32_t>(segment.sequence - talk.first);
    if (delta < 0 && delta > -kMost && !segment.data.empty()) {
      const auto room =
          talk.slab == BannerSlabs::kNone ? std::span<std::byte>{} : slabs_.room(talk.slab);
      talk.stream.begin_earlier(static_cast<std::uint32_t>(-delta), room);
      talk.first = segment.sequence;
    } else if (delta == 0) {
      talk.settled = true;  // Nothing before it was left to repeat.
    }
  }
  offset = static_cast<std::int32_t>(segment.sequence - talk.first);
  return offset > -kMost && offset < kMost;
}

template <typename Address>
auto BasicConversationEngine<Address>::keep(Ticks now, const Segment& segment, std::int64_t offset,
                                            Conversation& talk) noexcept -> Kept {
  auto data = segment.data;
  if (offset < 0) {
    data = data.subspan(std::min(data.size(), static_cast<std::size_t>(-offset)));
    offset = 0;
  }
  if (data.empty()) return Kept::Nothing;
  if (talk.slab == BannerSlabs::kNone) {
    talk.slab = slabs_.obtain();
    if (talk.slab == BannerSlabs::kNone) {
      counters_.add(Counter::TalkNoSlab);
      return Kept::NoRoom;
    }
  }
  if (talk.arrival == 0) talk.arrival = now;
  switch (talk.stream.insert(static_cast<std::uint32_t>(offset), data, slabs_.room(talk.slab))) {
    case Reassembly::Outcome::Kept: return Kept::News;
    case Reassembly::Outcome::Known: return Kept::Nothing;
    case Reassembly::Outcome::Beyond: counters_.add(Counter::TalkBeyond); return Kept::Nothing;
    case Reassembly::Outcome::TooScattered: break;
  }
  counters_.add(Counter::TalkScattered);
  return Kept::Nothing;
}

template <typename Address>
void BasicConversationEngine<Address>::tick(Ticks now, Outbox& out) noexcept {
  for (const Queue queue : {Queue::Idle, Queue::Patience, Queue::Again, Queue::Grace}) {
    for (std::size_t i = 0; i < kMostBatch && out.room() >= Outbox::kOfOne; ++i) {
      Conversation* const talk = table_.first_of(queue);
      if (talk == nullptr || talk->deadline > now) break;
      on_silence(now, *talk, out);
    }
  }
  open_.store(table_.open(), std::memory_order_relaxed);
}

// A wait is over. Leaves it in another queue, or at the end of this one, or forgets it.
template <typename Address>
void BasicConversationEngine<Address>::on_silence(Ticks now, Conversation& talk,
                                                  Outbox& out) noexcept {
  const bool is_second = talk.connection == Connection::Second;
  switch (talk.state) {
    case State::Listening:
      return is_second ? concede(now, talk, BannerEnd::Idle, out) : ask_instead(now, talk, out);
    case State::Asked: return forget(talk);  // It took nothing: nobody is there.
    case State::Taken:
      if (may_call_again(talk)) return call_again(now, talk, PortClass::Accepts, out);
      return conclude(now, talk, PortClass::Accepts, BannerEnd::Idle, out);
    case State::Stuck:
      if (is_second) return concede(now, talk, BannerEnd::Idle, out);
      if (talk.window == 0) return conclude(now, talk, PortClass::ZeroWindow, {}, out);
      return conclude(now, talk, talk.acked > 0 ? PortClass::Tarpit : PortClass::Middlebox, {},
                      out);
    case State::Talking: return on_last_word(now, talk, out);
    case State::Doubtful: return conclude(now, talk, PortClass::Resets, BannerEnd::Reset, out);
    case State::Calling:
      if (talk.repeats < kMostCalls) return call(now, talk, out);
      return concede(now, talk, BannerEnd::Idle, out);
    case State::Ending: return conclude(now, talk, talk.ending, talk.end, out);
    case State::Done: return forget(talk);
  }
}

template <typename Address>
void BasicConversationEngine<Address>::on_last_word(Ticks now, Conversation& talk,
                                                    Outbox& out) noexcept {
  if (talk.stream.contiguous() > 0) return finish(now, talk, BannerEnd::Idle, out);
  if (talk.stream.is_closed()) return refused(now, talk, BannerEnd::Closed, out);
  // What came could not be kept; it will be repeated.
  if (talk.slab == BannerSlabs::kNone && now - talk.begun < kMostWaits * longest_) {
    return wait(now, talk, Queue::Patience);
  }
  // The first bytes never came.
  counters_.add(Counter::TalkHeadless);
  send_reset(talk, out);
  forget(talk);
}

// The peer of a port that may speak first does not: it gets the other payload on the same
// connection, which spares it another one.
template <typename Address>
void BasicConversationEngine<Address>::ask_instead(Ticks now, Conversation& talk,
                                                   Outbox& out) noexcept {
  const std::uint8_t second = plan_->second[talk.target.port];
  // Nothing shows that anybody is there: two packets are all it gets.
  const bool may =
      payload_size(second) > 0 && answers_.count(talk.hash, now) < RecentAnswers::kMost;
  if (!may) return forget(talk);
  talk.payload = second;
  talk.state = State::Asked;
  send_piece(talk, out);
  wait(now, talk, Queue::Patience);
}

// The peer ended the connection and said nothing.
template <typename Address>
void BasicConversationEngine<Address>::refused(Ticks now, Conversation& talk, BannerEnd end,
                                               Outbox& out) noexcept {
  if (talk.connection == Connection::Second) return concede(now, talk, end, out);
  if (!may_call_again(talk)) return conclude(now, talk, PortClass::Resets, end, out);
  talk.end = end;
  call_again(now, talk, PortClass::Resets, out);
}

// Who took the first question whole is a host that can be asked another.
template <typename Address>
bool BasicConversationEngine<Address>::may_call_again(const Conversation& talk) const noexcept {
  const std::uint16_t port = talk.target.port;
  const std::size_t size = payload_size(talk.payload);
  return talk.connection == Connection::First && talk.payload == plan_->first[port] && size > 0 &&
         talk.acked >= size && plan_->second[port] != plan_->first[port];
}

template <typename Address>
void BasicConversationEngine<Address>::call_again(Ticks now, Conversation& talk,
                                                  PortClass otherwise, Outbox& out) noexcept {
  if (talk.end != BannerEnd::Reset) send_reset(talk, out);
  if (talk.slab != BannerSlabs::kNone) slabs_.release(talk.slab);
  talk.slab = BannerSlabs::kNone;
  talk.ending = otherwise;
  talk.arrival = 0;
  talk.repeats = 0;
  call(now, talk, out);
}

template <typename Address>
void BasicConversationEngine<Address>::call(Ticks now, Conversation& talk, Outbox& out) noexcept {
  auto& probe = out.add();
  probe.kind = BasicOutgoing<Address>::Kind::Probe;
  probe.target = talk.target;
  second_cookies_.make_all({&talk.target, 1}, {&probe.cookie, 1}, {&probe.source, 1});
  probe.stamp = ProbeStamp::encode(clock_.microseconds_at(now), 1);
  talk.state = State::Calling;
  talk.connection = Connection::Second;
  talk.own = probe.cookie.sequence + 1;
  talk.source = probe.source;
  talk.source_port = probe.cookie.source_port;
  talk.acked = 0;
  talk.settled = false;
  talk.has_stamps = false;
  talk.stream = {};
  ++talk.repeats;
  counters_.add(Counter::TalkSecondCalls);
  wait(now, talk, Queue::Again);
}

// All that came of the second connection is that the first one stands.
template <typename Address>
void BasicConversationEngine<Address>::concede(Ticks now, Conversation& talk, BannerEnd end,
                                               Outbox& out) noexcept {
  if (talk.state != State::Calling && end != BannerEnd::Reset) send_reset(talk, out);
  talk.connection = Connection::First;
  talk.payload = plan_->first[talk.target.port];
  conclude(now, talk, talk.ending, BannerEnd::Reset, out);
}

// With the words that came. Few of them from one that took our question in part only are bait.
template <typename Address>
void BasicConversationEngine<Address>::finish(Ticks now, Conversation& talk, BannerEnd end,
                                              Outbox& out) noexcept {
  const bool took_part = talk.acked > 0 && talk.acked < payload_size(talk.payload);
  if (end == BannerEnd::Idle && took_part && talk.stream.contiguous() < kTrickle) {
    return conclude(now, talk, PortClass::Tarpit, end, out);
  }
  if (end != BannerEnd::Reset) send_reset(talk, out);
  slabs_.banner(talk.slab).length = talk.stream.contiguous();
  publish(now, talk, PortClass::Service, end);
}

// Without words. When there is no slab for it, that is tried again.
template <typename Address>
void BasicConversationEngine<Address>::conclude(Ticks now, Conversation& talk, PortClass port_class,
                                                BannerEnd end, Outbox& out) noexcept {
  if (talk.slab == BannerSlabs::kNone) talk.slab = slabs_.obtain();
  if (talk.slab == BannerSlabs::kNone) {
    counters_.add(Counter::TalkNoSlab);
    talk.state = State::Ending;
    talk.ending = port_class;
    talk.end = end;
    wait(now, talk, Queue::Idle);
    return;
  }
  if (end != BannerEnd::Reset) send_reset(talk, out);
  slabs_.banner(talk.slab).length = 0;
  publish(now, talk, port_class, end);
}

template <typename Address>
void BasicConversationEngine<Address>::publish(Ticks now, Conversation& talk, PortClass port_class,
                                               BannerEnd end) noexcept {
  Banner& banner = slabs_.banner(talk.slab);
  const bool is_other =
      talk.connection == Connection::Second || talk.payload != plan_->first[talk.target.port];
  banner.arrival = talk.arrival != 0 ? talk.arrival : now;
  banner.ip = talk.target.ip;
  banner.port = talk.target.port;
  banner.port_class = port_class;
  banner.end = end;
  banner.payload = talk.payload;
  banner.question = is_other ? 2 : 1;
  banner.attempt = talk.attempt;
  slabs_.publish(talk.slab);
  counters_.add(Counter::TalkBanners);
  talk.slab = BannerSlabs::kNone;
  talk.state = State::Done;
  talk.begun = now;
  wait(now, talk, Queue::Grace);
}

template <typename Address>
void BasicConversationEngine<Address>::forget(Conversation& talk) noexcept {
  if (talk.slab != BannerSlabs::kNone) slabs_.release(talk.slab);
  table_.erase(talk);
}

// As much of what the peer has not taken yet as it lets us send.
template <typename Address>
void BasicConversationEngine<Address>::send_piece(Conversation& talk, Outbox& out) noexcept {
  auto& piece = segment_of(talk, wire::kAck | wire::kPsh, out);
  const std::size_t rest = payload_size(talk.payload) - talk.acked;
  piece.payload = talk.payload;
  piece.offset = talk.acked;
  piece.length = static_cast<std::uint16_t>(std::min<std::size_t>(rest, talk.window));
}

template <typename Address>
void BasicConversationEngine<Address>::send_ack(Conversation& talk, Outbox& out) noexcept {
  (void)segment_of(talk, wire::kAck, out);
}

template <typename Address>
void BasicConversationEngine<Address>::send_reset(Conversation& talk, Outbox& out) noexcept {
  (void)segment_of(talk, wire::kRst | wire::kAck, out);
}

// A segment that the peer takes: the next number it waits for (RFC 5961 section 3.2), and all that
// came from it acknowledged.
template <typename Address>
BasicOutgoing<Address>& BasicConversationEngine<Address>::segment_of(Conversation& talk,
                                                                     std::uint8_t flags,
                                                                     Outbox& out) noexcept {
  auto& segment = out.add();
  const std::uint32_t got = talk.stream.contiguous();
  segment.target = talk.target;
  segment.source = talk.source;
  segment.source_port = talk.source_port;
  segment.flags = flags;
  segment.sequence = talk.own + talk.acked;
  segment.ack = talk.first + got + (talk.stream.is_closed() ? 1U : 0U);
  segment.window = window(got, talk.scales);
  segment.has_stamps = talk.has_stamps;
  segment.stamp = talk.stamp;
  segment.echo = talk.echo;
  return segment;
}

// What is still wanted: a peer that is let send more sends it, for nothing.
template <typename Address>
std::uint16_t BasicConversationEngine<Address>::window(std::uint32_t got,
                                                       bool scales) const noexcept {
  const auto most = static_cast<std::uint32_t>(plan_->most_bytes.count());
  const std::uint32_t wanted = std::max(most - std::min(got, most), kLeastOurWindow);
  const std::uint32_t field = scales ? (wanted + (1U << kOurScale) - 1) >> kOurScale : wanted;
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(field, 0xffff));
}

template class BasicConversationEngine<Ipv4Address>;
template class BasicConversationEngine<Ipv6Address>;

}  // namespace trawl::dataplane
