#include "control/audit/engine/audit_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "control/survey/payload_file.h"

namespace trawl::control {
namespace {

using std::chrono::duration_cast;
using std::chrono::steady_clock;

constexpr std::size_t kBurst = 64;       // Probes of one host before the next has its turn.
constexpr unsigned kReceiveBursts = 64;  // Of a turn.
constexpr Moment kTickEvery{100'000};
constexpr Moment kLongestWait{200'000};

std::vector<std::uint16_t> udp_ports(const AuditPlan& plan) {
  std::vector<std::uint16_t> ports;
  const auto add = [&ports](const ProbeSet& set) {
    for (const ProbeSpec& spec : set.specs()) {
      if (spec.kind == ProbeKind::Udp) ports.push_back(spec.number);
    }
  };
  if (plan.discovery) add(*plan.discovery);
  for (const auto& scan : plan.scans) add(*scan);
  return ports;
}

}  // namespace

AuditEngine::AuditEngine(AuditPlan plan, TargetList& targets, Hooks hooks)
    : plan_{std::move(plan)},
      targets_{targets},
      hooks_{std::move(hooks)},
      payloads_{builtin_payloads(), udp_ports(plan_)},
      writer_{plan_.style, payloads_},
      group_{plan_.timing},
      group_rtt_{plan_.timing},
      neighbour_probe_{std::make_shared<ProbeSet>(
          ScanType::Neighbour, std::vector<ProbeSpec>{{.kind = ProbeKind::Neighbour}})},
      start_{steady_clock::now()} {}

AuditEngine::~AuditEngine() = default;

Moment AuditEngine::now() const noexcept {
  return duration_cast<Moment>(steady_clock::now() - start_);
}

dataplane::PacketCounters AuditEngine::counters() noexcept {
  return network_ ? network_->counters() : dataplane::PacketCounters{};
}

Result<void> AuditEngine::run() {
  if (plan_.raw) {
    auto network = dataplane::RawNetwork::open(plan_.network);
    if (!network) return Failure{network.error()};
    network_ = std::move(*network);
    if (hooks_.trace) network_->trace(hooks_.trace);
  }
  auto connects = ConnectPool::open({.interface = plan_.network.interface,
                                     .source = plan_.network.source,
                                     .source_port = plan_.style.source_port});
  if (!connects) return Failure{connects.error()};
  connects_.emplace(std::move(*connects));
  if (plan_.reverse_dns) {
    names_ = std::make_unique<NameThread>(std::make_shared<service::NameResolver>());
  }
  while (!was_stopped()) {
    turn();
    if (hosts_.empty() && !has_targets_ && postponed_.empty()) break;
    wait_for_work();
  }
  if (was_stopped()) interrupt_hosts();
  if (connects_->failures() > 0 && hooks_.warn) {
    hooks_.warn(fmt::format("WARNING: {} connections could not be tried from here (the last: {}).",
                            connects_->failures(),
                            std::system_category().message(connects_->last_failure())));
  }
  if (hooks_.tick) hooks_.tick(now());
  return {};
}

void AuditEngine::turn() {
  now_ = now();
  admit();
  if (network_) {
    const dataplane::RawNetwork::Handler handler{
        .packet = [this](const dataplane::Dissection& reply,
                         std::span<const std::byte> bytes) { take_packet(reply, bytes); },
        .neighbour = [this](const dataplane::NeighbourAnswer& answer) { take_neighbour(answer); }};
    for (unsigned i = 0; i < kReceiveBursts && network_->receive(handler) > 0; ++i) now_ = now();
  }
  take_connections();
  take_names();
  while (!wakes_.empty() && wakes_.top().at <= now_) {
    const Wake wake = wakes_.top();
    wakes_.pop();
    const auto found = hosts_.find(wake.host);
    if (found == hosts_.end() || found->second->wake != wake.at) continue;
    found->second->wake = Moment{-1};
    make_ready(*found->second);
  }
  // Whoever was held up has its turn before newer ones.
  if (!blocked_.empty() && group_.may_send(now_)) {
    for (const std::uint64_t id : blocked_) {
      const auto found = hosts_.find(id);
      if (found == hosts_.end()) continue;
      found->second->is_blocked = false;
      make_ready(*found->second);
    }
    blocked_.clear();
  }
  for (std::size_t i = ready_.size(); i > 0; --i) {
    const auto found = hosts_.find(ready_.front());
    ready_.pop_front();
    if (found == hosts_.end()) continue;
    found->second->is_ready = false;
    look_at(*found->second);
  }
  if (network_) network_->flush();
  if (hooks_.tick && now_ >= last_tick_ + kTickEvery) {
    last_tick_ = now_;
    hooks_.tick(now_);
    if (hooks_.debug) tell_stragglers();
  }
}

// The last few hosts, every second: what keeps them.
void AuditEngine::tell_stragglers() {
  constexpr std::size_t kFew = 3;
  constexpr Moment kEvery{1'000'000};
  if (hosts_.size() > kFew || now_ < last_told_ + kEvery) return;
  last_told_ = now_;
  for (const auto& [id, host] : hosts_) {
    if (host->pace && host->schedule) tell_pace(*host, "is at");
  }
}

void AuditEngine::wait_for_work() {
  constexpr Moment kPoll{1000};  // For what no descriptor tells of: names, a least rate.
  if (!ready_.empty() || admits_more_) return;
  Moment until = now_ + kLongestWait;
  if (!wakes_.empty()) until = std::min(until, wakes_.top().at);
  if (hooks_.tick) until = std::min(until, last_tick_ + kTickEvery);
  if (!blocked_.empty()) {
    until = std::min(until, group_.is_held_by_rate(now_) ? group_.next_send() : now_ + kPoll);
  }
  if (names_) until = std::min(until, now_ + 2 * kPoll);
  const Moment most = until - now();
  if (most <= Moment{0}) return;
  const std::array<int, 1> others{connects_->fd()};
  if (network_) {
    network_->wait(most, others);
  } else {
    dataplane::wait_for(others, most);
  }
}

void AuditEngine::make_ready(AuditHost& host) {
  if (host.is_ready) return;
  host.is_ready = true;
  ready_.push_back(host.id);
}

// Where few probes are left without an answer, more attempts cost little and miss less. Who limits
// its answers has to show that it does not any more before its silence counts.
unsigned AuditEngine::needed_by(const AuditHost& host) const noexcept {
  constexpr double kEnough = 20;
  const std::uint32_t left = host.schedule->unanswered();
  const double missed = left * 10 < host.probes->size() ? 1e-7 : 1e-4;
  const LossEstimate& own = host.pace->loss();
  if (host.pace->last_reaction() >= Moment{0}) return own.attempts_needed(missed, 2);
  if (own.outcomes() >= kEnough) return own.attempts_needed(missed, 0.5);
  // A limit of ICMP errors may show itself only after a second.
  const unsigned least = host.probes->type() == ScanType::Udp ? 3 : 2;
  return std::max(group_.loss().attempts_needed(missed, 0.5), least);
}

Moment AuditEngine::timeout_of(const AuditHost& host) const noexcept {
  return host.rtt.has_sample() || !group_rtt_.has_sample() ? host.rtt.timeout()
                                                           : group_rtt_.timeout();
}

// Later attempts are given longer: who limits its answers has some more each second, and a path
// that was down may be up.
Moment AuditEngine::patience_with(const AuditHost& host,
                                  const ProbeSchedule::Send& send) const noexcept {
  constexpr Moment kLongest{2'000'000};
  const Moment timeout = timeout_of(host);
  const bool udp = host.probes->type() == ScanType::Udp;
  const bool scarce = udp || plan_.timing.retries_given;
  if (send.is_ping || send.attempt == 0 || host.stage != AuditHost::Stage::Scan) return timeout;
  const unsigned factor = scarce ? 1U << 2 * std::min(send.attempt, 3U) : 1 + send.attempt / 2;
  // Each has its second's worth of ICMP errors.
  const Moment least{udp ? 1'000'000 * send.attempt : 0};
  return std::max(timeout, std::min(std::max(timeout * factor, least), kLongest));
}

void AuditEngine::look_at(AuditHost& host) {
  using enum AuditHost::Stage;
  if (host.stage == Naming || !host.schedule) return;
  const Moment limit = plan_.timing.host_timeout;
  if (limit > Moment{0} && now_ - host.started >= limit) {
    host.report.timed_out = true;
    finish(host);
    return;
  }
  expire(host, now_);
  send_what_may(host, now_);
  if (host.schedule->is_done(needed_by(host))) {
    end_stage(host);
    return;
  }
  schedule_wake(host);
}

void AuditEngine::expire(AuditHost& host, Moment now) {
  const RttEstimator& rtt = host.rtt.has_sample() ? host.rtt : group_rtt_;
  bool any = false;
  while (const auto expired =
             host.schedule->expire(now, host.pace->last_reaction(), needed_by(host))) {
    any = true;
    host.pace->landed();
    group_.landed();
    if (expired->is_ping) host.pace->ping_lost(expired->sent_at, now, rtt);
  }
  if (any) host.pace->judge(now, rtt);
  if (host.pace->slow_downs() > host.forgiven) {
    host.forgiven = host.pace->slow_downs();
    host.schedule->forgive(host.pace->reaction_before());
  }
}

void AuditEngine::send_what_may(AuditHost& host, Moment now) {
  const bool discovers = host.stage == AuditHost::Stage::Discovery;
  const std::size_t most = discovers ? 1 : kBurst;
  const unsigned needed = needed_by(host);
  // Whoever limits its answers has none to spare for pings.
  const bool spares = host.probes->type() == ScanType::Udp;
  const auto quiet = spares && host.pace->last_reaction() >= Moment{0}
                         ? ~0U
                         : static_cast<unsigned>(std::clamp(host.pace->window() / 2, 4.0, 64.0));
  for (std::size_t i = 0; i < most; ++i) {
    if (now < host.pace->next_send()) return;
    if (!host.pace->has_window() && !group_.owes(now)) {
      if (group_.has_least_rate() && !host.is_blocked) {
        blocked_.push_back(host.id);
        host.is_blocked = true;
      }
      return;
    }
    const bool may = group_.may_send(now);
    const auto send = may ? host.schedule->next(needed, quiet) : std::nullopt;
    if (may && !send) return;
    if (!may || !send_one(host, *send, now, now + patience_with(host, *send))) {
      if (!host.is_blocked) blocked_.push_back(host.id);
      host.is_blocked = true;
      return;
    }
  }
  make_ready(host);
}

bool AuditEngine::send_one(AuditHost& host, const ProbeSchedule::Send& send, Moment now,
                           Moment deadline) {
  const ProbeSet& set = send.index == ProbeSchedule::kOutside ? *host.ping_probe : *host.probes;
  const ProbeSpec& spec = set.specs()[send.index == ProbeSchedule::kOutside ? 0 : send.index];
  const std::uint64_t before = host.way.socket == nullptr ? 0 : host.way.socket->queued_total();
  if (spec.kind == ProbeKind::Connect) {
    if (!connects_->has_room()) return false;
    connects_->start({host.id, send.index, send.attempt, host.stage_serial}, host.target.ip,
                     spec.number, deadline);
  } else {
    if (!dataplane::RawNetwork::has_room(host.way)) network_->flush();
    if (!dataplane::RawNetwork::has_room(host.way)) return false;
    if (spec.kind == ProbeKind::Neighbour) {
      network_->ask_neighbour(host.way, host.target.ip);
    } else {
      send_raw(host, spec, send.attempt);
    }
  }
  host.schedule->sent(send, now, deadline);
  host.pace->sent(now, !send.is_ping && send.attempt == 0);
  host.last_sent = now;
  const std::uint64_t after = host.way.socket == nullptr ? 0 : host.way.socket->queued_total();
  group_.sent(now, static_cast<double>(std::max<std::uint64_t>(1, after - before)));
  return true;
}

void AuditEngine::send_raw(AuditHost& host, const ProbeSpec& spec, unsigned attempt) {
  dataplane::PacketSpec packet = writer_.write(host.target.ip, spec, attempt);
  packet.source = host.way.source;
  const std::size_t own = plan_.own_place.value_or(plan_.decoys.size());
  for (std::size_t i = 0; i <= plan_.decoys.size(); ++i) {
    if (!dataplane::RawNetwork::has_room(host.way)) network_->flush();
    if (!dataplane::RawNetwork::has_room(host.way)) return;
    packet.source = i == own ? host.way.source : plan_.decoys[i < own ? i : i - 1];
    (void)network_->send(host.way, packet);
  }
}

void AuditEngine::schedule_wake(AuditHost& host) {
  if (host.is_ready || host.stage == AuditHost::Stage::Naming || !host.schedule) return;
  auto at = host.schedule->next_deadline();
  if (host.pace->next_send() > now_)
    at = std::min(at.value_or(Moment::max()), host.pace->next_send());
  const Moment limit = plan_.timing.host_timeout;
  if (limit > Moment{0}) at = std::min(at.value_or(Moment::max()), host.started + limit);
  if (!at) return;
  if (host.wake >= Moment{0} && host.wake <= *at) return;
  host.wake = *at;
  wakes_.push({*at, host.id});
}

void AuditEngine::interrupt_hosts() {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, host] : hosts_) ids.push_back(id);
  std::ranges::sort(ids);
  for (const std::uint64_t id : ids) {
    AuditHost& host = *hosts_.at(id);
    // Hosts of which nothing is known but that they are up are not told of.
    const auto knows = [](const std::vector<PortResult>& results) {
      return std::ranges::any_of(results, &PortResult::is_known);
    };
    const bool is_done = host.stage == AuditHost::Stage::Naming;
    if (host.report.status != HostStatus::Up ||
        !(is_done || std::ranges::any_of(host.results, knows))) {
      hosts_.erase(id);
      continue;
    }
    host.awaited_names = 0;
    finish(host);
  }
}

AuditEngine::Progress AuditEngine::progress() const {
  Progress progress{
      .hosts_done = done_, .hosts_up = up_, .hosts_active = hosts_.size(), .scan = {}};
  for (const auto& [id, host] : hosts_) {
    ++progress.in_stage[static_cast<std::size_t>(host->stage)];
    if (host->stage != AuditHost::Stage::Scan) continue;
    progress.probes_left += host->schedule->unanswered();
    progress.probes_of_scans += host->probes->size();
    progress.scan = xml_name_of(host->probes->type());
  }
  return progress;
}

}  // namespace trawl::control
