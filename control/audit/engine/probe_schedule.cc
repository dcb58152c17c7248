#include "control/audit/engine/probe_schedule.h"

#include <algorithm>

namespace trawl::control {
namespace {

constexpr unsigned kMostCounted = 60'000;  // Attempts a slot can count.
constexpr unsigned kUnfairPasses = 6;      // Attempts in an overload, for each that is allowed.

}  // namespace

ProbeSchedule::ProbeSchedule(const Limits& limits)
    : limits_{limits}, slots_(limits.probes), unanswered_{limits.probes} {
  if (limits.has_outside_ping) ping_ = kOutside;
}

bool ProbeSchedule::may_retry(const Slot& slot, unsigned needed) const noexcept {
  const unsigned total = limits_.strict
                             ? limits_.most_attempts
                             : std::min(limits_.most_attempts * kUnfairPasses, kMostCounted);
  return slot.fair < std::min(needed, limits_.most_attempts) && slot.attempts < total;
}

void ProbeSchedule::call_from_bench(unsigned needed) {
  if (needed <= bench_needed_ || bench_.empty()) return;
  bench_needed_ = needed;
  std::erase_if(bench_, [&](std::uint32_t index) {
    Slot& slot = slots_[index];
    if (slot.status != Status::Benched) return true;
    if (!may_retry(slot, needed)) return false;
    slot.status = Status::Waiting;
    retries_.push_back(index);
    return true;
  });
}

bool ProbeSchedule::is_done(unsigned needed) {
  if (unanswered_ == 0) return true;
  if (next_fresh_ < slots_.size()) return false;
  call_from_bench(needed);
  while (!retries_.empty() && slots_[retries_.front()].status != Status::Waiting) {
    retries_.pop_front();
  }
  return retries_.empty() && !next_deadline();
}

std::optional<ProbeSchedule::Send> ProbeSchedule::next(unsigned needed, unsigned quiet_after) {
  if (unanswered_ == 0) return std::nullopt;
  if (limits_.pings && ping_ && quiet_ >= quiet_after) {
    const unsigned attempt = *ping_ == kOutside ? outside_attempts_ : slots_[*ping_].attempts;
    return Send{*ping_, attempt, true};
  }
  while (!retries_.empty() && slots_[retries_.front()].status != Status::Waiting) {
    retries_.pop_front();
  }
  const bool has_fresh = next_fresh_ < slots_.size();
  if (!has_fresh && retries_.empty()) call_from_bench(needed);
  // Repeats tell of losses early, first probes find more.
  const bool retry = !retries_.empty() && (!has_fresh || ++turn_ % 4 == 0);
  if (retry) return Send{retries_.front(), slots_[retries_.front()].attempts, false};
  if (!has_fresh) return std::nullopt;
  return Send{next_fresh_, 0, false};
}

void ProbeSchedule::sent(const Send& send, Moment now, Moment deadline) {
  if (send.index == kOutside) {
    quiet_ = 0;
    pings_.push_back({deadline, now, send.index, outside_attempts_});
    ++outside_attempts_;
    return;
  }
  Slot& slot = slots_[send.index];
  ++quiet_;
  if (send.is_ping) {
    quiet_ = 0;
  } else if (slot.status == Status::Fresh) {
    slot.status = Status::Flying;
    skip_done();
  } else {
    retries_.pop_front();
    slot.status = Status::Flying;
  }
  slot.previous = slot.sent;
  slot.sent = now;
  if (!send.is_ping) ++sent_;
  const Flight flight{deadline, now, send.index, slot.attempts};
  if (send.is_ping) {
    pings_.push_back(flight);
  } else {
    flights_.push(flight);
  }
  if (slot.attempts < kMostCounted + 1) ++slot.attempts;
}

bool ProbeSchedule::drop(std::uint32_t index) noexcept {
  Slot& slot = slots_[index];
  if (slot.status == Status::Done) return false;
  const bool flew = slot.status == Status::Flying;
  forget_silence(slot);
  slot.status = Status::Done;
  --unanswered_;
  skip_done();
  return flew;
}

void ProbeSchedule::forgive(Moment since) {
  for (Slot& slot : slots_) {
    if (slot.status != Status::Done && slot.sent > since) slot.fair = 0;
  }
  bench_needed_ = 0;
}

// Fresh probes that were dropped are passed over.
void ProbeSchedule::skip_done() noexcept {
  while (next_fresh_ < slots_.size() && slots_[next_fresh_].status != Status::Fresh) ++next_fresh_;
}

std::optional<ProbeSchedule::Answer> ProbeSchedule::ping_answered(std::uint32_t index, int number,
                                                                  Moment now) {
  for (auto flight = pings_.begin(); flight != pings_.end(); ++flight) {
    if (flight->index != index) continue;
    if (number >= 0 && flight->attempt % kAttemptNumbers != static_cast<unsigned>(number)) continue;
    const Moment sent = flight->sent;
    pings_.erase(flight);
    deaf_pings_ = 0;
    return Answer{.is_first = false,
                  .was_in_flight = true,
                  .hit = {.sent_at = sent, .attempt = 1, .is_ping = true},
                  .rtt = now - sent};
  }
  return std::nullopt;
}

std::optional<ProbeSchedule::Answer> ProbeSchedule::answered(std::uint32_t index, int number,
                                                             Moment now) {
  if (index == kOutside) return ping_answered(index, number, now);
  if (index >= slots_.size()) return std::nullopt;
  Slot& slot = slots_[index];
  if (slot.attempts == 0) return std::nullopt;
  if (slot.status == Status::Done) return ping_answered(index, number, now);
  Answer answer{
      .is_first = true, .was_in_flight = slot.status == Status::Flying, .hit = {}, .rtt = {}};
  const unsigned last = slot.attempts - 1U;
  unsigned attempt = last;
  if (number >= 0) {
    const unsigned back = (last - static_cast<unsigned>(number)) % kAttemptNumbers;
    attempt = back <= last ? last - back : last;
  }
  answer.hit.attempt = attempt;
  if (attempt == last) {
    answer.hit.sent_at = slot.sent;
    answer.hit.lost_at = slot.previous;
    // Without a number, a repeated probe's reply may be to any of them: Karn's rule.
    if (number >= 0 || last == 0) answer.rtt = now - slot.sent;
  } else {
    answer.hit.sent_at = slot.previous;
    // Late, not lost.
    if (attempt + 1 == last && slot.previous >= Moment{0}) answer.rtt = now - slot.previous;
  }
  forget_silence(slot);
  slot.status = Status::Done;
  --unanswered_;
  ping_ = index;
  deaf_pings_ = 0;
  quiet_ = 0;
  return answer;
}

std::optional<Moment> ProbeSchedule::rtt_of(std::uint32_t index, int number,
                                            Moment now) const noexcept {
  const Slot& slot = slots_[index];
  if (slot.attempts == 0) return std::nullopt;
  const unsigned last = (slot.attempts - 1U) % kAttemptNumbers;
  if (number < 0 || static_cast<unsigned>(number) == last) return now - slot.sent;
  return std::nullopt;
}

void ProbeSchedule::forget_silence(const Slot& slot) noexcept {
  const bool first_flies = slot.status == Status::Flying && slot.attempts == 1;
  if (slot.status != Status::Fresh && !first_flies && silent_ > 0) --silent_;
}

ProbeSchedule::Work ProbeSchedule::work(unsigned needed, double silence) const noexcept {
  const double repeats_each = std::clamp(needed, 1U, std::max(1U, limits_.most_attempts)) - 1.0;
  const auto size = static_cast<double>(slots_.size());
  const double answered = size - unanswered_;
  const double silent = silent_;
  const double fresh = size - next_fresh_;
  const double flying = std::max(0.0, next_fresh_ - answered - silent);  // For the first time.
  const double repeats = std::max(0.0, static_cast<double>(sent_) - next_fresh_);
  const double share = (silent + silence) / (silent + answered + 1);
  return {.sent = static_cast<double>(sent_),
          .left = fresh + (fresh + flying) * share * repeats_each +
                  std::max(0.0, silent * repeats_each - repeats)};
}

bool ProbeSchedule::is_over(const Flight& flight) const noexcept {
  const Slot& slot = slots_[flight.index];
  return slot.status != Status::Flying || slot.attempts != flight.attempt + 1U;
}

std::optional<Moment> ProbeSchedule::next_deadline() {
  while (!flights_.empty() && is_over(flights_.top())) flights_.pop();
  std::optional<Moment> first;
  if (!flights_.empty()) first = flights_.top().deadline;
  if (!pings_.empty()) first = std::min(first.value_or(Moment::max()), pings_.front().deadline);
  return first;
}

std::optional<ProbeSchedule::Expired> ProbeSchedule::expire(Moment now, Moment fair_since,
                                                            unsigned needed) {
  const auto deadline = next_deadline();
  if (!deadline || *deadline > now) return std::nullopt;
  if (!pings_.empty() && pings_.front().deadline <= now) {
    const Moment sent = pings_.front().sent;
    pings_.erase(pings_.begin());
    constexpr unsigned kDeaf = 8;
    if (++deaf_pings_ == kDeaf) ping_.reset();
    return Expired{true, sent};
  }
  const Flight flight = flights_.top();
  flights_.pop();
  Slot& slot = slots_[flight.index];
  if (flight.attempt == 0) ++silent_;
  if (flight.sent > fair_since && slot.fair < 255) ++slot.fair;
  if (may_retry(slot, needed)) {
    slot.status = Status::Waiting;
    retries_.push_back(flight.index);
  } else {
    slot.status = Status::Benched;
    bench_.push_back(flight.index);
    bench_needed_ = std::min(bench_needed_, needed);
  }
  return Expired{false, flight.sent};
}

}  // namespace trawl::control
