#include <algorithm>

#include "control/audit/engine/audit_engine.h"
#include "control/audit/engine/reply_reader.h"
#include "dataplane/wire.h"

namespace trawl::control {

using enum AuditHost::Stage;

std::uint16_t AuditEngine::word_number(std::string_view word) {
  const auto found = std::ranges::find(words_, word);
  if (found != words_.end()) return static_cast<std::uint16_t>(found - words_.begin());
  words_.push_back(word);
  return static_cast<std::uint16_t>(words_.size() - 1);
}

void AuditEngine::take_packet(const dataplane::Dissection& reply,
                              std::span<const std::byte> bytes) {
  if (idle_ && idle_->take(reply, now_)) {
    if (hooks_.trace) hooks_.trace(false, bytes, false);
    return;
  }
  const IpAddress& about = reply.quoted ? reply.quoted->destination : reply.packet.source;
  const auto found = by_address_.find(about);
  if (found == by_address_.end()) return;
  AuditHost& host = *hosts_.at(found->second);
  // What our own kernel cannot send on is no news of the host.
  if (reply.quoted && reply.packet.source == host.way.source && !host.way.is_local) return;
  if (!reply.quoted && reply.packet.destination != host.way.source) return;
  if (!host.schedule || (host.stage != Discovery && host.stage != Scan && host.stage != Trace))
    return;
  // A ping may be one of the scan's own probes too.
  const bool pings = host.stage == Scan && host.ping_probe;
  const auto ping = pings ? writer_.match(about, *host.ping_probe, reply) : std::nullopt;
  const auto match = writer_.match(about, *host.probes, reply);
  if (!match && !ping) return;
  if (hooks_.trace) hooks_.trace(false, bytes, false);
  if (ping) probe_answered(host, ProbeSchedule::kOutside, ping->attempt);
  if (match) read_reply(host, *match, reply);
}

void AuditEngine::read_reply(AuditHost& host, const ProbeWriter::Match& match,
                             const dataplane::Dissection& reply) {
  const ProbeSpec& spec = host.probes->specs()[match.index];
  if (host.stage == Trace) {
    take_trace_reply(host, match, reply);
    return;
  }
  if (host.stage == Discovery) {
    const auto reason = read_host_reply(spec, reply);
    if (!reason) return;
    if (plan_.ignores_resets && reason->word == "reset") return;
    probe_answered(host, match.index, match.attempt);
    host.answered_ping = spec;
    host.ping_probe = std::make_shared<ProbeSet>(ScanType::Discovery, std::vector{spec});
    host_is_up(host, *reason);
    return;
  }
  const auto verdict = read_port_reply(host.probes->type(), reply);
  if (!verdict) return;
  // An error by ICMP proves that the host has ICMP.
  const bool from_host = reply.packet.source == host.target.ip && host.target.ip.is_v4();
  if (host.probes->type() == ScanType::IpProtocol && reply.quoted && from_host) {
    const int index = host.probes->find(ProbeKind::IpProtocol, dataplane::wire::kProtocolIcmp);
    if (index >= 0 && static_cast<std::uint32_t>(index) != match.index) {
      const auto other = static_cast<std::uint32_t>(index);
      note(host, other, PortState::Open, verdict->reason);
      if (!host.schedule->is_answered(other)) probe_answered(host, other, -1);
    }
  }
  note(host, match.index, verdict->state, verdict->reason);
  probe_answered(host, match.index, match.attempt);
}

void AuditEngine::note(AuditHost& host, std::uint32_t index, PortState state,
                       const Reason& reason) {
  PortResult& result = host.results[host.scan][index];
  // Only better news replaces what is known.
  if (result.is_known && (result.state == PortState::Open || state != PortState::Open)) return;
  result = {.state = state,
            .ttl = reason.ttl,
            .is_known = true,
            .has_sender = reason.from.has_value(),
            .word = word_number(reason.word)};
  if (reason.from) host.senders[{host.scan, index}] = *reason.from;
  if (!hooks_.found) return;
  const ProbeSet& set = *scans_of(host)[host.scan];
  hooks_.found(host.target.ip, {.protocol = protocol_of(set.type()),
                                .number = set.specs()[index].number,
                                .state = state,
                                .reason = reason});
}

void AuditEngine::probe_answered(AuditHost& host, std::uint32_t index, int attempt) {
  const auto answer = host.schedule->answered(index, attempt, now_);
  if (!answer) return;
  if (answer->rtt) {
    host.rtt.add(*answer->rtt);
    group_rtt_.add(*answer->rtt);
  }
  if (answer->was_in_flight) {
    host.pace->landed();
    group_.landed();
  }
  const bool lost = answer->is_first && answer->hit.lost_at >= Moment{0};
  HostPace::Hit hit = answer->hit;
  if (!lost && hit.attempt > 0) hit.lost_at = Moment{-1};
  // Hosts that are known to limit say nothing of the path.
  const bool limits = host.pace->last_reaction() >= Moment{0};
  group_.hit(lost && !limits ? hit.attempt : 0, now_, group_rtt_.srtt());
  host.pace->hit(hit, now_, host.rtt.has_sample() ? host.rtt : group_rtt_);
  make_ready(host);
}

void AuditEngine::take_neighbour(const dataplane::NeighbourAnswer& answer) {
  if (idle_) idle_->take(answer);
  const auto found = by_address_.find(answer.ip);
  if (found == by_address_.end()) return;
  AuditHost& host = *hosts_.at(found->second);
  if (host.stage == Scan && host.schedule && host.ping_probe == neighbour_probe_) {
    probe_answered(host, ProbeSchedule::kOutside, -1);
    return;
  }
  if (host.stage != Neighbour) return;
  probe_answered(host, 0, -1);
  host.ping_probe = neighbour_probe_;
  host.way.next_hop = answer.mac;
  host.report.mac = answer.mac;
  if (!plan_.discovery) {
    host_is_up(host, {.word = "user-set"});
  } else if (plan_.asks_neighbours) {
    host_is_up(host, {.word = neighbour_word(answer.ip)});
  } else {
    begin_stage(host, Discovery, plan_.discovery);
  }
}

void AuditEngine::take_connections() {
  connection_results_.clear();
  connections_->poll(now_, connection_results_);
  for (const ConnectionPool::Result& result : connection_results_) take_connection(result);
}

void AuditEngine::take_connection(const ConnectionPool::Result& result) {
  const auto found = hosts_.find(result.owner.host);
  if (found == hosts_.end()) return;
  AuditHost& host = *found->second;
  if (!host.schedule || result.owner.stage != host.stage_serial) return;
  if (!result.verdict && !result.is_skipped) return;
  if (result.owner.index == ProbeSchedule::kOutside) {
    if (host.stage == Scan && result.verdict && result.verdict->state != PortState::Filtered) {
      probe_answered(host, ProbeSchedule::kOutside, -1);
    }
    return;
  }
  if (result.owner.index >= host.probes->size()) return;
  const ProbeSpec spec = host.probes->specs()[result.owner.index];
  if (!is_connection(spec.kind)) return;
  const int attempt = static_cast<int>(result.owner.attempt % ProbeSchedule::kAttemptNumbers);
  if (host.stage == Scan && result.is_skipped) {
    host.results[host.scan][result.owner.index].is_skipped = true;
    probe_answered(host, result.owner.index, attempt);
  } else if (host.stage == Scan) {
    note(host, result.owner.index, result.verdict->state, {.word = result.verdict->word});
    probe_answered(host, result.owner.index, attempt);
  } else if (host.stage == Discovery && result.verdict) {
    const ConnectVerdict& verdict = *result.verdict;
    if (verdict.state == PortState::Filtered) {
      host.was_unreachable = host.was_unreachable || verdict.word == "host-unreach";
      return;
    }
    if (plan_.ignores_resets && verdict.state == PortState::Closed) return;
    probe_answered(host, result.owner.index, attempt);
    host.ping_probe = std::make_shared<ProbeSet>(ScanType::Discovery, std::vector{spec});
    host_is_up(host, {.word = verdict.word});
  }
}

}  // namespace trawl::control
