#include "control/os/os_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "control/os/os_fact.h"
#include "control/os/os_reset.h"
#include "control/os/packet_sink.h"
#include "osfp/active/group_probing.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using osfp::Moment;
using osfp::Probe;

// Parts of OsPackets::kPorts.
constexpr std::uint16_t kUdpPlace = 224;     // Below it: batches of TCP probes.
constexpr std::uint16_t kClosedPlace = 240;  // Of the SYNs that look for a closed port.
constexpr unsigned kClosedTries = 3;

// How long before its time a probe is given to the sending core, and how long a full ring is let
// empty.
constexpr Moment kLead = 20ms;
constexpr Moment kFullWait = 2ms;
constexpr Moment kTolerance = 1ms;
constexpr Moment kMostTimeout = 1500ms;
constexpr unsigned kMostLateRounds = 2;  // Done again.
constexpr std::size_t kReads = 32;
constexpr std::uint8_t kResetTtl = 64;

struct Host {
  IpAddress ip;
  std::uint16_t open_port = 0;
  std::vector<std::uint64_t> ports;  // Tags of those that wait for it.
  // The search for a closed port.
  std::optional<osfp::ProbeSeries> search;
  unsigned searches = 0;
  Moment searched_at{};
  std::optional<std::uint16_t> closed_port;
  std::optional<Moment> round_trip;
  // Rounds.
  std::optional<std::size_t> number;  // In the group.
  unsigned rounds = 0;
  unsigned late_rounds = 0;
  std::optional<Moment> first_seq;  // When the SEQ probes of this round left.
  Moment last_seq{};
  bool is_late = false;
  std::string trouble;
  std::optional<OsJudgement> best;
};

// A port on its way to its answer.
struct Asked {
  service::ServicePort port;
  std::optional<service::ServiceFinding> finding;  // Of who asks ports; at once where nobody does.
  bool is_host_done = false;
  std::shared_ptr<const ServiceFact> host;
};

class OsWorker final : public ServiceWorker {
 public:
  OsWorker(service::Loop& loop, OsPackets packets, std::shared_ptr<const osfp::OsScorer> scorer,
           const OsWorkerSettings& settings, Hooks hooks)
      : loop_{loop},
        packets_{std::move(packets)},
        scorer_{std::move(scorer)},
        settings_{settings},
        hooks_{std::move(hooks)},
        random_{mix64(settings.seed)} {}
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
    std::erase_if(asked_, [&host](const auto& asked) { return asked.second.port.host == host; });
    forget(host);
  }
  void abandon(const IpAddress& host) override {
    if (inner_) inner_->abandon(host);
    std::erase_if(asked_, [&host](const auto& asked) { return asked.second.port.host == host; });
    forget(host);
  }
  void turn() override {
    if (inner_) inner_->turn();
    pump();
  }

 private:
  [[nodiscard]] Moment now() const noexcept {
    return std::chrono::microseconds{packets_.clock.microseconds_at(TscClock::now())};
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

  void read(service::SocketId socket, void (OsWorker::*take)(const service::Event&));
  void take_received(const service::Event& event);
  void take_departed(const service::Event& event);
  void take_search(Host& host, std::span<const std::byte> packet, Moment at);
  void pump();
  void send_due();
  void wait(Moment until);
  void begin_hosts();
  void begin(Host& host);
  bool send_search(Host& host);
  void begin_rounds(Host& host);
  void end_round(Host& host);
  void judge(Host& host);
  void finish(Host& host);
  void forget(const IpAddress& ip);
  void done(const service::ServicePort& port, service::ServiceFinding&& finding);
  void answer_if_done(std::uint64_t tag);

  service::Loop& loop_;
  OsPackets packets_;
  std::shared_ptr<const osfp::OsScorer> scorer_;
  const OsWorkerSettings settings_;
  Hooks hooks_;
  std::uint64_t random_;
  std::unique_ptr<ServiceWorker> inner_;
  service::SocketId received_{};
  service::SocketId departed_{};
  service::EventId timer_{};
  osfp::GroupProbing group_;
  std::unordered_map<std::uint64_t, Asked> asked_;  // By tag of the port.
  std::unordered_map<std::uint32_t, Host> hosts_;   // By address; those that wait, too.
  std::deque<std::uint32_t> waiting_;
  std::size_t active_ = 0;
  std::unordered_map<std::size_t, std::uint32_t> by_number_;  // Of the group.
  std::unordered_set<std::uint32_t> searching_;
  std::unordered_set<std::uint32_t> told_;  // Where hosts are remembered.
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
    done(port, std::move(finding));
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
  Asked& asked = asked_[tag];
  asked.port = port;
  if (!inner_) asked.finding.emplace();
  const bool is_possible = port.host.is_v4() && port.transport == service::Transport::Tcp;
  const std::uint32_t key = is_possible ? port.host.v4().value() : 0;
  if (!is_possible || told_.contains(key)) {
    asked.is_host_done = true;
  } else {
    auto [found, is_new] = hosts_.try_emplace(key);
    found->second.ports.push_back(tag);
    if (is_new) {
      found->second.ip = port.host;
      found->second.open_port = port.port;
      waiting_.push_back(key);
    }
  }
  if (inner_) inner_->add(std::move(port));
  answer_if_done(tag);
  begin_hosts();
}

void OsWorker::begin_hosts() {
  while (!waiting_.empty() && active_ < settings_.most_hosts) {
    const auto found = hosts_.find(waiting_.front());
    // Forgotten meanwhile, or forgotten and found again and under way.
    const bool is_waiting =
        found != hosts_.end() && found->second.searches == 0 && !found->second.number;
    if (is_waiting) {
      if (!packets_.exchange->watch(found->second.ip)) return;  // Until another host is done.
      ++active_;
      begin(found->second);
    }
    waiting_.pop_front();
  }
}

// To a port that hardly anything uses.
void OsWorker::begin(Host& host) {
  constexpr std::uint32_t kFirst = 30'000;
  constexpr std::uint32_t kSpan = 10'000;
  host.search =
      osfp::ProbeSeries{.source = packets_.exchange->source().v4(),
                        .destination = host.ip.v4(),
                        .open_port = static_cast<std::uint16_t>(kFirst + random() % kSpan),
                        .source_port = static_cast<std::uint16_t>(first_port() + kClosedPlace),
                        .udp_source_port = static_cast<std::uint16_t>(first_port() + kUdpPlace),
                        .sequence = random(),
                        .ack = 1};
  host.searches = 1;
  searching_.insert(host.ip.v4().value());
  (void)send_search(host);
}

bool OsWorker::send_search(Host& host) {
  std::array<std::byte, osfp::kMostProbeSize> packet;
  const std::size_t size = osfp::write_probe(Probe::Seq1, *host.search,
                                             {.id = static_cast<std::uint16_t>(random())}, packet);
  host.searched_at = now();
  return packets_.exchange->send({packet.data(), size}, 0, 0) ==
         dataplane::RawExchange::Sending::Queued;
}

void OsWorker::take_search(Host& host, std::span<const std::byte> packet, Moment at) {
  const auto match = osfp::match_response(*host.search, packet);
  if (!match || match->probe != Probe::Seq1) return;
  const auto* const segment = std::get_if<osfp::TcpResponse>(&match->response);
  if (segment == nullptr) return;
  host.round_trip = std::max(at - host.searched_at, Moment{0});
  if (!segment->is_syn_ack()) host.closed_port = host.search->open_port;
  begin_rounds(host);
}

void OsWorker::begin_rounds(Host& host) {
  const std::uint32_t key = host.ip.v4().value();
  searching_.erase(key);
  osfp::ProbeSeries series = *host.search;
  series.open_port = host.open_port;
  series.closed_port = host.closed_port.value_or(*host.search->open_port);
  series.udp_port = static_cast<std::uint16_t>(30'000 + random() % 10'000);
  constexpr std::uint32_t kBatches = kUdpPlace / osfp::kProbes;
  series.source_port =
      static_cast<std::uint16_t>(first_port() + random() % kBatches * osfp::kProbes);
  osfp::ProbingSettings probing;
  probing.timeout = settings_.patience;
  if (host.round_trip) {
    probing.timeout =
        std::clamp<Moment>(*host.round_trip * 5, settings_.least_patience, kMostTimeout);
  }
  probing.first_source_port = first_port();
  probing.last_source_port = static_cast<std::uint16_t>(first_port() + kUdpPlace - 1);
  probing.first_echo_id = packets_.exchange->ports().first;
  probing.last_echo_id = packets_.exchange->ports().last;
  host.number = group_.add(osfp::HostProbing{series, host.closed_port.has_value(), probing,
                                             mix64(random_ ^ key), now() + kLead});
  by_number_[*host.number] = key;
}

void OsWorker::take_received(const service::Event& event) {
  const auto packet = std::as_bytes(std::span{event.bytes.data(), event.bytes.size()});
  constexpr std::size_t kSource = 12;
  if (packet.size() < kSource + 4) return;
  std::uint32_t key = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    key = key << 8U | static_cast<std::uint32_t>(packet[kSource + i]);
  }
  if (settings_.resets) {
    std::array<std::byte, kResetSize> reset;
    if (write_reset(packet, kResetTtl, reset)) (void)packets_.exchange->send(reset, 0, 0);
  }
  if (searching_.contains(key)) {
    const Moment at = std::chrono::microseconds{packets_.clock.microseconds_at(event.packet.tag)};
    take_search(hosts_.at(key), packet, at);
    return pump();
  }
  if (group_.receive(packet)) pump();
}

// The tag is the host's address and one more than the number of the SEQ probe.
void OsWorker::take_departed(const service::Event& event) {
  const auto found = hosts_.find(static_cast<std::uint32_t>(event.packet.tag >> 32U));
  if (found == hosts_.end() || event.bytes.size() != sizeof(Ticks)) return;
  Host& host = found->second;
  Ticks ticks = 0;
  std::memcpy(&ticks, event.bytes.data(), sizeof ticks);
  if (ticks == 0) {
    host.trouble = "a packet was stopped: its network may be sent nothing, or was lost sight of";
    host.is_late = true;
    return;
  }
  const Moment at = std::chrono::microseconds{packets_.clock.microseconds_at(ticks)};
  const auto number = (event.packet.tag & 0xffU) - 1;
  if (number == 0) {
    host.first_seq = at;
    host.is_late = false;
  } else if (!host.first_seq || at - host.last_seq > osfp::kSeqSpacing + kTolerance ||
             at - host.last_seq < osfp::kSeqSpacing - kTolerance) {
    host.is_late = true;
  }
  host.last_seq = at;
}

void OsWorker::pump() {
  send_due();
  for (const std::size_t number : group_.take_completed()) {
    end_round(hosts_.at(by_number_.at(number)));
  }
  const Moment at = now();
  std::vector<std::uint32_t> overdue;
  for (const std::uint32_t key : searching_) {
    if (at - hosts_.at(key).searched_at >= settings_.patience / 2) overdue.push_back(key);
  }
  for (const std::uint32_t key : overdue) {
    Host& host = hosts_.at(key);
    if (host.searches++ < kClosedTries) {
      (void)send_search(host);
    } else {
      begin_rounds(host);
    }
  }
  begin_hosts();
  Moment next = at + 50ms;
  if (const auto due = group_.due()) next = std::min(next, *due - kLead);
  if (!searching_.empty() || group_.size() > 0) wait(std::max(next, at + 1ms));
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
    const std::uint64_t tag = osfp::is_seq(next->probe.probe)
                                  ? std::uint64_t{by_number_.at(next->host)} << 32U |
                                        (osfp::index_of(next->probe.probe) + 1)
                                  : 0;
    const auto sent = packets_.exchange->send({packet.data(), size}, ticks_at(planned), tag);
    if (sent == dataplane::RawExchange::Sending::Full) return;  // The same one comes again.
    group_.sent(*next, planned);
  }
}

void OsWorker::end_round(Host& host) {
  const bool has_kept_time = group_.host(*host.number).kept_time() && !host.is_late;
  if (!has_kept_time && host.late_rounds < kMostLateRounds) {
    ++host.late_rounds;
    host.is_late = false;
    group_.begin_round(*host.number, now() + kLead);
    return;
  }
  ++host.rounds;
  judge(host);
  const bool is_clear = host.best->matches.outcome == osfp::OsOutcome::Perfect ||
                        host.best->matches.outcome == osfp::OsOutcome::TooMany;
  if (is_clear || host.rounds >= settings_.most_rounds) return finish(host);
  host.is_late = false;
  group_.begin_round(*host.number, now() + kLead);
}

// A round counts when it fits better than those before.
void OsWorker::judge(Host& host) {
  osfp::Analysis analysis = osfp::analyse(group_.host(*host.number).round());
  osfp::OsMatches matches =
      osfp::pick_matches(scorer_->database(), scorer_->score(analysis.fingerprint));
  const auto percent = [](const osfp::OsMatches& found) {
    return found.matches.empty() ? 0U : found.matches.front().score.percent();
  };
  const bool is_better = !host.best || matches.outcome == osfp::OsOutcome::TooMany ||
                         percent(matches) > percent(host.best->matches);
  if (is_better) {
    host.best = OsJudgement{.ip = host.ip,
                            .open_port = host.open_port,
                            .closed_port = host.closed_port,
                            .analysis = std::move(analysis),
                            .matches = std::move(matches)};
    if (host.is_late && host.first_seq) {
      constexpr int kSpaces = static_cast<int>(osfp::kSeqProbes) - 1;
      host.best->timing_ratio = std::chrono::duration<double>(host.last_seq - *host.first_seq) /
                                std::chrono::duration<double>(osfp::kSeqSpacing * kSpaces);
    }
  }
  host.best->rounds = host.rounds;
}

void OsWorker::finish(Host& host) {
  auto fact = std::make_shared<ServiceFact>(
      os_fact(*host.best, scorer_->database(), std::chrono::system_clock::now()));
  const auto& exchanges = group_.host(*host.number).round().exchanges;
  const bool is_silent = std::ranges::none_of(
      exchanges, [](const osfp::Exchange& exchange) { return exchange.response.has_value(); });
  if (is_silent) {
    fact->trouble = host.trouble.empty() ? "it answered none of the probes" : host.trouble;
    fact->systems.clear();
    fact->os.clear();
    fact->cpes.clear();
    fact->device.clear();
  }
  const std::vector<std::uint64_t> tags = std::move(host.ports);
  const std::uint32_t key = host.ip.v4().value();
  if (settings_.remembers) told_.insert(key);
  host.ports.clear();
  forget(host.ip);
  std::shared_ptr<const ServiceFact> told = std::move(fact);
  for (const std::uint64_t tag : tags) {
    const auto found = asked_.find(tag);
    if (found == asked_.end()) continue;
    found->second.is_host_done = true;
    found->second.host = std::exchange(told, nullptr);
    answer_if_done(tag);
  }
  begin_hosts();
}

// Nothing more goes to it.
void OsWorker::forget(const IpAddress& ip) {
  if (!ip.is_v4()) return;
  const auto found = hosts_.find(ip.v4().value());
  if (found == hosts_.end()) return;
  const Host& host = found->second;
  if (host.searches > 0) {
    packets_.exchange->unwatch(ip);
    --active_;
  }
  if (host.number) {
    by_number_.erase(*host.number);
    group_.remove(*host.number);
  }
  searching_.erase(found->first);
  hosts_.erase(found);
}

void OsWorker::done(const service::ServicePort& port, service::ServiceFinding&& finding) {
  const auto found = asked_.find(port.tag);
  if (found == asked_.end()) return;
  found->second.finding = std::move(finding);
  answer_if_done(port.tag);
}

void OsWorker::answer_if_done(std::uint64_t tag) {
  const auto found = asked_.find(tag);
  if (found == asked_.end()) return;
  Asked& asked = found->second;
  if (!asked.finding || !asked.is_host_done) return;
  const service::ServicePort port = std::move(asked.port);
  service::ServiceFinding finding = std::move(*asked.finding);
  finding.host = std::move(asked.host);
  asked_.erase(found);
  hooks_.done(port, std::move(finding));
}

}  // namespace

Result<OsPackets> OsPackets::open(std::uint16_t first_port) {
  constexpr std::size_t kWaiting = 4096;
  OsPackets packets;
  packets.clock = TscClock::calibrate();
  auto received = service::PacketSource::open(
      {.packets = kWaiting, .most_bytes = dataplane::RawPacket::kMostBytes});
  if (!received) return Failure{received.error()};
  auto departed = service::PacketSource::open({.packets = kWaiting, .most_bytes = sizeof(Ticks)});
  if (!departed) return Failure{departed.error()};
  packets.received = std::move(*received);
  packets.departed = std::move(*departed);
  const auto last = static_cast<std::uint16_t>(first_port + kPorts - 1);
  packets.exchange = std::make_shared<dataplane::RawExchange>(dataplane::RawExchange::Config{
      .ports = {first_port, last},
      .received = std::make_shared<PacketSink>(packets.received, packets.clock),
      .departed = std::make_shared<PacketSink>(packets.departed, packets.clock)});
  return packets;
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
