#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/audit/engine/audit_engine.h"
#include "control/audit/engine/reply_reader.h"

namespace trawl::control {
namespace {

using enum AuditHost::Stage;

constexpr std::size_t kMostHosts = 65536;                  // At once...
constexpr std::uint64_t kMostProbes = 8U * 1024U * 1024U;  // ...with this many probes in all.
constexpr std::size_t kAdmittedTogether = 512;
constexpr Moment kAdmissionTime{20'000};
constexpr double kSilentWindow = 50;
constexpr std::size_t kMostPostponed = 4096;

bool needs_raw(const ProbeSet& set) noexcept {
  return std::ranges::any_of(set.specs(),
                             [](const ProbeSpec& spec) { return !is_connection(spec.kind); });
}

// What silence proves, in the order of Nmap's reports: by protocol, then by number.
bool comes_before(const PortReport& a, const PortReport& b) noexcept {
  return std::pair{a.protocol, a.number} < std::pair{b.protocol, b.number};
}

}  // namespace

std::uint64_t AuditEngine::largest_stage(const AuditTarget& target) const noexcept {
  std::uint64_t most = plan_.discovery ? plan_.discovery->size() : 1;
  for (const auto& scan : target.scans ? *target.scans : plan_.scans) {
    most = std::max<std::uint64_t>(most, scan->size());
  }
  return most;
}

void AuditEngine::admit() {
  const std::uint64_t group = plan_.timing.max_hostgroup;
  const std::uint64_t most_hosts = group != 0 ? group : kMostHosts;
  const std::uint64_t most_probes = group != 0 ? ~std::uint64_t{0} : kMostProbes;
  admits_more_ = false;
  awaits_targets_ = false;
  if (scripts_ && !scripts_->has_begun()) return;
  for (std::size_t i = 0;
       hosts_.size() < most_hosts && active_probes_ < most_probes && !was_stopped(); ++i) {
    // Those who are there already go on.
    if (i == kAdmittedTogether || now() - now_ > kAdmissionTime) {
      admits_more_ = true;
      return;
    }
    if (!postponed_.empty() && !by_address_.contains(postponed_.front().ip)) {
      AuditTarget target = std::move(postponed_.front());
      postponed_.pop_front();
      (void)begin(std::move(target));
      continue;
    }
    if (!has_targets_ || postponed_.size() >= kMostPostponed) return;
    auto target = feed_->take();
    if (!target) {
      has_targets_ = !feed_->is_over();
      awaits_targets_ = has_targets_;
      return;
    }
    if (by_address_.contains(target->ip)) {
      postponed_.push_back(std::move(*target));
    } else {
      (void)begin(std::move(*target));
    }
  }
}

bool AuditEngine::begin(AuditTarget target) {
  auto made = std::make_unique<AuditHost>(std::move(target), plan_.timing);
  AuditHost& host = *made;
  host.id = next_id_++;
  host.started = now_;
  host.report.ip = host.target.ip;
  host.report.name = host.target.name;
  host.report.others = host.target.others;
  host.report.started = std::chrono::system_clock::now();
  active_probes_ += largest_stage(host.target);
  by_address_.emplace(host.target.ip, host.id);
  hosts_.emplace(host.id, std::move(made));
  book_.set_family(host.target.ip.is_v4());
  begin_host(host);
  return true;
}

void AuditEngine::begin_host(AuditHost& host) {
  const ScanList& scans = scans_of(host);
  const bool only_named = !plan_.discovery && scans.empty() && !plan_.traceroute;
  if (only_named) {
    host_is_up(host, {.word = "user-set"});
    return;
  }
  bool wants_raw = plan_.discovery && needs_raw(*plan_.discovery);
  for (const auto& scan : scans) wants_raw = wants_raw || needs_raw(*scan);
  wants_raw = wants_raw || (os_ && !scans.empty());
  if (network_ && (wants_raw || plan_.asks_neighbours || plan_.traceroute)) {
    auto way = network_->way_to(host.target.ip, host.target.zone);
    if (!way) {
      if (hooks_.warn) hooks_.warn(way.error().message);
      host_is_down(host, "no-response");
      return;
    }
    host.way = *way;
  }
  if (host.way.is_local && plan_.discovery) {
    host_is_up(host, {.word = "localhost-response"});
  } else if (host.way.asks_neighbour && (wants_raw || plan_.discovery)) {
    begin_stage(host, Neighbour, neighbour_probe_);
  } else if (plan_.discovery) {
    begin_stage(host, Discovery, plan_.discovery);
  } else {
    host_is_up(host, {.word = "user-set"});
  }
}

bool AuditEngine::defeats_limit(const ProbeSet& probes) const noexcept {
  return (plan_.defeats_icmp_limit && probes.type() == ScanType::Udp) ||
         (plan_.defeats_rst_limit && probes.type() == ScanType::Syn);
}

HostPace::Limits AuditEngine::pace_limits(const ProbeSet& probes) const noexcept {
  const Timing& timing = plan_.timing;
  const bool udp = probes.type() == ScanType::Udp || probes.type() == ScanType::IpProtocol;
  HostPace::Limits limits;
  limits.least_window = std::max(1U, timing.min_parallelism);
  if (timing.max_parallelism != 0) limits.most_window = timing.max_parallelism;
  if (timing.scan_delay > Moment{0}) limits.most_window = 1;
  limits.delay = timing.scan_delay;
  limits.most_delay = udp ? timing.max_udp_delay : std::max(timing.max_tcp_delay, Moment{1000});
  limits.random_order = plan_.random_ports;
  // Most systems limit their ICMP errors, and few attempts leave little time to see it.
  if (udp || timing.retries_given) limits.losses = 1;
  limits.is_rationed = udp;
  if (defeats_limit(probes)) {
    // Fewer answers are the host's limit, and no reason to slow down.
    limits.random_order = false;
    limits.losses = 1e9;
    limits.is_rationed = false;
  }
  return limits;
}

void AuditEngine::begin_stage(AuditHost& host, AuditHost::Stage stage,
                              std::shared_ptr<const ProbeSet> probes) {
  leave_stage(host);
  host.stage = stage;
  ++host.stage_serial;
  host.probes = std::move(probes);
  enter_task(host, task_of(host));
  const Timing& timing = plan_.timing;
  const bool scans = stage == Scan;
  // Who asks one after the other has none to spare.
  const bool bounces = host.probes->type() == ScanType::Bounce;
  host.schedule.emplace(ProbeSchedule::Limits{
      .most_attempts = timing.max_retries + 1,
      .strict = timing.retries_given,
      .pings = scans && !bounces && timing.scan_delay == Moment{0} && host.probes->size() > 1,
      .has_outside_ping = scans && !bounces && host.ping_probe != nullptr,
      .probes = host.probes->size()});
  HostPace::Limits limits = pace_limits(*host.probes);
  // Who never answered anything gets no chance to widen its window.
  if (scans && !host.rtt.has_sample()) limits.first_window = kSilentWindow;
  host.pace.emplace(limits);
  host.forgiven = 0;
  if (host.last_sent >= Moment{0}) host.pace->hold_until(host.last_sent + timing.scan_delay);
  if (scans) host.results.emplace_back(host.probes->size());
  make_ready(host);
}

void AuditEngine::tell_pace(const AuditHost& host, std::string_view what) const {
  const HostPace& pace = *host.pace;
  const auto seconds = [](Moment time) { return static_cast<double>(time.count()) * 1e-6; };
  hooks_.debug(fmt::format(
      "{} stage {} of {} probes {} {:.3f}s after {:.3f}s: window {:.1f}, delay {:.3f}s, {} "
      "sent, {} answered, {:.1f}% of {:.0f} lost, {} slow-downs, attempts needed {}, srtt {:.3f}s, "
      "timeout {:.3f}s; group: window {:.0f}, {} in flight, {:.1f}% lost, timeout {:.3f}s",
      host.target.ip.to_string(), static_cast<int>(host.stage), host.probes->size(), what,
      seconds(now_), seconds(now_ - host.started), pace.window(), seconds(pace.delay()),
      pace.sent_total(), host.probes->size() - host.schedule->unanswered(),
      100 * pace.loss().share(), pace.loss().outcomes(), pace.slow_downs(), needed_by(host),
      seconds(host.rtt.srtt()), seconds(host.rtt.timeout()), group_.window(), group_.in_flight(),
      100 * group_.loss().share(), seconds(group_rtt_.timeout())));
}

// Probes on their way do not count any more.
void AuditEngine::leave_stage(AuditHost& host) {
  if (!host.pace) return;
  host.task_work += host.schedule->work(1, 0).sent;
  for (unsigned i = host.pace->in_flight(); i > 0; --i) group_.landed();
  host.pace.reset();
}

void AuditEngine::end_stage(AuditHost& host) {
  if (hooks_.debug) tell_pace(host, "ended at");
  leave_stage(host);
  switch (host.stage) {
    case Neighbour:
    case Discovery:
      host_is_down(host, host.was_unreachable ? "host-unreach" : "no-response");
      return;
    case Scan:
      ++host.scan;
      begin_scan(host);
      return;
    case Trace: end_trace_part(host); return;
    default: finish(host); return;
  }
}

void AuditEngine::host_is_up(AuditHost& host, const Reason& reason) {
  leave_stage(host);
  host.report.status = HostStatus::Up;
  host.report.reason = reason;
  if (hooks_.up) tell_up(host);
  if (names_) ask_name(host);
  begin_scan(host);
}

// Before its ports are looked at, and where there was an answer.
void AuditEngine::tell_up(const AuditHost& host) {
  const bool has_answered = plan_.discovery || host.report.mac;
  if (!has_answered || scans_of(host).empty() || host.way.is_local) return;
  HostReport known = host.report;
  if (!plan_.discovery) known.reason = {.word = neighbour_word(host.target.ip)};
  hooks_.up(known);
}

void AuditEngine::host_is_down(AuditHost& host, std::string_view word) {
  host.report.status = HostStatus::Down;
  host.report.reason = {.word = word, .ttl = 0, .from = {}};
  host.report.mac.reset();
  if (names_ && plan_.names_downs) ask_name(host);
  finish(host);
}

void AuditEngine::begin_scan(AuditHost& host) {
  host.schedule.reset();
  const ScanList& scans = scans_of(host);
  if (host.scan < scans.size()) {
    host.report.ports_scanned = true;
    if (scans[host.scan]->type() == ScanType::Idle) {
      begin_idle(host);
      return;
    }
    begin_stage(host, Scan, scans[host.scan]);
  } else if (!begin_services(host)) {
    go_on_after_services(host);
  }
}

// The way comes before the system: how far it is tells what TTL the host sends with.
void AuditEngine::go_on_after_services(AuditHost& host) {
  if (plan_.traceroute && network_ && !host.way.is_local && !host.trace) {
    begin_trace(host);
  } else if (!begin_os(host)) {
    finish(host);
  }
}

std::size_t AuditEngine::task_of(const AuditHost& host) const noexcept {
  switch (host.stage) {
    case Neighbour: return TaskBook::kNeighbours;
    case Discovery: return TaskBook::kDiscovery;
    case Scan: return book_.scan(host.probes->type());
    case Services: return book_.services();
    case Trace: return book_.trace();
    case Os: return book_.os();
    case Naming: return book_.naming();
    case Scripts: return book_.scripts();
    default: return TaskBook::kNone;
  }
}

void AuditEngine::enter_task(AuditHost& host, std::size_t task) {
  if (host.task == task) return;
  book_.move(host.task, task, host.task_work, more_hosts_come(), now_, hooks_.task);
  host.task = task;
  host.task_work = 0;
}

void AuditEngine::close_tasks() { book_.close(more_hosts_come(), now_, hooks_.task); }

void AuditEngine::ask_name(AuditHost& host) {
  book_.open(book_.naming(), now_, hooks_.task);
  ++host.awaited_names;
  names_->ask(host.id * kNamesOfHost, host.target.ip);
}

void AuditEngine::take_names() {
  if (!names_) return;
  for (NameThread::Name& name : names_->take()) {
    const auto found = hosts_.find(name.host / kNamesOfHost);
    if (found == hosts_.end()) continue;
    AuditHost& host = *found->second;
    if (host.awaited_names > 0) --host.awaited_names;
    const auto ttl = static_cast<unsigned>(name.host % kNamesOfHost);
    if (ttl == 0) {
      host.report.reverse_name = std::move(name.text);
    } else {
      for (TraceReport& trace : host.report.traces) {
        for (HopReport& hop : trace.hops) {
          if (hop.ttl == ttl) hop.name = name.text;
        }
      }
    }
    if (host.stage == Naming) finish(host);
  }
}

// What its scans say so far, by protocol and number.
std::vector<PortReport> AuditEngine::ports_of(const AuditHost& host) const {
  std::vector<PortReport> ports;
  for (std::size_t scan = 0; scan < host.results.size(); ++scan) {
    const ProbeSet& set = *scans_of(host)[scan];
    const PortState silence = set.type() == ScanType::Udp && plan_.defeats_icmp_limit
                                  ? PortState::ClosedFiltered
                                  : silent_state(set.type());
    const bool is_whole = scan < host.scan || !(host.report.timed_out || was_stopped());
    for (std::uint32_t i = 0; i < set.size(); ++i) {
      const PortResult& result = host.results[scan][i];
      if (result.is_skipped) continue;
      // Of a scan that was cut short, silence proves nothing; nor does it ever in an idle scan.
      if (!result.is_known && (!is_whole || set.type() == ScanType::Idle)) continue;
      PortReport port{.protocol = protocol_of(set.type()),
                      .number = set.specs()[i].number,
                      .state = silence,
                      .reason = {}};
      if (result.is_known) {
        port.state = result.state;
        port.reason.word = words_[result.word];
        port.reason.ttl = result.ttl;
        if (result.has_sender) port.reason.from = host.senders.at({scan, i});
      }
      ports.push_back(port);
    }
  }
  std::ranges::sort(ports, comes_before);
  return ports;
}

void AuditEngine::finish(AuditHost& host) {
  leave_stage(host);
  leave_services(host);
  leave_os(host);
  const bool had_scripts = host.stage == Scripts;
  leave_scripts(host);
  if (had_scripts) {
    hand_on(host);
    return;
  }
  if (idle_) idle_->leave(host.id);
  if (host.leads_trace) release_followers(host);
  if (host.awaited_names > 0) {
    host.stage = Naming;
    enter_task(host, book_.naming());
    return;
  }
  HostReport& report = host.report;
  report.ports = ports_of(host);
  add_services(host.services, report.ports);
  report.ended = std::chrono::system_clock::now();
  if (host.rtt.has_sample()) {
    report.times.srtt_us = host.rtt.srtt().count();
    report.times.rttvar_us = host.rtt.rttvar().count();
  }
  report.times.timeout_us = host.rtt.timeout().count();
  if (!begin_scripts(host)) hand_on(host);
}

void AuditEngine::hand_on(AuditHost& host) {
  HostReport& report = host.report;
  if (host.scripts_begun) report.ended = std::chrono::system_clock::now();
  enter_task(host, TaskBook::kNone);
  close_tasks();  // Before the host that was the last at them is told of.
  ++done_;
  if (report.status == HostStatus::Up) ++up_;
  hooks_.done(std::move(report));
  active_probes_ -= largest_stage(host.target);
  by_address_.erase(host.target.ip);
  hosts_.erase(host.id);
}

}  // namespace trawl::control
