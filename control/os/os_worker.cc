#include "control/os/os_worker.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "control/os/closed_port_search.h"
#include "control/os/os_host.h"
#include "control/os/os_reset.h"
#include "control/os/port_gate.h"
#include "osfp/active/group_probing.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using osfp::Moment;

// Parts of OsPackets::kPorts.
constexpr std::uint16_t kUdpPlace = 224;     // Below it: batches of TCP probes.
constexpr std::uint16_t kClosedPlace = 240;  // Of the SYNs that look for a closed port.
// How long before its time a probe is given to the sending core, and how long a full ring is let
// empty.
constexpr Moment kLead = 20ms;
constexpr Moment kFullWait = 1ms;
constexpr Moment kMostTimeout = 1500ms;
constexpr unsigned kMostLateRounds = 2;  // Done again.
constexpr std::size_t kReads = 32;
constexpr std::uint8_t kResetTtl = 64;

class OsWorker final : public ServiceWorker {
 public:
  OsWorker(service::Loop& loop, OsPackets packets, std::shared_ptr<const osfp::OsScorer> scorer,
           const OsWorkerSettings& settings, Hooks hooks)
      : loop_{loop},
        packets_{std::move(packets)},
        scorer_{std::move(scorer)},
        settings_{settings},
        hooks_{std::move(hooks)},
        gate_{hooks_.done},
        random_{mix64(settings.seed)},
        search_{{.source_port = static_cast<std::uint16_t>(first_port() + kClosedPlace),
                 .wait = settings.patience / 2,
                 .seed = settings.seed,
                 .send = [this](std::span<const std::byte> packet) {
                   (void)packets_.exchange->send(packet, 0, 0);
                 }}} {}
  ~OsWorker() override {
    inner_.reset();
    loop_.close(received_);
    loop_.close(departed_);
    if (timer_ != service::EventId{}) (void)loop_.cancel(timer_, false);
  }
  OsWorker(const OsWorker&) = delete;
  OsWorker& operator=(const OsWorker&) = delete;

  Result<void> begin(const ServiceThread::Make& inner);
  void add(service::ServicePort port) override;
  void drop(const IpAddress& host) override {
    if (inner_) inner_->drop(host);
    leave(host);
  }
  void abandon(const IpAddress& host) override {
    if (inner_) inner_->abandon(host);
    leave(host);
  }
  void turn() override {
    if (inner_) inner_->turn();
  }

 private:
  [[nodiscard]] Moment now() const noexcept { return moment_at(TscClock::now()); }
  [[nodiscard]] Moment moment_at(Ticks ticks) const noexcept {
    return std::chrono::microseconds{packets_.clock.microseconds_at(ticks)};
  }
  [[nodiscard]] Ticks ticks_at(Moment moment) const noexcept {
    const Moment left = moment - now();
    return TscClock::now() + (left > 0ns ? packets_.clock.ticks_in(left) : 0);
  }
  [[nodiscard]] std::uint32_t random() noexcept {
    random_ = mix64(random_);
    return static_cast<std::uint32_t>(random_ >> 32U);
  }
  [[nodiscard]] std::uint16_t first_port() const noexcept {
    return packets_.exchange->ports().first;
  }
  [[nodiscard]] bool is_known(std::uint32_t host) const {
    return told_.contains(host) ||
           (settings_.told_before && std::ranges::binary_search(*settings_.told_before, host));
  }

  void read(service::SocketId socket, void (OsWorker::*take)(const service::Event&));
  void take_received(const service::Event& event);
  void take_departed(const service::Event& event);
  void pump();
  void send_due();
  void wait(Moment until);
  void begin_hosts();
  void begin_rounds(const ClosedPortSearch::Answer& answer);
  [[nodiscard]] osfp::ProbingSettings probing_after(const ClosedPortSearch::Answer& answer) const;
  void end_round(OsHost& host);
  [[nodiscard]] OsJudgement judge(const OsHost& host) const;
  void finish(OsHost& host);
  void leave(const IpAddress& ip);
  void forget(const IpAddress& ip);

  service::Loop& loop_;
  OsPackets packets_;
  std::shared_ptr<const osfp::OsScorer> scorer_;
  const OsWorkerSettings settings_;
  Hooks hooks_;
  PortGate gate_;
  std::uint64_t random_;
  std::unique_ptr<ServiceWorker> inner_;
  service::SocketId received_{};
  service::SocketId departed_{};
  service::EventId timer_{};
  ClosedPortSearch search_;
  osfp::GroupProbing group_;
  std::unordered_map<std::uint32_t, OsHost> hosts_;  // By address; those that wait, too.
  std::deque<std::uint32_t> waiting_;
  std::size_t active_ = 0;
  std::unordered_map<std::size_t, std::uint32_t> by_number_;  // Of the group.
  std::unordered_set<std::uint32_t> told_;                    // Where hosts are remembered.
};

Result<void> OsWorker::begin(const ServiceThread::Make& inner) {
  received_ = loop_.new_socket();
  departed_ = loop_.new_socket();
  if (auto opened = loop_.open_packets(received_, packets_.received); !opened) return opened;
  if (auto opened = loop_.open_packets(departed_, packets_.departed); !opened) return opened;
  for (std::size_t i = 0; i < kReads; ++i) {
    read(received_, &OsWorker::take_received);
    read(departed_, &OsWorker::take_departed);
  }
  if (!inner) return {};
  Hooks own = hooks_;
  own.done = [this](const service::ServicePort& port, service::ServiceFinding&& finding) {
    gate_.service_known(port.tag, std::move(finding));
  };
  auto made = inner(loop_, std::move(own));
  if (!made) return Failure{made.error()};
  inner_ = std::move(*made);
  return {};
}

void OsWorker::read(service::SocketId socket, void (OsWorker::*take)(const service::Event&)) {
  (void)loop_.read_packet(socket, service::kForever, [this, socket, take](const auto& event) {
    if (event.status != service::EventStatus::Success) return;
    (this->*take)(event);
    read(socket, take);
  });
}

void OsWorker::add(service::ServicePort port) {
  const std::uint64_t tag = port.tag;
  gate_.add(port, inner_ != nullptr);
  const bool is_possible = port.host.is_v4() && port.transport == service::Transport::Tcp;
  const std::uint32_t key = is_possible ? port.host.v4().value() : 0;
  const bool is_wanted = is_possible && !is_known(key);
  if (is_wanted) {
    auto [found, is_new] = hosts_.try_emplace(key);
    found->second.ports.push_back(tag);
    if (is_new) {
      found->second.ip = port.host;
      found->second.open_port = port.port;
      waiting_.push_back(key);
    }
  }
  if (inner_) inner_->add(std::move(port));
  if (!is_wanted) gate_.host_known(tag, nullptr);
  pump();
}

void OsWorker::begin_hosts() {
  while (!waiting_.empty() && active_ < settings_.most_hosts) {
    const auto found = hosts_.find(waiting_.front());
    // Else it was forgotten meanwhile, or forgotten and found again and is under way.
    if (found != hosts_.end() && !found->second.is_active) {
      OsHost& host = found->second;
      if (!packets_.exchange->watch(host.ip)) return;  // Until another host is done.
      ++active_;
      host.is_active = true;
      search_.begin(packets_.exchange->source().v4(), host.ip.v4(), now());
    }
    waiting_.pop_front();
  }
}

osfp::ProbingSettings OsWorker::probing_after(const ClosedPortSearch::Answer& answer) const {
  osfp::ProbingSettings probing;
  probing.timeout = settings_.patience;
  if (answer.round_trip) {
    probing.timeout =
        std::clamp<Moment>(*answer.round_trip * 5, settings_.least_patience, kMostTimeout);
  }
  probing.spacing = std::max<Moment>(probing.spacing, settings_.least_spacing);
  probing.first_source_port = first_port();
  probing.last_source_port = static_cast<std::uint16_t>(first_port() + kUdpPlace - 1);
  probing.first_echo_id = packets_.exchange->ports().first;
  probing.last_echo_id = packets_.exchange->ports().last;
  return probing;
}

void OsWorker::begin_rounds(const ClosedPortSearch::Answer& answer) {
  constexpr std::uint32_t kBatches = kUdpPlace / osfp::kProbes;
  const std::uint32_t key = answer.host.value();
  OsHost& host = hosts_.at(key);
  if (answer.is_closed) host.closed_port = answer.port;
  // What counts up or has to be new is chosen by HostProbing.
  const osfp::ProbeSeries series{
      .source = packets_.exchange->source().v4(),
      .destination = answer.host,
      .open_port = host.open_port,
      .closed_port = answer.port,
      .udp_port = static_cast<std::uint16_t>(30'000 + random() % 10'000),
      .source_port = static_cast<std::uint16_t>(first_port() + random() % kBatches * osfp::kProbes),
      .udp_source_port = static_cast<std::uint16_t>(first_port() + kUdpPlace)};
  host.number = group_.add(osfp::HostProbing{series, answer.is_closed, probing_after(answer),
                                             mix64(random_ ^ key), now() + kLead});
  by_number_[*host.number] = key;
}

void OsWorker::take_received(const service::Event& event) {
  const auto packet = std::as_bytes(std::span{event.bytes.data(), event.bytes.size()});
  if (settings_.resets) {
    std::array<std::byte, kResetSize> reset;
    if (write_reset(packet, kResetTtl, reset)) (void)packets_.exchange->send(reset, 0, 0);
  }
  if (const auto answer = search_.receive(packet, moment_at(event.packet.tag))) {
    begin_rounds(*answer);
    pump();
  } else if (group_.receive(packet)) {
    pump();
  }
}

// The tag is the host's address and one more than the number of the SEQ probe; no time is told of a
// packet that was stopped.
void OsWorker::take_departed(const service::Event& event) {
  const auto found = hosts_.find(static_cast<std::uint32_t>(event.packet.tag >> 32U));
  if (found == hosts_.end() || event.bytes.size() != sizeof(Ticks)) return;
  Ticks ticks = 0;
  std::memcpy(&ticks, event.bytes.data(), sizeof ticks);
  if (ticks == 0) {
    found->second.departures.stopped();
  } else {
    found->second.departures.left((event.packet.tag & 0xffU) - 1, moment_at(ticks));
  }
}

// All that is due by now; the loop comes back when more will be.
void OsWorker::pump() {
  for (const ClosedPortSearch::Answer& silent : search_.turn(now())) begin_rounds(silent);
  send_due();
  for (const std::size_t number : group_.take_completed()) {
    end_round(hosts_.at(by_number_.at(number)));
  }
  begin_hosts();  // In the place of those that are done.
  std::optional<Moment> next = search_.due();
  if (const auto due = group_.due(); due && (!next || *due - kLead < *next)) next = *due - kLead;
  if (next) wait(std::max(*next, now() + kFullWait));
}

void OsWorker::wait(Moment until) {
  if (timer_ != service::EventId{}) (void)loop_.cancel(timer_, false);
  const auto left = std::chrono::duration_cast<service::Wait>(until - now());
  timer_ = loop_.timer(std::max(left, service::Wait{0}), [this](const service::Event& /*event*/) {
    timer_ = {};
    pump();
  });
}

// What is due soon goes to the sending core with its time.
void OsWorker::send_due() {
  std::array<std::byte, osfp::kMostProbeSize> packet;
  for (;;) {
    const auto due = group_.due();
    const Moment at = now();
    if (!due || *due > at + kLead) return;
    const auto next = group_.next(at + kLead);
    if (!next) return;
    const osfp::HostProbing& probing = group_.host(next->host);
    const Moment planned = std::max(*due, at);
    const std::size_t size =
        osfp::write_probe(next->probe.probe, probing.series(), next->probe.stamp, packet);
    // Of one that was not answered, the spacing is that of its first sending.
    const bool is_timed =
        osfp::is_seq(next->probe.probe) && probing.round().at(next->probe.probe).tries == 0;
    const std::uint64_t tag = is_timed ? std::uint64_t{by_number_.at(next->host)} << 32U |
                                             (osfp::index_of(next->probe.probe) + 1)
                                       : 0;
    const auto sent = packets_.exchange->send({packet.data(), size}, ticks_at(planned), tag);
    if (sent == dataplane::RawExchange::Sending::Full) return;  // The same one comes again.
    group_.sent(*next, planned);
  }
}

void OsWorker::end_round(OsHost& host) {
  const bool has_kept_time = group_.host(*host.number).kept_time() && host.departures.kept_time();
  if (!has_kept_time && host.late_rounds < kMostLateRounds) {
    ++host.late_rounds;
  } else {
    ++host.rounds;
    OsJudgement found = judge(host);
    if (!host.best || found.is_better_than(*host.best)) host.best = std::move(found);
    host.best->rounds = host.rounds;
    const osfp::OsOutcome outcome = host.best->matches.outcome;
    const bool is_clear =
        outcome == osfp::OsOutcome::Perfect || outcome == osfp::OsOutcome::TooMany;
    if (is_clear || host.rounds >= settings_.most_rounds) return finish(host);
  }
  host.departures.begin_round();
  group_.begin_round(*host.number, now() + kLead);
}

OsJudgement OsWorker::judge(const OsHost& host) const {
  const osfp::Round& round = group_.host(*host.number).round();
  osfp::Analysis analysis = osfp::analyse(round);
  osfp::OsMatches matches =
      osfp::pick_matches(scorer_->database(), scorer_->score(analysis.fingerprint));
  const bool is_answered = std::ranges::any_of(round.exchanges, [](const osfp::Exchange& exchange) {
    return exchange.response.has_value();
  });
  return {.ip = host.ip,
          .open_port = host.open_port,
          .closed_port = host.closed_port,
          .is_answered = is_answered,
          .was_stopped = host.departures.was_stopped(),
          .analysis = std::move(analysis),
          .matches = std::move(matches),
          .timing_ratio = host.departures.kept_time() ? std::nullopt : host.departures.ratio()};
}

void OsWorker::finish(OsHost& host) {
  std::shared_ptr<const ServiceFact> told = std::make_shared<const ServiceFact>(
      os_fact(*host.best, scorer_->database(), std::chrono::system_clock::now()));
  const std::vector<std::uint64_t> tags = std::move(host.ports);
  if (settings_.remembers) told_.insert(host.ip.v4().value());
  forget(host.ip);
  for (const std::uint64_t tag : tags) {
    if (gate_.has(tag)) gate_.host_known(tag, std::exchange(told, nullptr));
  }
}

// Its ports are answered no more.
void OsWorker::leave(const IpAddress& ip) {
  gate_.drop(ip);
  forget(ip);
  pump();
}

// Nothing more goes to it.
void OsWorker::forget(const IpAddress& ip) {
  if (!ip.is_v4()) return;
  const auto found = hosts_.find(ip.v4().value());
  if (found == hosts_.end()) return;
  const OsHost& host = found->second;
  if (host.is_active) {
    packets_.exchange->unwatch(ip);
    --active_;
  }
  if (host.number) {
    by_number_.erase(*host.number);
    group_.remove(*host.number);
  }
  search_.forget(ip.v4());
  hosts_.erase(found);
}

}  // namespace

void OsWorkerSettings::keep_rate(PacketsPerSecond most) noexcept {
  constexpr double kPacketsOfHost = 40;  // A second; most need half of that.
  if (most.is_unlimited() || most.per_second() <= 0) return;
  const auto hosts = static_cast<std::size_t>(
      std::min(most.per_second() / kPacketsOfHost, static_cast<double>(most_hosts)));
  most_hosts = std::max<std::size_t>(hosts, 1);
  least_spacing = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>{1 / most.per_second()});
}

ServiceThread::Make os_workers(OsPackets packets, std::shared_ptr<const osfp::OsScorer> scorer,
                               OsWorkerSettings settings, ServiceThread::Make inner) {
  return [packets = std::move(packets), scorer = std::move(scorer), settings,
          inner = std::move(inner)](
             service::Loop& loop,
             ServiceWorker::Hooks hooks) -> Result<std::unique_ptr<ServiceWorker>> {
    auto worker = std::make_unique<OsWorker>(loop, packets, scorer, settings, std::move(hooks));
    if (auto begun = worker->begin(inner); !begun) return Failure{begun.error()};
    return worker;
  };
}

}  // namespace trawl::control
