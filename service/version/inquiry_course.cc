#include <algorithm>
#include <tuple>
#include <utility>

#include "service/version/port_inquiry.h"
#include "service/version/speaking_order.h"

namespace trawl::service {

void PortInquiry::advance(SteadyTime now) {
  for (bool again = true; again && !finding_;) {
    wakes_at_ = SteadyTime::max();
    const bool was_tls = is_tls_;
    end_overdue(now);
    end_lingering(now);
    if (finding_) return;
    cut_null(now);
    const bool may_start = review(now);
    if (may_start && !finding_) start_more(now);
    again = is_tls_ != was_tls;
  }
  if (finding_) {
    wakes_at_ = SteadyTime::max();
    return;
  }
  // A match under way wakes by itself.
  for (const Slot& slot : slots_) {
    const bool waits = slot.state == Slot::State::Running && slot.ticket == 0;
    if (waits && !is_in_shadow(slot)) wake_by(slot.deadline);
  }
}

// Walks through what was asked in Nmap's order, up to the first answer that ends it.
bool PortInquiry::review(SteadyTime now) {
  soft_slot_.reset();
  soft_service_.clear();
  second_.reset();
  waiting_.clear();
  asked_.clear();
  bool all_over = true;
  bool probes_over = true;  // NULL aside.
  for (std::size_t at = 0; at < slots_.size(); ++at) {
    Slot& slot = slots_[at];
    if (!may_ask(slot)) {
      if (slot.state != Slot::State::Waiting) abandon(now, at);
      continue;
    }
    if (!slot.is_null && !second_) second_ = at;
    if (slot.state == Slot::State::Waiting) {
      if (is_aborted_) continue;
      waiting_.push_back(at);
      all_over = false;
      probes_over = false;
      continue;
    }
    want_match(at);
    asked_.push_back(at);
    if (slot.seems_turned_away()) slot.is_doubtful = true;
    if (slot.is_doubtful && (is_heard(slot.older) || is_aborted_)) slot.is_doubtful = false;
    if (slot.is_doubtful && all_over) {
      ask_alone(now, at);
      return false;
    }
    if (slot.hard && slot.ticket == 0) {
      // The ones before it may still be asked.
      if (!all_over && !(probes_over && may_outrun_null(now, slot))) return !waiting_.empty();
      finish_matched(now, slot);
      return false;
    }
    if (slot.soft && !soft_slot_) {
      soft_slot_ = at;
      soft_service_ = slot.soft->service;
      if (all_over && !std::exchange(told_soft_, true)) tell(slot, *slot.soft);
    }
    all_over = all_over && is_over(slot);
    probes_over = probes_over && (slot.is_null || is_over(slot));
  }
  // Late answers may come yet.
  if (all_over && active() == attempts_.size()) finish_unmatched(now);
  return !all_over;
}

bool PortInquiry::may_ask(const Slot& slot) const {
  if (slot.is_null || (soft_service_.empty() && slot.is_usual)) return true;
  if (soft_service_.empty()) return false;
  constexpr unsigned kAll = 9;
  return rules_.intensity >= kAll || file_.probes[slot.probe].can_match(soft_service_);
}

bool PortInquiry::is_over(const Slot& slot) const noexcept {
  return slot.state == Slot::State::Ended && slot.ticket == 0 && !slot.is_doubtful;
}

// Has the response looked at where it grew. Any service's lines count, whatever matched softly
// before: so they do for Nmap 7.93.
void PortInquiry::want_match(std::size_t at) {
  Slot& slot = slots_[at];
  if (slot.ticket != 0 || slot.hard || !slot.is_answered()) return;
  if (slot.matched == slot.response.size()) return;
  slot.matched = slot.response.size();
  slot.ticket = ++last_ticket_;
  InquiryCommand command;
  command.kind = InquiryCommand::Kind::Match;
  command.probe = slot.probe;
  command.ticket = slot.ticket;
  command.response = slot.response;
  commands_.push_back(std::move(command));
}

// An answer of a protocol whose servers speak only when they are asked, after a short silence of
// NULL: no banner can follow.
bool PortInquiry::may_outrun_null(SteadyTime now, const Slot& slot) {
  const Slot& null = slots_.front();
  if (rules_.is_strict || !null.is_null || null.state != Slot::State::Running ||
      null.is_answered()) {
    return false;
  }
  const bool is_meant = slot.is_listed || is_tls_;
  if (!leads_to_tls(*slot.hard) && !(is_meant && speaks_only_when_asked(slot.hard->service))) {
    return false;
  }
  const Attempt* const attempt = find(null.attempt);
  if (!attempt) return false;
  const SteadyTime when =
      null.active_at + std::max<SteadyTime::duration>(kGrace, 3 * attempt->round_trip());
  if (now < when) wake_by(when);
  return now >= when;
}

// A whole line that matched softly, and silence after it: no more of it is waited for. What comes
// late is part of the next answer, as it is on the same connection.
void PortInquiry::cut_null(SteadyTime now) {
  if (rules_.is_strict || slots_.empty()) return;
  const Slot& null = slots_.front();
  if (!null.is_null || null.state != Slot::State::Running || !null.soft || null.ticket != 0 ||
      null.matched != null.response.size() || !null.response.ends_with('\n')) {
    return;
  }
  const Attempt* const attempt = find(null.attempt);
  if (!attempt) return;
  const SteadyTime when =
      null.active_at + std::max<SteadyTime::duration>(kLineGrace, 3 * attempt->round_trip());
  if (now >= when) {
    end_slot(now, 0, false);
  } else {
    wake_by(when);
  }
}

void PortInquiry::start_more(SteadyTime now) {
  const bool is_single = is_serial_ || rules_.parallelism == 1;
  if (idle() != nullptr && use_idle(now)) {
    // Its silence leaves time for the one after it.
    if (!is_single && active() < rules_.parallelism) std::ignore = is_quiet(now);
    return;
  }
  for (const std::size_t at : waiting_) {
    // The server speaks first: the first probe is for the connection that it spoke on.
    const Slot& null = slots_.front();
    if (at == second_ && null.is_null && null.state == Slot::State::Running && null.is_answered()) {
      continue;
    }
    if (active() >= (is_single ? 1 : rules_.parallelism)) return;
    if (is_single ? active() > 0 : !is_quiet(now)) return;
    if (is_serial_ && must_rest(now)) return;
    open(now, at);
    return;
  }
}

bool PortInquiry::use_idle(SteadyTime now) {
  Attempt& attempt = *idle();
  const Slot& before = slots_[attempt.slot];
  if (before.ticket != 0) return true;
  const std::optional<std::size_t> next = before.is_null     ? second_
                                          : waiting_.empty() ? std::nullopt
                                                             : std::optional{waiting_.front()};
  const std::uint32_t number = attempt.number;
  if (!next) {
    close(now, number);
    return false;
  }
  Slot& slot = slots_[*next];
  const bool is_new = slot.state == Slot::State::Waiting;
  const bool is_silent = !slot.is_answered() && !is_heard(1) && !slot.was_closed;
  if (!is_new && !is_silent) {
    close(now, number);
    return false;
  }
  if (!is_new) {
    abandon(now, *next);
    slot.is_repeated = true;
  }
  if (before.is_null) {
    slot.response = before.response;
    slot.inherited = slot.response.size();
  }
  run_on(now, *find(number), *next);
  return true;
}

// No other connection is open then.
void PortInquiry::ask_alone(SteadyTime now, std::size_t at) {
  for (std::size_t other = at + 1; other < slots_.size(); ++other) {
    if (slots_[other].state == Slot::State::Running) abandon(now, other);
  }
  Attempt* const attempt = idle();
  const bool is_same = attempt != nullptr && at == second_;
  if (attempt != nullptr && !is_same) close(now, attempt->number);
  if (!is_same && must_rest(now)) return;
  Slot& slot = slots_[at];
  std::string doubted = slot.response.substr(slot.inherited);
  const std::size_t older = slot.older;
  slot.forget();
  slot.is_alone = true;
  slot.doubted = std::move(doubted);
  slot.doubted_older = older;
  if (!is_same) {
    open(now, at);
    return;
  }
  const Slot& before = slots_[attempt->slot];
  slot.response = before.response;
  slot.inherited = slot.response.size();
  run_on(now, *attempt, at);
}

bool PortInquiry::is_quiet(SteadyTime now) {
  for (const Attempt& attempt : attempts_) {
    const Slot& slot = slots_[attempt.slot];
    if (attempt.lingers_until) continue;
    if (!attempt.is_connected || slot.ticket != 0 || slot.is_alone) return false;
    const SteadyTime when =
        slot.active_at + std::max<SteadyTime::duration>(kHeadStart, 2 * attempt.round_trip());
    if (now < when) {
      wake_by(when);
      return false;
    }
  }
  return true;
}

}  // namespace trawl::service
