#include <algorithm>

#include "service/version/port_inquiry.h"

// Of UDP: answers that come after the wait of their probe. Nmap has one socket for all probes and
// takes an answer for one to the probe that it is at. Here each probe has a socket of its own, so
// it is known how late the answer is, and thereby which probe Nmap would be at.

namespace trawl::service {

void PortInquiry::take_nothing(SteadyTime now, Attempt& attempt) {
  Slot& slot = slots_[attempt.slot];
  if (port_.transport != Transport::Udp || slot.state != Slot::State::Running) return;
  slot.was_empty = true;
  // Nmap goes on with the next probe.
  end_slot(now, attempt.slot, false);
  advance(now);
}

void PortInquiry::linger(SteadyTime now, Attempt& attempt) {
  // As long as Nmap would still be asking.
  SteadyTime::duration left{0};
  for (std::size_t at = attempt.slot; at < slots_.size() && left < kLinger; ++at) {
    if (may_ask(slots_[at])) left += wait_of(slots_[at]);
  }
  const SteadyTime until = attempt.connected_at + std::min<SteadyTime::duration>(left, kLinger);
  const std::uint32_t number = attempt.number;
  if (until <= now) {
    close(now, number);
    return;
  }
  attempt.lingers_until = until;
  InquiryCommand command;
  command.kind = InquiryCommand::Kind::Linger;
  command.attempt = number;
  commands_.push_back(std::move(command));
}

void PortInquiry::take_late(SteadyTime now, const Attempt& attempt, std::string_view bytes) {
  SteadyTime::duration late = now - attempt.connected_at;
  std::size_t at = attempt.slot;
  while (at < slots_.size() && (!may_ask(slots_[at]) || late >= wait_of(slots_[at]))) {
    if (may_ask(slots_[at])) late -= wait_of(slots_[at]);
    ++at;
  }
  if (at < slots_.size() && !bytes.empty() && !slots_[at].hard) {
    Slot& slot = slots_[at];
    answered_ = true;
    slot.response += bytes.substr(0, kMostResponse - slot.response.size());
  }
  advance(now);
}

void PortInquiry::end_lingering(SteadyTime now) {
  for (std::size_t at = attempts_.size(); at > 0 && !finding_; --at) {
    const Attempt& attempt = attempts_[at - 1];
    if (!attempt.lingers_until) continue;
    if (*attempt.lingers_until <= now) {
      close(now, attempt.number);
    } else {
      wake_by(*attempt.lingers_until);
    }
  }
}

SteadyTime::duration PortInquiry::wait_of(const Slot& slot) const noexcept {
  if (slot.was_empty) return SteadyTime::duration{0};
  return file_.probes[slot.probe].total_wait;
}

std::size_t PortInquiry::active() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      attempts_, [](const Attempt& attempt) { return !attempt.lingers_until; }));
}

}  // namespace trawl::service
