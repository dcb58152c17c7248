#include <algorithm>
#include <utility>

#include "service/version/port_inquiry.h"

namespace trawl::service {

void PortInquiry::finish(SteadyTime now, ServiceFinding&& finding) {
  while (!attempts_.empty()) close(now, attempts_.back().number);
  finding.answered = answered_;
  finding_ = std::move(finding);
}

void PortInquiry::finish_matched(SteadyTime now, const Slot& slot) {
  const LineMatch match = *slot.hard;
  tell(slot, match);
  if (leads_to_tls(match)) {
    while (!attempts_.empty()) close(now, attempts_.back().number);
    begin_phase(true);
    return;
  }
  ServiceFinding finding = finding_of(slot, match);
  // What matched softly before stays where this line says nothing.
  if (const Slot& before = soft_slot_ ? slots_[*soft_slot_] : slot; before.soft) {
    take_over(finding, *before.soft);
  }
  finding.outcome = ServiceFinding::Outcome::Matched;
  finish(now, std::move(finding));
}

bool PortInquiry::leads_to_tls(const LineMatch& match) const noexcept {
  return match.service == "ssl" && !match.is_tls && !is_tls_ && port_.transport == Transport::Tcp;
}

void PortInquiry::finish_unmatched(SteadyTime now) {
  ServiceFinding finding;
  if (soft_slot_) {
    const Slot& slot = slots_[*soft_slot_];
    finding = finding_of(slot, *slot.soft);
    finding.outcome = ServiceFinding::Outcome::SoftMatched;
  } else {
    finding.is_tls = is_tls_;
  }
  for (const std::size_t at : asked_) {
    const Slot& slot = slots_[at];
    if (!slot.response.empty()) responses_.push_back({slot.probe, slot.response});
  }
  if (!responses_.empty() && !soft_slot_) {
    finding.outcome = ServiceFinding::Outcome::Unknown;
    finding.evidence.probe = file_.probes[responses_.front().probe].name;
    finding.evidence.response = responses_.front().bytes.substr(0, ServiceFinding::kMostEvidence);
  }
  if (is_aborted_) {
    finding.trouble = trouble_;
    if (soft_slot_) finding.outcome = ServiceFinding::Outcome::Incomplete;
    if (!was_connected_) finding.outcome = ServiceFinding::Outcome::Failed;
  } else if (responses_.empty() && is_wrapped_udp()) {
    finding.outcome = ServiceFinding::Outcome::Wrapped;
    finding.name = "tcpwrapped";
  }
  finish(now, std::move(finding));
}

bool PortInquiry::is_wrapped_udp() const noexcept {
  return !asked_.empty() &&
         std::ranges::all_of(asked_, [&](std::size_t at) { return slots_[at].was_empty; });
}

void PortInquiry::take_over(ServiceFinding& finding, const LineMatch& soft) {
  using Field = MatchLine::Field;
  const auto fill = [&](std::string& field, Field which) {
    if (field.empty()) field = soft.fields[static_cast<std::size_t>(which)];
  };
  fill(finding.product, Field::Product);
  fill(finding.version, Field::Version);
  fill(finding.info, Field::Info);
  fill(finding.hostname, Field::Hostname);
  fill(finding.os, Field::Os);
  fill(finding.device, Field::Device);
  // Of several of a kind the last counts.
  finding.cpes.insert(finding.cpes.begin(), soft.cpes.begin(), soft.cpes.end());
}

void PortInquiry::tell(const Slot& slot, const LineMatch& match) {
  InquiryCommand command;
  command.kind = InquiryCommand::Kind::Tell;
  command.probe = slot.probe;
  command.is_tls = is_tls_;
  command.match = match;
  commands_.push_back(std::move(command));
}

ServiceFinding PortInquiry::finding_of(const Slot& slot, const LineMatch& match) const {
  using Field = MatchLine::Field;
  const auto field = [&](Field which) { return match.fields[static_cast<std::size_t>(which)]; };
  ServiceFinding finding;
  finding.name = match.service;
  finding.is_tls = is_tls_ || match.is_tls;
  finding.product = field(Field::Product);
  finding.version = field(Field::Version);
  finding.info = field(Field::Info);
  finding.hostname = field(Field::Hostname);
  finding.os = field(Field::Os);
  finding.device = field(Field::Device);
  finding.cpes = match.cpes;
  const Probe& whose = file_.probes[match.probe];
  finding.evidence.probe = file_.probes[slot.probe].name;
  finding.evidence.line_probe = whose.name;
  if (match.index < whose.matches.size()) {
    finding.evidence.line = whose.matches[match.index].line;
  }
  finding.evidence.response = slot.response.substr(0, ServiceFinding::kMostEvidence);
  return finding;
}

}  // namespace trawl::service
