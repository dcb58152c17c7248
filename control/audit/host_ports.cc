#include "control/audit/host_ports.h"

#include <algorithm>
#include <utility>

#include "control/audit/ports/port_choice.h"
#include "control/audit/ports/port_set.h"

namespace trawl::control {
namespace {

constexpr std::size_t kMostKnown = 4096;

void ask_for(ScanType type, PortRequest& request) noexcept {
  switch (protocol_of(type)) {
    case PortProtocol::Udp: request.udp = true; break;
    case PortProtocol::Sctp: request.sctp = true; break;
    case PortProtocol::Ip: request.ip = true; break;
    default: request.tcp = true; break;
  }
}

}  // namespace

std::shared_ptr<const ProbeSet> scan_of_ports(ScanType type, std::vector<std::uint16_t> ports,
                                              const AuditOptions& options,
                                              std::mt19937_64& random) {
  // Wholly at random: the engine compares how many answer now with how many did before.
  if (options.random_ports) std::ranges::shuffle(ports, random);
  std::vector<ProbeSpec> specs;
  specs.reserve(ports.size());
  for (const std::uint16_t port : ports) {
    ProbeSpec spec{.kind = kind_of(type), .flags = 0, .number = port};
    if (spec.kind == ProbeKind::Tcp) {
      spec.flags = options.style.scan_flags.value_or(flags_of(type));
    }
    specs.push_back(spec);
  }
  return std::make_shared<ProbeSet>(type, std::move(specs));
}

AuditResult<std::shared_ptr<const ScanList>> HostPorts::plan(
    const std::vector<std::string>& ports) {
  std::string key;
  for (const std::string& text : ports) {
    key += text;
    key += ' ';
  }
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  auto made = make(ports);
  if (!made) return made;
  if (known_.size() >= kMostKnown) known_.clear();
  known_.emplace(std::move(key), *made);
  return made;
}

AuditResult<std::shared_ptr<const ScanList>> HostPorts::make(
    const std::vector<std::string>& ports) {
  PortRequest request;
  request.exclude = options_.ports.exclude;
  for (const ScanType type : types_) ask_for(type, request);
  std::array<PortSet, kPortProtocols> chosen;
  for (const std::string& text : ports) {
    request.ports = text;
    auto choice = choose_ports(request, tables_.services(), tables_.protocols());
    if (!choice) return tl::unexpected{choice.error()};
    for (std::size_t i = 0; i < kPortProtocols; ++i) {
      for (const std::uint16_t port : choice->ports[i]) chosen[i].add(port);
    }
  }
  auto scans = std::make_shared<ScanList>();
  for (const ScanType type : types_) {
    const PortSet& set = chosen[static_cast<std::size_t>(protocol_of(type))];
    if (set.empty()) continue;
    scans->push_back(scan_of_ports(type, set.to_vector(), options_, random_));
  }
  if (scans->empty() && !std::exchange(has_warned_, true)) {
    warn_("WARNING: a target has ports of its own, but no scan of their protocols was asked for.");
  }
  return scans;
}

}  // namespace trawl::control
