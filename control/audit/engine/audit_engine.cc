#include "control/audit/engine/audit_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <string>
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
constexpr Moment kKeysEvery{20'000};

// Targets may have ports of their own.
std::vector<std::uint16_t> all_ports() {
  std::vector<std::uint16_t> ports(65536);
  std::iota(ports.begin(), ports.end(), std::uint16_t{0});
  return ports;
}

}  // namespace

AuditEngine::AuditEngine(AuditPlan plan, TargetList& targets, Hooks hooks)
    : plan_{std::move(plan)},
      targets_{targets},
      hooks_{std::move(hooks)},
      payloads_{builtin_payloads(), all_ports()},
      writer_{plan_.style, payloads_},
      group_{plan_.timing},
      book_{plan_.types, plan_.scans},
      group_rtt_{plan_.timing},
      neighbour_probe_{std::make_shared<ProbeSet>(
          ScanType::Neighbour, std::vector<ProbeSpec>{{.kind = ProbeKind::Neighbour}})},
      start_{steady_clock::now()} {}

AuditEngine::~AuditEngine() = default;

Moment AuditEngine::now() const noexcept {
  return duration_cast<Moment>(steady_clock::now() - start_);
}

Result<void> AuditEngine::run() {
  if (plan_.raw) {
    auto network = dataplane::RawNetwork::open(plan_.network);
    if (!network) return Failure{network.error()};
    network_ = std::move(*network);
    if (hooks_.trace) network_->trace(hooks_.trace);
    if (plan_.zombie) {
      idle_ = std::make_unique<IdleStage>(*plan_.zombie, plan_.style, plan_.timing.scan_delay,
                                          group_, *network_);
    }
  }
  auto connections = ConnectionPools::open(plan_, hooks_.warn);
  if (!connections) return Failure{connections.error()};
  connections_.emplace(std::move(*connections));
  if (hooks_.trace_connection) connections_->trace(hooks_.trace_connection);
  if (plan_.reverse_dns) {
    names_ = std::make_unique<NameThread>(std::make_shared<service::NameResolver>(plan_.names));
  }
  if (auto opened = open_services(); !opened) return opened;
  if (auto opened = open_os(); !opened) return opened;
  if (auto opened = open_scripts(); !opened) return opened;
  feed_ = std::make_unique<TargetFeed>(targets_);
  std::string failure;
  while (!was_stopped()) {
    turn();
    failure = connections_->broken();
    if (idle_ && failure.empty()) failure = idle_->failure();
    if (os_ && failure.empty()) failure = os_->failure();
    // What was found is told nevertheless.
    if (!failure.empty()) stop();
    if (hosts_.empty() && !has_targets_ && postponed_.empty() && end_scripts()) break;
    wait_for_work();
  }
  tell_of_targets();
  if (was_stopped()) {
    interrupt_hosts();
  } else {
    book_.close(false, now(), hooks_.task);
  }
  if (const std::string failures = connections_->failures(); !failures.empty() && hooks_.warn) {
    hooks_.warn(failures);
  }
  if (hooks_.tick) hooks_.tick(now());
  feed_.reset();
  if (!failure.empty()) return fail(ExitCode::Runtime, std::move(failure));
  return {};
}

void AuditEngine::turn() {
  now_ = now();
  tell_of_targets();
  admit();
  if (network_) {
    const dataplane::RawNetwork::Handler handler{
        .packet = [this](const dataplane::Dissection& reply,
                         std::span<const std::byte> bytes) { take_packet(reply, bytes); },
        .neighbour = [this](const dataplane::NeighbourAnswer& answer,
                            std::span<const std::byte>) { take_neighbour(answer); }};
    for (unsigned i = 0; i < kReceiveBursts && network_->receive(handler) > 0; ++i) now_ = now();
  }
  take_connections();
  take_names();
  take_services();
  take_os();
  take_scripts();
  if (idle_) turn_idle();
  while (!wakes_.empty() && wakes_.top().at <= now_) {
    const Wake wake = wakes_.top();
    wakes_.pop();
    const auto found = hosts_.find(wake.host);
    if (found == hosts_.end() || found->second->wake != wake.at) continue;
    found->second->wake = Moment{-1};
    make_ready(*found->second);
  }
  // Whoever was held up has its turn before newer ones.
  if (!blocked_.empty() && group_.may_send(now_) && may_unblock()) {
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
    // What was done meanwhile, such as opening an interface, is no part of a round trip.
    now_ = now();
    look_at(*found->second);
  }
  if (network_) network_->flush();
  close_tasks();
  if (now_ >= last_keys_ + kKeysEvery) read_keys();
  if (hooks_.tick && now_ >= last_tick_ + kTickEvery) {
    last_tick_ = now_;
    hooks_.tick(now_);
    if (hooks_.debug) tell_stragglers();
  }
}

void AuditEngine::wait_for_work() {
  constexpr Moment kPoll{1000};  // For what no descriptor tells of: names, a least rate.
  if (!ready_.empty() || admits_more_) return;
  if (scripts_ && scripts_->may_begin(now_, others_join_scripts())) return;
  Moment until = now_ + kLongestWait;
  if (!wakes_.empty()) until = std::min(until, wakes_.top().at);
  if (hooks_.tick) until = std::min(until, last_tick_ + kTickEvery);
  if (!blocked_.empty()) {
    until = std::min(until, group_.is_held_by_rate(now_) ? group_.next_send()
                            : may_unblock()              ? now_ + kPoll
                                                         : until);
  }
  if (names_) until = std::min(until, now_ + 2 * kPoll);
  until = std::min(until, std::max(connections_->next_look(), now_ + kPoll));
  if (idle_) until = std::min(until, idle_->wake());
  const Moment most = until - now();
  if (most <= Moment{0}) return;
  std::vector<int> others = connections_->fds();
  if (awaits_targets_) others.push_back(feed_->fd());
  if (keys_fd_ >= 0) others.push_back(keys_fd_);
  if (services_ && services_->fd() >= 0) others.push_back(services_->fd());
  if (os_) std::ranges::copy(os_->fds(), std::back_inserter(others));
  if (scripts_) others.push_back(scripts_->fd());
  if (network_) {
    network_->wait(most, others);
  } else {
    dataplane::wait_for(others, most);
  }
  read_keys();
}

// Without raw packets it is for connections that hosts wait.
bool AuditEngine::may_unblock() const noexcept { return network_ || connections_->has_room(); }

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
  const bool rationed = host.probes->type() == ScanType::Udp && !plan_.defeats_icmp_limit;
  const unsigned least = rationed ? 3 : 2;
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
  const bool udp = host.probes->type() == ScanType::Udp && !plan_.defeats_icmp_limit;
  const bool scarce = udp || plan_.timing.retries_given;
  if (send.is_ping || send.attempt == 0 || host.stage != AuditHost::Stage::Scan) return timeout;
  const unsigned factor = scarce ? 1U << 2 * std::min(send.attempt, 3U) : 1 + send.attempt / 2;
  // Each has its second's worth of ICMP errors.
  const Moment least{udp ? 1'000'000 * send.attempt : 0};
  return std::max(timeout, std::min(std::max(timeout * factor, least), kLongest));
}

void AuditEngine::look_at(AuditHost& host) {
  using enum AuditHost::Stage;
  const bool is_beside = host.stage == Services || host.stage == Os || host.stage == Scripts;
  if (host.stage == Naming || (!host.schedule && !is_beside)) return;
  const Moment limit = plan_.timing.host_timeout;
  if (limit > Moment{0} && now_ - host.started >= limit) {
    host.report.timed_out = true;
    finish(host);
    return;
  }
  if (is_beside) {
    schedule_wake(host);
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
  if (is_connection(spec.kind)) {
    ConnectionPool& pool = connections_->of(spec.kind);
    if (!pool.has_room()) return false;
    deadline = pool.deadline(now, deadline);
    pool.start({host.id, send.index, send.attempt, host.stage_serial, host.target.zone},
               host.target.ip, spec.number, deadline);
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
    // All of them leave, or ours would be the only one. A stuck interface frees its room in a
    // while.
    while (!dataplane::RawNetwork::has_room(host.way)) {
      network_->flush();
      if (!dataplane::RawNetwork::has_room(host.way)) dataplane::wait_for({}, Moment{1000});
    }
    packet.source = i == own ? host.way.source : plan_.decoys[i < own ? i : i - 1];
    (void)network_->send(host.way, packet);
  }
}

void AuditEngine::schedule_wake(AuditHost& host) {
  const bool asks = host.stage == AuditHost::Stage::Services ||
                    host.stage == AuditHost::Stage::Os || host.stage == AuditHost::Stage::Scripts;
  if (host.is_ready || host.stage == AuditHost::Stage::Naming || (!host.schedule && !asks)) return;
  auto at = asks ? std::nullopt : host.schedule->next_deadline();
  if (!asks && host.pace->next_send() > now_) {
    at = std::min(at.value_or(Moment::max()), host.pace->next_send());
  }
  const Moment limit = plan_.timing.host_timeout;
  if (limit > Moment{0}) at = std::min(at.value_or(Moment::max()), host.started + limit);
  if (!at) return;
  if (host.wake >= Moment{0} && host.wake <= *at) return;
  host.wake = *at;
  wakes_.push({*at, host.id});
}

void AuditEngine::interrupt_hosts() {
  if (services_) services_->turn();
  if (scripts_) {
    scripts_->stop();
    take_scripts();
  }
  const auto is_whole = [this](const AuditHost& host) {
    return host.stage == AuditHost::Stage::Naming && !scripts_;
  };
  std::vector<std::uint64_t> ids;
  for (const auto& [id, host] : hosts_) ids.push_back(id);
  std::ranges::sort(ids);
  // What only waits for its names comes first: --resume has to look at all that follow again.
  std::stable_partition(ids.begin(), ids.end(),
                        [&](std::uint64_t id) { return is_whole(*hosts_.at(id)); });
  for (const std::uint64_t id : ids) {
    AuditHost& host = *hosts_.at(id);
    // Hosts of which nothing is known but that they are up are not told of.
    const auto knows = [](const std::vector<PortResult>& results) {
      return std::ranges::any_of(results, &PortResult::is_known);
    };
    const bool is_done = is_whole(host);
    if (host.report.status != HostStatus::Up ||
        !(is_done || std::ranges::any_of(host.results, knows))) {
      active_probes_ -= largest_stage(host.target);
      hosts_.erase(id);
      continue;
    }
    host.awaited_names = 0;
    host.report.interrupted = !is_done;
    finish(host);
  }
}

}  // namespace trawl::control
