#include "service/version/port_inquiry.h"

#include <limits>
#include <utility>

#include "service/probes/probe_order.h"

namespace trawl::service {

namespace {

constexpr unsigned kRarest = 9;
constexpr std::size_t kEndless = std::numeric_limits<std::size_t>::max();
// What a server has to notice that a connection is closed.
constexpr std::chrono::milliseconds kRest{100};

}  // namespace

PortInquiry::PortInquiry(const ProbeFile& file, ServicePort port, InquiryRules rules)
    : file_{file}, port_{std::move(port)}, rules_{std::move(rules)} {
  if (rules_.is_strict || rules_.parallelism == 0) rules_.parallelism = 1;
  // Sockets of UDP do not know of one another.
  if (port_.transport == Transport::Udp) rooms_ = kEndless;
}

void PortInquiry::begin(SteadyTime now) {
  const PortSet& excluded =
      port_.transport == Transport::Tcp ? file_.excluded_tcp : file_.excluded_udp;
  if (!rules_.all_ports && excluded.contains(port_.port)) {
    ServiceFinding finding;
    finding.outcome = ServiceFinding::Outcome::Excluded;
    finish(now, std::move(finding));
    return;
  }
  begin_phase(false);
  advance(now);
}

void PortInquiry::begin_phase(bool is_tls) {
  is_tls_ = is_tls;
  told_soft_ = false;
  slots_.clear();
  if (port_.transport == Transport::Tcp && file_.null_probe) {
    Slot& slot = slots_.emplace_back();
    slot.probe = *file_.null_probe;
    slot.is_null = true;
    slot.is_usual = true;
  }
  // A soft match takes in rarer probes, so all are here.
  for (const std::size_t at : probe_order(file_, port_.transport, port_.port, is_tls, kRarest)) {
    const Probe& probe = file_.probes[at];
    Slot& slot = slots_.emplace_back();
    slot.probe = at;
    slot.is_listed = (is_tls ? probe.tls_ports : probe.ports).contains(port_.port);
    slot.is_usual = slot.is_listed || probe.rarity <= rules_.intensity;
  }
}

void PortInquiry::connected(SteadyTime now, std::uint32_t attempt) {
  Attempt* const found = find(attempt);
  if (!found || found->is_connected) return;
  found->is_connected = true;
  found->connected_at = now;
  was_connected_ = true;
  if (port_.transport == Transport::Tcp) answered_ = true;
  run_on(now, *found, found->slot);
  advance(now);
}

void PortInquiry::not_connected(SteadyTime now, std::uint32_t attempt, std::string_view trouble) {
  Attempt* const found = find(attempt);
  if (!found) return;
  Slot& slot = slots_[found->slot];
  close(now, attempt);
  if (!attempts_.empty()) {
    // One at a time, then.
    slot.forget();
    go_serial(now);
  } else {
    slot.state = Slot::State::Ended;
    slot.deadline = SteadyTime::max();
    is_aborted_ = true;
    trouble_ = trouble;
  }
  advance(now);
}

void PortInquiry::data(SteadyTime now, std::uint32_t attempt, std::string_view bytes) {
  Attempt* const found = find(attempt);
  if (!found) return;
  if (found->lingers_until) return take_late(now, *found, bytes);
  if (bytes.empty()) return take_nothing(now, *found);
  answered_ = true;
  const std::size_t older = older_than(attempt);
  Slot& slot = slots_[found->slot];
  slot.response += bytes.substr(0, kMostResponse - slot.response.size());
  slot.active_at = now;
  if (slot.response.size() >= kEnough) {
    const bool waits = !rules_.is_strict && slot.response.size() < kMostResponse;
    slot.deadline = std::min(slot.deadline, waits ? now + kTail : now);
  }
  if (older > 0) {
    // It may only say that others are served: what it means by it shows later.
    slot.spoke_behind = std::max(slot.spoke_behind, older);
  } else if (slot.is_alone && !slot.doubted.empty() && !is_heard(slot.doubted_older)) {
    // Whether it says the same when it is alone.
    constexpr std::size_t kAlike = 4;
    const std::string_view own = std::string_view{slot.response}.substr(slot.inherited, kAlike);
    if (slot.doubted.starts_with(own)) {
      prove(slot.doubted_older);
    } else {
      go_serial(now);
    }
  } else if (slot.is_repeated && !is_heard(1)) {
    // It was silent on a connection of its own, behind this one.
    go_serial(now);
  }
  advance(now);
}

void PortInquiry::ended(SteadyTime now, std::uint32_t attempt) {
  if (Attempt* const found = find(attempt)) {
    const Slot& slot = slots_[found->slot];
    const bool is_of_slot = found->is_connected && !found->lingers_until;
    if (is_of_slot && slot.state == Slot::State::Running) {
      end_slot(now, found->slot, true);
    } else {
      close(now, attempt);
    }
    advance(now);
  }
}

void PortInquiry::matched(SteadyTime now, std::uint32_t ticket, std::optional<LineMatch> match) {
  const auto slot = std::ranges::find(slots_, ticket, &Slot::ticket);
  if (ticket == 0 || finding_ || slot == slots_.end()) return;
  slot->ticket = 0;
  if (match) prove(slot->spoke_behind);
  if (match && match->is_soft) {
    if (!slot->soft) slot->soft = std::make_unique<LineMatch>(std::move(*match));
  } else if (match) {
    slot->hard = std::make_unique<LineMatch>(std::move(*match));
    if (slot->state == Slot::State::Running) {
      slot->state = Slot::State::Ended;
      close(now, slot->attempt);
    }
  }
  advance(now);
}

void PortInquiry::tick(SteadyTime now) { advance(now); }

std::vector<InquiryCommand> PortInquiry::take_commands() { return std::exchange(commands_, {}); }

std::vector<PortInquiry::Listening> PortInquiry::listens() const {
  std::vector<Listening> all;
  for (const Attempt& attempt : attempts_) {
    const Slot& slot = slots_[attempt.slot];
    if (attempt.lingers_until) {
      all.push_back({attempt.number, *attempt.lingers_until});
      continue;
    }
    if (!attempt.is_connected || slot.ticket != 0) continue;
    const bool has_end = slot.state == Slot::State::Running && !is_in_shadow(slot);
    all.push_back({attempt.number, has_end ? slot.deadline : SteadyTime::max()});
  }
  return all;
}

void PortInquiry::end_overdue(SteadyTime now) {
  for (std::size_t at = 0; at < slots_.size() && !finding_; ++at) {
    const Slot& slot = slots_[at];
    if (slot.state == Slot::State::Running && slot.deadline <= now && !is_in_shadow(slot)) {
      end_slot(now, at, false);
    }
  }
}

void PortInquiry::end_slot(SteadyTime now, std::size_t at, bool was_closed) {
  Slot& slot = slots_[at];
  Attempt& attempt = *find(slot.attempt);
  const SteadyTime connected_at = attempt.connected_at;
  slot.state = Slot::State::Ended;
  slot.was_closed = was_closed;
  slot.older = older_than(attempt.number);
  if (!was_closed) prove(slot.spoke_behind);
  const bool is_udp = port_.transport == Transport::Udp;
  // Nmap goes on with the connection that NULL listened on, and with the socket of UDP.
  attempt.is_idle =
      is_udp ? rules_.is_strict : slot.is_null && !was_closed && slot.response.size() < kEnough;
  if (is_udp && !rules_.is_strict && !was_closed) {
    linger(now, attempt);
  } else if (!attempt.is_idle) {
    const bool is_lonely = attempts_.size() == 1;
    close(now, attempt.number);
    if (!slot.is_answered() && !is_lonely && take_doubts(now, at)) return;
  }
  // It was closed beside others, and is not where it is alone.
  if (slot.is_alone && !slot.is_answered() && !was_closed) go_serial(now);
  if (slot.is_null && was_closed && !slot.is_answered() && !is_tls_ &&
      now - connected_at < file_.probes[slot.probe].wrapped_wait) {
    if (slot.attempt != last_attempt_) {
      // Others were open meanwhile, and some servers end all connections with one.
      start_over(now);
      return;
    }
    ServiceFinding finding;
    finding.outcome = ServiceFinding::Outcome::Wrapped;
    finding.name = "tcpwrapped";
    finish(now, std::move(finding));
  }
}

bool PortInquiry::take_doubts(SteadyTime now, std::size_t at) {
  Slot& slot = slots_[at];
  if (!slot.was_closed || is_heard(slot.is_null ? 1 : slot.older)) return false;
  if (slot.is_null) {
    // Perhaps it gave way to the newer connections.
    start_over(now);
    return true;
  }
  slot.is_doubtful = true;
  return true;
}

void PortInquiry::open(SteadyTime now, std::size_t at) {
  InquiryCommand command;
  command.kind = InquiryCommand::Kind::Open;
  command.attempt = ++last_attempt_;
  command.is_tls = is_tls_;
  command.is_extra = active() > 0;
  command.probe = slots_[at].probe;
  Attempt& attempt = attempts_.emplace_back();
  attempt.number = last_attempt_;
  attempt.asked_at = now;
  attempt.slot = at;
  slots_[at].state = Slot::State::Running;
  slots_[at].attempt = attempt.number;
  commands_.push_back(std::move(command));
}

void PortInquiry::run_on(SteadyTime now, Attempt& attempt, std::size_t at) {
  Slot& slot = slots_[at];
  slot.state = Slot::State::Running;
  slot.attempt = attempt.number;
  slot.active_at = now;
  slot.deadline = now + file_.probes[slot.probe].total_wait;
  attempt.slot = at;
  attempt.is_idle = false;
  InquiryCommand command;
  command.kind = InquiryCommand::Kind::Send;
  command.attempt = attempt.number;
  command.is_tls = is_tls_;
  command.probe = slot.probe;
  commands_.push_back(std::move(command));
}

void PortInquiry::close(SteadyTime now, std::uint32_t attempt) {
  const auto found = std::ranges::find(attempts_, attempt, &Attempt::number);
  if (found == attempts_.end()) return;
  // What it leaves room for.
  const bool had_room = is_heard(older_than(attempt));
  const bool was_connected = found->is_connected;
  attempts_.erase(found);
  closed_at_ = now;
  InquiryCommand command;
  command.kind = InquiryCommand::Kind::Close;
  command.attempt = attempt;
  commands_.push_back(std::move(command));
  // A server that takes so many connections at a time turns to the next one now.
  if (!had_room || !was_connected) return;
  for (const Attempt& next : attempts_) {
    if (next.is_connected && next.number > attempt && older_than(next.number) + 1 == rooms_) {
      give_turn(now, next);
    }
  }
}

void PortInquiry::give_turn(SteadyTime now, const Attempt& attempt) {
  Slot& slot = slots_[attempt.slot];
  if (slot.state != Slot::State::Running || slot.is_answered() ||
      slot.deadline == SteadyTime::max()) {
    return;
  }
  const Probe& probe = file_.probes[slot.probe];
  constexpr unsigned kUsual = 1;
  const SteadyTime::duration turn =
      slot.is_listed || probe.rarity <= kUsual
          ? SteadyTime::duration{probe.total_wait}
          : std::max<SteadyTime::duration>(kTurn, 4 * attempt.round_trip());
  slot.deadline = std::max(slot.deadline, now + turn);
}

void PortInquiry::abandon(SteadyTime now, std::size_t at) {
  Slot& slot = slots_[at];
  if (slot.state == Slot::State::Running) close(now, slot.attempt);
  slot.forget();
}

// One connection at a time, whatever the server has proven; nothing said so far counts.
void PortInquiry::start_over(SteadyTime now) {
  is_serial_ = true;
  rooms_ = 1;
  for (std::size_t at = 0; at < slots_.size(); ++at) abandon(now, at);
}

// What was said beside others does not count any more, unless the server has proven that it can.
void PortInquiry::go_serial(SteadyTime now) {
  is_serial_ = true;
  for (std::size_t at = 0; at < slots_.size(); ++at) {
    const Slot& slot = slots_[at];
    const std::size_t older =
        slot.state == Slot::State::Running ? older_than(slot.attempt) : slot.older;
    if (!is_heard(older) && !slot.is_answered()) abandon(now, at);
  }
}

bool PortInquiry::must_rest(SteadyTime now) {
  if (rules_.is_strict || is_heard(1) || closed_at_ == SteadyTime::min()) return false;
  if (now < closed_at_ + kRest) wake_by(closed_at_ + kRest);
  return now < closed_at_ + kRest;
}

PortInquiry::Attempt* PortInquiry::find(std::uint32_t attempt) noexcept {
  const auto found = std::ranges::find(attempts_, attempt, &Attempt::number);
  return found == attempts_.end() || finding_ ? nullptr : &*found;
}

PortInquiry::Attempt* PortInquiry::idle() noexcept {
  const auto found = std::ranges::find(attempts_, true, &Attempt::is_idle);
  return found == attempts_.end() ? nullptr : &*found;
}

bool PortInquiry::is_in_shadow(const Slot& slot) const noexcept {
  return !slot.is_answered() && !is_heard(older_than(slot.attempt));
}

std::size_t PortInquiry::older_than(std::uint32_t attempt) const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(attempts_, [&](const Attempt& other) {
    return other.is_connected && other.number < attempt;
  }));
}

void PortInquiry::prove(std::size_t older) noexcept { rooms_ = std::max(rooms_, older + 1); }

}  // namespace trawl::service
