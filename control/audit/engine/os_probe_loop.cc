#include "control/audit/engine/os_probe_loop.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using osfp::Moment;
using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMostAtOnce =
    1024;                               // Hosts, each of which is sent 10 to 100 packets a second.
constexpr double kPacketsOfHost = 100;  // A second, at most.
constexpr Moment kWatched = microseconds{150};  // Before a probe is due: sleeping could be late.
constexpr Moment kLongestSleep = std::chrono::milliseconds{100};
constexpr unsigned kSentTogether = 32;  // Before what came is looked at.
constexpr unsigned kPatience = 20;      // Milliseconds that an interface may be stuck.

Moment clock_now() noexcept { return steady_clock::now().time_since_epoch(); }

}  // namespace

Result<std::unique_ptr<OsProbeLoop>> OsProbeLoop::open(Settings settings) {
  // Probes are compared with those of everybody else: they are never cut.
  settings.network.fragment = 0;
  auto network = dataplane::RawNetwork::open(settings.network);
  if (!network) return Failure{network.error()};
  return std::unique_ptr<OsProbeLoop>{new OsProbeLoop{std::move(settings), std::move(*network)}};
}

OsProbeLoop::OsProbeLoop(Settings settings, std::unique_ptr<dataplane::RawNetwork> network)
    : settings_{std::move(settings)}, network_{std::move(network)} {
  // Not the same in every run: what a host makes of a port's number would be the same as well.
  constexpr unsigned kSeries = (kLastSourcePort - kFirstSourcePort + 1U) / osfp::kProbes;
  next_port_ = static_cast<std::uint16_t>(kFirstSourcePort + random_() % kSeries * osfp::kProbes);
}

void OsProbeLoop::trace(bool is_on) {
  traces_ = is_on;
  if (!is_on) {
    network_->trace({});
    return;
  }
  network_->trace([this](bool is_sent, std::span<const std::byte> frame, bool has_header) {
    if (is_sent) news_.packets.push_back({true, has_header, {frame.begin(), frame.end()}});
  });
}

void OsProbeLoop::drop(std::uint64_t id) {
  std::erase_if(waiting_, [id](const OsQuestion& question) { return question.id == id; });
  const auto found = places_.find(id);
  if (found == places_.end()) return;
  const auto [is_v6, number] = found->second;
  if (is_v6) {
    group6_.remove(number);
    active6_.erase(number);
  } else {
    group_.remove(number);
    active_.erase(number);
  }
  places_.erase(found);
}

OsProber::News OsProbeLoop::take() {
  news_.counters = counters();
  return std::exchange(news_, {});
}

// What arrives is counted by the audit's own sockets, which have all interfaces that these have.
dataplane::PacketCounters OsProbeLoop::counters() noexcept {
  dataplane::PacketCounters all = network_->counters();
  all.received = 0;
  all.received_bytes = 0;
  return all;
}

void OsProbeLoop::turn(int wake_fd) {
  admit();
  send_due();
  const dataplane::RawNetwork::Handler handler{
      .packet = [this](const dataplane::Dissection&,
                       std::span<const std::byte> bytes) { take_packet(bytes); },
      .neighbour = [this](const dataplane::NeighbourAnswer&,
                          std::span<const std::byte> bytes) { take_advertisement(bytes); }};
  const bool came = network_->receive(handler) > 0;
  const auto due = next_due();
  hand_over();
  hand_over_v6();
  if (came || has_news()) return;
  const Moment left = due ? *due - clock_now() : kLongestSleep;
  if (left <= kWatched) return;
  const auto sleep =
      std::chrono::duration_cast<microseconds>(std::min(left - kWatched, kLongestSleep));
  network_->wait(sleep, std::array{wake_fd});
}

// With a limit of packets a second, so many hosts at once that they keep it. Answers tell the
// address and not the link: hosts with the same one, of two links, are asked one after the other.
void OsProbeLoop::admit() {
  std::size_t most = kMostAtOnce;
  if (settings_.max_rate > 0) {
    most = std::clamp<std::size_t>(static_cast<std::size_t>(settings_.max_rate / kPacketsOfHost), 1,
                                   kMostAtOnce);
  }
  while (!waiting_.empty() && group_.size() + group6_.size() < most) {
    const auto first = std::ranges::find_if(waiting_, [this](const OsQuestion& question) {
      return question.series6 ? !group6_.has(question.series6->destination)
                              : !group_.has(question.series.destination);
    });
    if (first == waiting_.end()) return;
    OsQuestion question = std::move(*first);
    waiting_.erase(first);
    begin(std::move(question));
  }
}

osfp::ProbingSettings OsProbeLoop::probing_of(const OsQuestion& question) const noexcept {
  osfp::ProbingSettings probing;
  probing.timeout = question.timeout;
  probing.sent_once = question.sent_once;
  probing.only_open_port = question.only_open_port;
  probing.first_source_port = kFirstSourcePort;
  probing.last_source_port = kLastSourcePort;
  if (settings_.max_rate > 0) {
    const std::chrono::duration<double> gap{1 / settings_.max_rate};
    probing.spacing = std::max(probing.spacing, std::chrono::duration_cast<Moment>(gap));
  }
  return probing;
}

void OsProbeLoop::begin(OsQuestion question) {
  auto way = network_->same_way(question.way);
  if (!way) {
    // Silence, and why.
    news_.warnings.push_back(way.error().message);
    OsAnswer& answer = news_.answers.emplace_back();
    answer.id = question.id;
    answer.round.series = question.series;
    if (question.series6) answer.round6.emplace().series = *question.series6;
    return;
  }
  if (question.series6) {
    begin_v6(std::move(question), *way);
  } else {
    begin_v4(std::move(question), *way);
  }
}

// Late answers to one round are none to the next: its ports are others, behind those of all batches
// that the host has had.
std::uint16_t OsProbeLoop::take_ports(const OsQuestion& question, std::size_t count) noexcept {
  if (question.last_batch) {
    const std::size_t next = *question.last_batch + count;
    return next + count > kLastSourcePort ? kFirstSourcePort : static_cast<std::uint16_t>(next);
  }
  if (next_port_ + count > kLastSourcePort) next_port_ = kFirstSourcePort;
  const std::uint16_t first = next_port_;
  next_port_ = static_cast<std::uint16_t>(next_port_ + count);
  return first;
}

std::uint16_t OsProbeLoop::pick_port() noexcept {
  constexpr unsigned kPorts = kLastSourcePort - kFirstSourcePort + 1U;
  return static_cast<std::uint16_t>(kFirstSourcePort + random_() % kPorts);
}

void OsProbeLoop::begin_v4(OsQuestion&& question, const dataplane::Way& way) {
  question.series.source_port = take_ports(question, osfp::kProbes);
  question.series.udp_source_port = pick_port();
  const std::size_t number = group_.add(osfp::HostProbing{
      question.series, question.knows_closed_port, probing_of(question), random_(), clock_now()});
  places_[question.id] = {.is_v6 = false, .number = number};
  active_[number] = {.id = question.id, .way = way, .syn_ack = {}};
}

void OsProbeLoop::begin_v6(OsQuestion&& question, const dataplane::Way& way) {
  question.series6->source_port = take_ports(question, osfp::kProbes6);
  question.series6->udp_source_port = pick_port();
  const std::size_t number = group6_.add(osfp::HostProbing6{
      *question.series6, question.knows_closed_port, probing_of(question), random_(), clock_now()});
  places_[question.id] = {.is_v6 = true, .number = number};
  active6_[number] = {.id = question.id, .way = way, .syn_ack = {}};
}

std::optional<Moment> OsProbeLoop::next_due() {
  const auto first = group_.due();
  const auto other = group6_.due();
  if (first && other) return std::min(*first, *other);
  return first ? first : other;
}

// Whether a probe left, or one was given up.
template <typename Group>
bool OsProbeLoop::send_one(Group& group) {
  const auto due = group.due();
  if (!due) return false;
  Moment now = clock_now();
  if (*due - now > kWatched) return false;
  while (now < *due) now = clock_now();
  if (const auto next = group.next(now)) send(*next);
  return true;
}

void OsProbeLoop::send_due() {
  for (unsigned sent = 0; sent < kSentTogether; ++sent) {
    const auto first = group_.due();
    const auto other = group6_.due();
    const bool is_v6 = other && (!first || *other < *first);
    if (!(is_v6 ? send_one(group6_) : send_one(group_))) return;
  }
}

void OsProbeLoop::send(const osfp::GroupProbing::Due& due) {
  const dataplane::Way& way = active_.at(due.host).way;
  osfp::ProbeSeries series = group_.host(due.host).series();
  std::array<std::byte, osfp::kMostProbeSize> room;
  const auto write = [&] {
    return std::span<const std::byte>{
        room.data(), osfp::write_probe(due.probe.probe, series, due.probe.stamp, room)};
  };
  send_copy(way, write());
  // When it has been handed to the kernel, not before: whatever held it up is seen.
  group_.sent(due, clock_now());
  for (const IpAddress& decoy : settings_.decoys) {
    if (!decoy.is_v4()) continue;
    series.source = decoy.v4();
    send_copy(way, write());
  }
}

void OsProbeLoop::send(const osfp::GroupProbing6::Due& due) {
  const dataplane::Way& way = active6_.at(due.host).way;
  osfp::ProbeSeries6 series = group6_.host(due.host).series();
  std::array<std::byte, osfp::kMostProbeSize6> room;
  const auto write = [&] {
    return std::span<const std::byte>{
        room.data(), osfp::write_probe(due.probe.probe, series, due.probe.stamp, room)};
  };
  send_copy(way, write());
  group6_.sent(due, clock_now());
  for (const IpAddress& decoy : settings_.decoys) {
    if (decoy.is_v4()) continue;
    series.source = decoy.v6();
    send_copy(way, write());
  }
}

// A stuck interface frees its room in a while; a packet that it never takes is one that is lost.
void OsProbeLoop::send_copy(const dataplane::Way& way, std::span<const std::byte> packet) {
  for (unsigned i = 0; i < kPatience && !dataplane::RawNetwork::has_room(way); ++i) {
    network_->flush();
    if (!dataplane::RawNetwork::has_room(way)) dataplane::wait_for({}, microseconds{1000});
  }
  if (!dataplane::RawNetwork::has_room(way)) return;
  (void)network_->send_packet(way, packet);
  network_->flush();
}

void OsProbeLoop::take_v6(std::span<const std::byte> packet) {
  if (!group6_.receive(packet, clock_now())) return;
  if (traces_) news_.packets.push_back({false, false, {packet.begin(), packet.end()}});
}

// Answers to NS. The audit's own sockets trace what neighbours say.
void OsProbeLoop::take_advertisement(std::span<const std::byte> packet) {
  (void)group6_.receive(packet, clock_now());
}

void OsProbeLoop::take_packet(std::span<const std::byte> packet) {
  constexpr unsigned kIpv6 = 6;
  if (!packet.empty() && std::to_integer<unsigned>(packet.front()) >> 4U == kIpv6) {
    take_v6(packet);
    return;
  }
  const auto number = group_.receive(packet);
  if (!number) return;
  if (traces_) news_.packets.push_back({false, false, {packet.begin(), packet.end()}});
  std::vector<std::byte>& syn_ack = active_.at(*number).syn_ack;
  namespace wire = dataplane::wire;
  const auto header = static_cast<std::size_t>(packet.front() & std::byte{0x0f}) * 4;
  const bool is_tcp = wire::read8(packet.data() + wire::kIpProtocol) == wire::kProtocolTcp;
  if (!syn_ack.empty() || !is_tcp || packet.size() < header + wire::kTcpSize) return;
  const osfp::ProbeSeries& series = group_.host(*number).series();
  const std::uint16_t to = wire::read16(packet.data() + header + wire::kTcpDestinationPort);
  if (to == osfp::source_port_of(osfp::Probe::Seq1, series)) {
    syn_ack.assign(packet.begin(), packet.end());
  }
}

void OsProbeLoop::hand_over() {
  for (const std::size_t number : group_.take_completed()) {
    const osfp::HostProbing& host = group_.host(number);
    const auto found = active_.find(number);
    news_.answers.push_back({.id = found->second.id,
                             .round = host.round(),
                             .round6 = std::nullopt,
                             .kept_time = host.kept_time(),
                             .timing_ratio = host.timing_ratio(),
                             .syn_ack = std::move(found->second.syn_ack)});
    places_.erase(found->second.id);
    active_.erase(found);
    group_.remove(number);
  }
}

void OsProbeLoop::hand_over_v6() {
  for (const std::size_t number : group6_.take_completed()) {
    const osfp::HostProbing6& host = group6_.host(number);
    const auto found = active6_.find(number);
    news_.answers.push_back({.id = found->second.id,
                             .round = {},
                             .round6 = host.round(),
                             .kept_time = host.kept_time(),
                             .timing_ratio = host.timing_ratio(),
                             .syn_ack = {}});
    places_.erase(found->second.id);
    active6_.erase(found);
    group6_.remove(number);
  }
}

}  // namespace trawl::control
