#include "control/scripts/audited_host.h"

#include <algorithm>
#include <utility>

#include "control/audit/report/service_text.h"

namespace trawl::control {
namespace {

using Outcome = service::ServiceFinding::Outcome;

constexpr double kMicrosecond = 1e-6;
constexpr double kMillisecond = 1e-3;

std::string bytes_of(const std::optional<MacAddress>& mac) {
  std::string bytes;
  if (!mac) return bytes;
  for (int shift = 40; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<unsigned char>(mac->to_integer() >> shift));
  }
  return bytes;
}

void add_os(const OsReport& os, nse::HostFacts& facts) {
  facts.os_fingerprint = os.fingerprint;
  if (os.state != OsState::Matches) return;
  for (const OsMatchReport& match : os.matches) {
    nse::HostFacts::OsMatch& one = facts.os.emplace_back();
    one.name = match.name;
    for (const osfp::OsClass& known : match.classes) {
      one.classes.push_back({.vendor = known.vendor,
                             .family = known.family,
                             .generation = known.generation,
                             .type = known.type,
                             .cpe = known.cpes});
    }
  }
}

// Each hop by its place; those without an answer are empty.
void add_hops(const std::vector<TraceReport>& traces, nse::HostFacts& facts) {
  if (traces.empty()) return;
  for (const HopReport& hop : traces.front().hops) {
    if (hop.ttl == 0) continue;
    facts.hops.resize(std::max<std::size_t>(facts.hops.size(), hop.ttl));
    facts.hops[hop.ttl - 1] = {
        .ip = hop.ip, .name = hop.name, .srtt = hop.rtt.count() * kMillisecond};
  }
}

Outcome outcome_of(nse::ScannedHost::Match match) noexcept {
  using enum nse::ScannedHost::Match;
  switch (match) {
    case Hard: return Outcome::Matched;
    case Soft: return Outcome::SoftMatched;
    case TcpWrapped: return Outcome::Wrapped;
    case Incomplete: return Outcome::Incomplete;
    case None: break;
  }
  return Outcome::Unknown;
}

// Reports have ports by protocol and number.
template <typename Ports>
auto* find_in(Ports& ports, std::string_view protocol, std::uint16_t number) {
  const auto comes_before = [](const PortReport& port, const auto& key) {
    return std::pair{port.protocol, port.number} < key;
  };
  for (std::size_t i = 0; i < kPortProtocols; ++i) {
    const auto kind = static_cast<PortProtocol>(i);
    if (name_of(kind) != protocol) continue;
    const std::pair key{kind, number};
    const auto found = std::lower_bound(ports.begin(), ports.end(), key, comes_before);
    const bool is_there = found != ports.end() && std::pair{found->protocol, found->number} == key;
    return is_there ? &*found : nullptr;
  }
  return static_cast<decltype(&ports.front())>(nullptr);
}

}  // namespace

ScriptReport report_of(const nse::ScriptResult& result) {
  return {.id = result.script.id, .output = result.output};
}

void AuditedHost::add(const nse::ScriptResult& result) {
  if (!result.port) {
    host_.report.scripts.push_back(report_of(result));
    return;
  }
  PortReport* const port = find(result.port->protocol, result.port->number);
  if (port == nullptr) return;
  auto scripts = port->scripts ? std::make_shared<std::vector<ScriptReport>>(*port->scripts)
                               : std::make_shared<std::vector<ScriptReport>>();
  scripts->push_back(report_of(result));
  port->scripts = std::move(scripts);
}

std::vector<nse::ScriptPort> AuditedHost::ports() const {
  std::vector<nse::ScriptPort> ports;
  for (const PortReport& port : host_.report.ports) {
    const bool may_be_open = port.state == PortState::Open ||
                             port.state == PortState::OpenFiltered ||
                             port.state == PortState::Unfiltered;
    if (!may_be_open || port.protocol == PortProtocol::Ip) continue;
    ports.push_back({.number = port.number, .protocol = std::string{name_of(port.protocol)}});
  }
  return ports;
}

nse::HostFacts AuditedHost::facts() const {
  const HostReport& report = host_.report;
  const HostLink& link = host_.link;
  nse::HostFacts facts;
  facts.ip = report.ip;
  facts.source = link.source;
  facts.name = report.reverse_name;
  facts.target_name = report.name;
  facts.interface = link.interface;
  facts.interface_mtu = static_cast<int>(link.mtu);
  facts.directly_connected = link.is_direct;
  facts.mac = bytes_of(report.mac);
  facts.mac_source = bytes_of(link.mac);
  facts.mac_next_hop = bytes_of(link.next_hop);
  facts.reason = std::string{report.reason.word};
  facts.reason_ttl = report.reason.ttl;
  if (report.times.srtt_us >= 0) {
    facts.srtt = static_cast<double>(report.times.srtt_us) * kMicrosecond;
    facts.rttvar = static_cast<double>(report.times.rttvar_us) * kMicrosecond;
  }
  facts.timeout = static_cast<double>(report.times.timeout_us) * kMicrosecond;
  if (report.os) add_os(*report.os, facts);
  add_hops(report.traces, facts);
  return facts;
}

PortReport* AuditedHost::find(std::string_view protocol, std::uint16_t number) {
  return find_in(host_.report.ports, protocol, number);
}

nse::PortFacts AuditedHost::facts_of(const PortReport& port) const {
  nse::PortFacts facts{.number = port.number,
                       .protocol = std::string{name_of(port.protocol)},
                       .state = std::string{name_of(port.state)},
                       .reason = std::string{port.reason.word},
                       .reason_ttl = port.reason.ttl};
  const ServiceText text = service_text(port, names_);
  nse::PortVersion& version = facts.version;
  version.name = std::string{text.name};
  version.product = std::string{text.product};
  version.version = text.version;
  version.extra_info = text.info;
  version.tunnelled = text.is_tls;
  version.probed = text.is_probed;
  version.confidence = text.confidence;
  if (!port.service) return facts;
  version.host_name = port.service->hostname;
  version.os_type = port.service->os;
  version.device_type = port.service->device;
  version.fingerprint = port.service->fingerprint;
  for (const std::string_view cpe : cpes_of(*port.service)) version.cpe.emplace_back(cpe);
  return facts;
}

std::optional<nse::PortFacts> AuditedHost::port(std::string_view protocol,
                                                std::uint16_t number) const {
  const PortReport* const found = find_in(host_.report.ports, protocol, number);
  return found == nullptr ? std::nullopt : std::optional{facts_of(*found)};
}

std::optional<nse::PortFacts> AuditedHost::next_port(std::string_view protocol,
                                                     std::string_view state, int after) const {
  // They are by protocol and number.
  for (const PortReport& port : host_.report.ports) {
    if (name_of(port.protocol) == protocol && name_of(port.state) == state && port.number > after) {
      return facts_of(port);
    }
  }
  return {};
}

void AuditedHost::set_state(std::string_view protocol, std::uint16_t number, bool open) {
  PortReport* const port = find(protocol, number);
  if (port == nullptr) return;
  const PortState state = open ? PortState::Open : PortState::Closed;
  if (port->state == state) return;
  port->state = state;
  port->reason = {.word = "script-set"};
}

void AuditedHost::set_version(std::string_view protocol, std::uint16_t number,
                              const nse::PortVersion& version, Match match) {
  PortReport* const port = find(protocol, number);
  if (port == nullptr) return;
  auto finding = std::make_shared<service::ServiceFinding>();
  if (port->service) {
    finding->fingerprint = port->service->fingerprint;
    finding->answered = port->service->answered;
    if (port->service->name == version.name) finding->rpc = port->service->rpc;
  }
  finding->outcome = outcome_of(match);
  if (match == Match::Hard) finding->fingerprint.clear();
  finding->name = version.name;
  finding->is_tls = version.tunnelled;
  finding->product = version.product;
  finding->version = version.version;
  finding->info = version.extra_info;
  finding->hostname = version.host_name;
  finding->os = version.os_type;
  finding->device = version.device_type;
  finding->cpes = version.cpe;
  port->service = std::move(finding);
}

}  // namespace trawl::control
