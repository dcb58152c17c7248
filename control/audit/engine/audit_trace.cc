#include <algorithm>
#include <utility>

#include "control/audit/engine/audit_engine.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using enum AuditHost::Stage;

constexpr unsigned kMostHops = 30;
constexpr std::size_t kMostKnownHops = 20'000;
constexpr unsigned kUnknownDistance = 10;
constexpr unsigned kLeaderWindow = 10;
constexpr unsigned kFollowerWindow = 2;

// Hosts that share most of their way: a /24, or a /64.
IpAddress network_of(const IpAddress& ip) {
  if (ip.is_v4()) return Ipv4Prefix{ip.v4(), 24}.first();
  return Ipv6Prefix{ip.v6(), 64}.first();
}

// A reply began with one of the usual TTLs; what is missing are the routers.
unsigned distance_by(std::uint8_t ttl) noexcept {
  for (const unsigned first : {32U, 64U, 128U, 255U}) {
    if (ttl <= first) return std::clamp(first - ttl + 1U, 1U, kMostHops);
  }
  return kUnknownDistance;
}

bool answers(const PortResult& result) noexcept {
  return result.is_known && !result.has_sender && result.ttl != 0 &&
         result.state != PortState::Filtered;
}

}  // namespace

// What the host answered before: a closed port rather than an open one, which may remember; the
// ping that found it; an echo request where nothing did.
ProbeSpec AuditEngine::trace_probe(const AuditHost& host) const {
  std::optional<ProbeSpec> open;
  for (std::size_t scan = 0; scan < host.results.size(); ++scan) {
    const ProbeSet& set = *scans_of(host)[scan];
    const ProbeKind kind = kind_of(set.type());
    const bool usable =
        kind == ProbeKind::Tcp || (kind == ProbeKind::Udp && !plan_.style.source_port);
    if (!usable) continue;
    // In the order of numbers, whatever order they were scanned in.
    std::optional<ProbeSpec> closed;
    for (std::uint32_t i = 0; i < set.size(); ++i) {
      const PortResult& result = host.results[scan][i];
      if (!answers(result)) continue;
      const ProbeSpec& spec = set.specs()[i];
      auto& best = result.state == PortState::Open ? open : closed;
      if (!best || (best->kind == spec.kind && spec.number < best->number)) best = spec;
    }
    if (closed) return *closed;
  }
  if (open) return *open;
  if (host.results.empty() && host.answered_ping) {
    const ProbeKind kind = host.answered_ping->kind;
    if (kind == ProbeKind::Tcp || kind == ProbeKind::IcmpEcho ||
        (kind == ProbeKind::Udp && !plan_.style.source_port)) {
      return *host.answered_ping;
    }
  }
  return {.kind = ProbeKind::IcmpEcho};
}

void AuditEngine::begin_trace(AuditHost& host) {
  host.stage = Trace;
  enter_task(host, book_.trace());
  host.trace.emplace();
  if (host.way.asks_neighbour) {
    // A host on our link is the first hop itself.
    host.trace->reached = 1;
    const std::chrono::duration<double, std::milli> rtt = host.rtt.srtt();
    host.trace->hops[1] = {.ttl = 1, .ip = host.target.ip, .name = {}, .rtt = rtt};
    end_trace(host);
    return;
  }
  host.trace->probe = trace_probe(host);
  const auto [network, leads] = tracing_.try_emplace(network_of(host.target.ip));
  if (!leads) {
    network->second.push_back(host.id);
    return;
  }
  host.leads_trace = true;
  send_trace(host, 0, 0, kLeaderWindow);
}

// From a TTL down to 1, or with a `from`, up from there.
void AuditEngine::send_trace(AuditHost& host, unsigned from, unsigned to, unsigned window) {
  std::vector<ProbeSpec> specs;
  ProbeSpec spec = host.trace->probe;
  const auto add = [&](unsigned ttl) {
    spec.ttl = static_cast<std::uint8_t>(ttl);
    specs.push_back(spec);
    host.trace->farthest = std::max(host.trace->farthest, ttl);
  };
  if (from == 0) {
    unsigned guess = kUnknownDistance;
    if (host.report.reason.ttl != 0) guess = distance_by(host.report.reason.ttl);
    for (const auto& results : host.results) {
      for (const PortResult& result : results) {
        if (answers(result)) guess = distance_by(result.ttl);
      }
    }
    for (unsigned ttl = guess; ttl > 0; --ttl) add(ttl);
  } else {
    for (unsigned ttl = from; ttl <= to; ++ttl) add(ttl);
  }
  begin_stage(host, Trace, std::make_shared<ProbeSet>(ScanType::Trace, std::move(specs)));
  HostPace::Limits limits = pace_limits(*host.probes);
  limits.most_window = std::min<double>(limits.most_window, window);
  limits.random_order = false;
  host.pace.emplace(limits);
}

void AuditEngine::take_trace_reply(AuditHost& host, const ProbeWriter::Match& match,
                                   const dataplane::Dissection& reply) {
  const unsigned ttl = host.probes->specs()[match.index].ttl;
  const bool is_host = reply.packet.source == host.target.ip;
  const std::uint8_t exceeded = host.target.ip.is_v4() ? dataplane::wire::kIcmpTimeExceeded
                                                       : dataplane::wire::kIcmpv6TimeExceeded;
  const bool passes = reply.quoted && reply.packet.icmp_type == exceeded;
  if (host.trace->hops.contains(ttl)) return;
  const Moment before = host.rtt.srtt();
  const auto rtt = host.schedule->rtt_of(match.index, match.attempt, now_).value_or(before);
  probe_answered(host, match.index, match.attempt);
  TraceState& trace = *host.trace;
  if (is_host && !passes) {
    if (trace.reached && *trace.reached <= ttl) return;
    trace.reached = ttl;
    for (std::uint32_t i = 0; i < host.probes->size(); ++i) {
      if (host.probes->specs()[i].ttl <= ttl || !host.schedule->drop(i)) continue;
      host.pace->landed();
      group_.landed();
    }
  }
  trace.hops[ttl] = {.ttl = ttl, .ip = reply.packet.source, .name = {}, .rtt = rtt};
  if (passes) copy_known_hops(host, ttl);
}

// A router that another trace met at the same distance has the same routers before it.
void AuditEngine::copy_known_hops(AuditHost& host, unsigned ttl) {
  TraceState& trace = *host.trace;
  const auto known = known_hops_.find({ttl, trace.hops[ttl].ip});
  if (known == known_hops_.end()) return;
  for (const HopReport& hop : known->second) trace.hops.try_emplace(hop.ttl, hop);
  for (std::uint32_t i = 0; i < host.probes->size(); ++i) {
    if (host.probes->specs()[i].ttl >= ttl || !host.schedule->drop(i)) continue;
    host.pace->landed();
    group_.landed();
  }
}

void AuditEngine::end_trace_part(AuditHost& host) {
  TraceState& trace = *host.trace;
  if (!trace.reached && trace.farthest < kMostHops) {
    send_trace(host, trace.farthest + 1, kMostHops, kLeaderWindow);
    return;
  }
  end_trace(host);
}

void AuditEngine::end_trace(AuditHost& host) {
  const TraceState& trace = *host.trace;
  TraceReport report;
  const ProbeKind kind = trace.probe.kind;
  report.protocol = kind == ProbeKind::Tcp ? "tcp" : kind == ProbeKind::Udp ? "udp" : "icmp";
  if (kind == ProbeKind::IcmpEcho) report.port = 0;
  if (kind != ProbeKind::IcmpEcho) report.port = trace.probe.number;
  if (host.way.asks_neighbour) report.protocol = "tcp";
  std::vector<HopReport> before;
  for (const auto& [ttl, hop] : trace.hops) {
    if (trace.reached && ttl > *trace.reached) continue;
    report.hops.push_back(hop);
    const bool is_router = hop.ip != host.target.ip;
    if (is_router && known_hops_.size() < kMostKnownHops)
      known_hops_.try_emplace({ttl, hop.ip}, before);
    before.push_back(hop);
  }
  host.report.traces.push_back(std::move(report));
  if (names_) {
    for (const HopReport& hop : host.report.traces.front().hops) {
      ++host.awaited_names;
      names_->ask(host.id * kNamesOfHost + hop.ttl, hop.ip);
    }
  }
  if (host.leads_trace) release_followers(host);
  leave_stage(host);
  host.schedule.reset();
  go_on_after_services(host);
}

// Whoever waited for the first trace of its network now knows most of its way.
void AuditEngine::release_followers(AuditHost& host) {
  host.leads_trace = false;
  const auto network = tracing_.extract(network_of(host.target.ip));
  if (network.empty()) return;
  for (const std::uint64_t id : network.mapped()) {
    const auto found = hosts_.find(id);
    if (found != hosts_.end()) send_trace(*found->second, 0, 0, kFollowerWindow);
  }
}

}  // namespace trawl::control
