#include "bench/simnet/poll_loop.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include <ctime>

namespace trawl::simnet {
namespace {

constexpr unsigned kEmptyPollsBeforeNap = 1000;
constexpr long kNapNanoseconds = 50'000;
// Once nothing came for some half second, the next frame may wait longer.
constexpr unsigned kEmptyPollsBeforeSleep = kEmptyPollsBeforeNap + 5000;
constexpr long kSleepNanoseconds = 500'000;
constexpr std::uint32_t kRefusalsBetweenLinkChecks = 1024;
// While probes come in full bursts, fewer replies than this wait for more, and so many bursts.
constexpr std::uint16_t kFewReplies = 16;
constexpr unsigned kBurstsToWait = 4;
// About a microsecond.
constexpr unsigned kPausesBetweenLooks = 40;
// Replies are repeated once no probe came for this long.
constexpr std::chrono::milliseconds kQuietBeforeFlood{100};

// The bytes of `frame` with the room behind them.
std::span<std::byte> buffer_of(rte_mbuf* frame) noexcept {
  return {rte_pktmbuf_mtod(frame, std::byte*),
          std::size_t{frame->data_len} + rte_pktmbuf_tailroom(frame)};
}

void set_length(rte_mbuf* frame, std::size_t length) noexcept {
  frame->data_len = static_cast<std::uint16_t>(length);
  frame->pkt_len = static_cast<std::uint32_t>(length);
  frame->ol_flags = 0;
}

}  // namespace

PollLoop::PollLoop(const Parts& parts) noexcept
    : parts_{parts},
      start_{TscClock::now()},
      nanoseconds_per_tick_{1e9 / parts.clock.ticks_per_second()},
      replies_{.frames = {},
               .link = &parts.link,
               .sent = Counter::RepliesSent,
               .discarded = Counter::DiscardedLinkDown},
      returned_{.frames = {},
                .link = &parts.link,
                .sent = Counter::UplinkReturned,
                .discarded = Counter::UplinkDiscarded},
      uplink_{.frames = {},
              .link = parts.uplink,
              .sent = Counter::UplinkSent,
              .discarded = Counter::UplinkDiscarded},
      forged_{.frames = {},
              .link = &parts.link,
              .sent = Counter::ForgedSent,
              .discarded = Counter::ForgedDiscarded} {}

PollLoop::~PollLoop() {
  for (Output* const output : {&replies_, &returned_, &uplink_, &forged_}) {
    rte_pktmbuf_free_bulk(output->frames.data() + output->first, output->size());
  }
  rte_pktmbuf_free(spare_);
  rte_pktmbuf_free(uplink_spare_);
  rte_pktmbuf_free(timed_spare_);
}

std::uint64_t PollLoop::unsent() const noexcept { return parts_.queue.size() + replies_.size(); }

std::chrono::nanoseconds PollLoop::time_since_start() const noexcept {
  const auto ticks = static_cast<double>(TscClock::now() - start_);
  return std::chrono::nanoseconds{static_cast<std::int64_t>(ticks * nanoseconds_per_tick_)};
}

void PollLoop::run(const std::atomic<bool>& stop) noexcept {
  unsigned empty_polls = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    if (!flush_all()) continue;
    now_ = time_since_start();
    unsigned handled = send_due();
    if (!flush_replies()) continue;
    handled += send_timed();
    if (!flush_replies()) continue;
    // All that is forged for the replies so far comes before the next ones, so the ratio holds.
    if (const unsigned forged = send_forged(); forged > 0) {
      empty_polls = 0;
      continue;
    }
    handled += receive();
    if (parts_.flood != nullptr) handled += send_flood();
    if (parts_.router != nullptr) {
      handled += receive_uplink();
      send_router_frames();
    }
    if (handled == 0 && parts_.record != nullptr) parts_.record->settle_some(parts_.counters);
    // A peer that is about to write is held up by every look at its ring; and a full burst costs
    // less than its parts.
    if (handled < kBurst / 2) {
      for (unsigned i = 0; i < kPausesBetweenLooks; ++i) rte_pause();
    }
    empty_polls = handled == 0 ? empty_polls + 1 : 0;
    if (parts_.naps && empty_polls > kEmptyPollsBeforeNap) {
      const bool is_quiet = empty_polls > kEmptyPollsBeforeSleep && parts_.queue.size() == 0;
      const timespec nap{0, is_quiet ? kSleepNanoseconds : kNapNanoseconds};
      nanosleep(&nap, nullptr);
    }
  }
}

// A burst of two frames costs the link and its peer about as much as one of twenty.
bool PollLoop::flush_replies() noexcept {
  // What the link refused goes before anything else is taken.
  const bool may_wait = replies_.refusals == 0 && replies_.size() < kFewReplies;
  if (may_wait && bursts_waited_ < kBurstsToWait) return true;
  if (!flush(replies_)) return false;
  bursts_waited_ = 0;
  return true;
}

bool PollLoop::flush(Output& output) noexcept {
  if (output.size() == 0) return true;
  const std::uint16_t taken =
      rte_eth_tx_burst(output.link->port(), 0, output.frames.data() + output.first, output.size());
  parts_.counters.add(output.sent, taken);
  output.first = static_cast<std::uint16_t>(output.first + taken);
  if (output.size() != 0) {
    parts_.counters.add(Counter::TxRetries);
    if (++output.refusals % kRefusalsBetweenLinkChecks != 0 || output.link->is_up()) return false;
    parts_.counters.add(output.discarded, output.size());
    rte_pktmbuf_free_bulk(output.frames.data() + output.first, output.size());
  }
  output.first = 0;
  output.last = 0;
  output.refusals = 0;
  return true;
}

bool PollLoop::flush_all() noexcept {
  const bool replies = flush_replies();
  const bool returned = flush(returned_);
  const bool uplink = flush(uplink_);
  const bool forged = flush(forged_);
  return replies && returned && uplink && forged;
}

unsigned PollLoop::send_due() noexcept {
  unsigned sent = 0;
  while (sent < kBurst && parts_.queue.size() > 0) {
    if (spare_ == nullptr) spare_ = rte_pktmbuf_alloc(parts_.link.tx_pool(0));
    if (spare_ == nullptr) break;  // The driver still holds every buffer: the reply waits.
    const std::size_t length = parts_.queue.pop(buffer_of(spare_), now_);
    if (length == 0) break;
    set_length(spare_, length);
    replies_.push(spare_);
    spare_ = nullptr;
    ++sent;
  }
  return sent;
}

unsigned PollLoop::send_timed() noexcept {
  unsigned handled = 0;
  while (handled < kBurst) {
    if (timed_spare_ == nullptr) timed_spare_ = rte_pktmbuf_alloc(parts_.link.tx_pool(0));
    if (timed_spare_ == nullptr) break;
    const auto answer = parts_.responder.emit(buffer_of(timed_spare_), now_);
    if (!answer) break;
    ++handled;
    if (answer->action != Action::Reply) continue;
    if (answer->delay.count() == 0) {
      set_length(timed_spare_, answer->length);
      replies_.push(timed_spare_);
      timed_spare_ = nullptr;
    } else if (!parts_.queue.push(buffer_of(timed_spare_).first(answer->length),
                                  now_ + answer->delay)) {
      parts_.counters.add(Counter::QueueOverflow);
    }
  }
  return handled;
}

unsigned PollLoop::send_forged() noexcept {
  Forger& forger = parts_.responder.forger();
  const unsigned owed = forger.owed(kBurst);
  if (owed == 0 ||
      rte_pktmbuf_alloc_bulk(parts_.link.tx_pool(0), forged_.frames.data(), owed) != 0) {
    return 0;
  }
  for (; forged_.last < owed; ++forged_.last) {
    rte_mbuf* const frame = forged_.frames[forged_.last];
    set_length(frame, forger.write(buffer_of(frame)));
  }
  return owed;
}

unsigned PollLoop::send_flood() noexcept {
  ReplyFlood& flood = *parts_.flood;
  if (flood.empty() || replies_.size() != 0 || now_ - last_received_ < kQuietBeforeFlood ||
      rte_pktmbuf_alloc_bulk(parts_.link.tx_pool(0), replies_.frames.data(), kBurst) != 0) {
    return 0;
  }
  Forger& forger = parts_.responder.forger();
  for (; replies_.last < kBurst; ++replies_.last) {
    rte_mbuf* const frame = replies_.frames[replies_.last];
    set_length(frame, flood.write(buffer_of(frame)));
    if (forger.is_active()) forger.note(buffer_of(frame).first(frame->data_len));
  }
  parts_.counters.add(Counter::RepliesMade, kBurst);
  parts_.counters.add(Counter::FloodReplies, kBurst);
  return kBurst;
}

unsigned PollLoop::receive() noexcept {
  std::array<rte_mbuf*, kBurst> frames;
  const std::uint16_t count = rte_eth_rx_burst(parts_.link.port(), 0, frames.data(), kBurst);
  constexpr std::uint16_t kAhead = 4;
  for (std::uint16_t i = 0; i < count && i < kAhead; ++i) {
    rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
  }
  if (count > 0) last_received_ = now_;
  bursts_waited_ = count == kBurst ? bursts_waited_ + 1 : kBurstsToWait;
  for (std::uint16_t i = 0; i < count; ++i) {
    if (i + kAhead < count) rte_prefetch0(rte_pktmbuf_mtod(frames[i + kAhead], void*));
    if (parts_.record != nullptr) {
      parts_.record->note({rte_pktmbuf_mtod(frames[i], const std::byte*), frames[i]->data_len},
                          parts_.counters);
    }
    handle(frames[i]);
  }
  rte_pktmbuf_free_bulk(unanswered_.data(), unanswered_count_);
  unanswered_count_ = 0;
  return count;
}

void PollLoop::handle(rte_mbuf* frame) noexcept {
  // A frame in several pieces is longer than any the responder answers; its first piece does not
  // hold what the IP header promises, so it counts as malformed.
  const std::span<std::byte> buffer = buffer_of(frame);
  const Answer answer = parts_.responder.answer(buffer, frame->data_len, now_);
  if (answer.action == Action::Ignore) {
    unanswered_[unanswered_count_++] = frame;
  } else if (answer.action == Action::Forward) {
    const bool goes_out =
        parts_.router != nullptr &&
        parts_.router->from_scanner(buffer.first(answer.length), now_) == Route::ToUplink;
    if (goes_out) {
      set_length(frame, answer.length);
      uplink_.push(frame);
    } else {
      unanswered_[unanswered_count_++] = frame;
    }
  } else if (answer.delay.count() == 0) {
    set_length(frame, answer.length);
    if (parts_.flood != nullptr) parts_.flood->keep(buffer.first(answer.length));
    replies_.push(frame);
  } else {
    if (!parts_.queue.push(buffer.first(answer.length), now_ + answer.delay)) {
      parts_.counters.add(Counter::QueueOverflow);
    }
    unanswered_[unanswered_count_++] = frame;
  }
}

unsigned PollLoop::receive_uplink() noexcept {
  if (returned_.size() != 0) return 0;
  std::array<rte_mbuf*, kBurst> frames;
  const std::uint16_t count = rte_eth_rx_burst(parts_.uplink->port(), 0, frames.data(), kBurst);
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* const frame = frames[i];
    std::size_t length = frame->data_len;
    const Route route = parts_.router->from_uplink(buffer_of(frame), length);
    if (route == Route::Done) {
      rte_pktmbuf_free(frame);
      continue;
    }
    set_length(frame, length);
    (route == Route::ToScanner ? returned_ : uplink_).push(frame);
  }
  return count;
}

void PollLoop::send_router_frames() noexcept {
  while (std::size_t{uplink_.last} + 2 * kBurst < kOutputSize) {
    if (uplink_spare_ == nullptr) uplink_spare_ = rte_pktmbuf_alloc(parts_.uplink->tx_pool(0));
    if (uplink_spare_ == nullptr) return;
    const std::size_t length = parts_.router->next_output(buffer_of(uplink_spare_), now_);
    if (length == 0) return;
    set_length(uplink_spare_, length);
    uplink_.push(uplink_spare_);
    uplink_spare_ = nullptr;
  }
}

}  // namespace trawl::simnet
