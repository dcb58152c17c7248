#include "control/pipeline/finding_fact.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

namespace trawl::control {
namespace {

using Outcome = service::ServiceFinding::Outcome;

PortClass class_of(const OpenPort& port, const service::ServiceFinding& finding) noexcept {
  switch (finding.outcome) {
    case Outcome::Matched:
    case Outcome::SoftMatched:
    case Outcome::Incomplete:
    case Outcome::Unknown: return PortClass::Service;
    case Outcome::Wrapped: return PortClass::Resets;
    // Of UDP only an answer tells that a port is open. Of TCP taking a connection is one, too, so
    // `answered` says nothing here.
    case Outcome::Silent:
      return port.protocol == Protocol::Udp ? PortClass::Service : PortClass::Accepts;
    case Outcome::Excluded:
    case Outcome::Failed: break;
  }
  return PortClass::Unknown;
}

}  // namespace

ServiceFact fact_of(const OpenPort& port, service::ServiceFinding&& finding,
                    std::chrono::system_clock::time_point now) {
  ServiceFact fact;
  fact.time = now;
  fact.ip = port.ip;
  fact.port = port.port;
  fact.protocol = port.protocol;
  fact.source = ServiceFact::Source::Version;
  fact.port_class = class_of(port, finding);
  fact.service = std::move(finding.name);
  if (fact.service.empty() && finding.outcome == Outcome::Wrapped) fact.service = "tcpwrapped";
  fact.is_tls = finding.is_tls;
  fact.product = std::move(finding.product);
  fact.version = std::move(finding.version);
  fact.info = std::move(finding.info);
  if (finding.rpc && fact.product.empty() && fact.version.empty() && fact.info.empty()) {
    const service::ServiceFinding::Rpc& rpc = *finding.rpc;
    fact.version =
        rpc.low == rpc.high ? fmt::format("{}", rpc.low) : fmt::format("{}-{}", rpc.low, rpc.high);
    fact.info = fmt::format("RPC #{}", rpc.number);
  }
  fact.hostname = std::move(finding.hostname);
  fact.os = std::move(finding.os);
  fact.device = std::move(finding.device);
  fact.cpes = std::move(finding.cpes);
  fact.probe = std::move(finding.evidence.probe);
  fact.line = static_cast<std::uint32_t>(finding.evidence.line);
  fact.is_cut = finding.evidence.response.size() >= service::ServiceFinding::kMostEvidence;
  fact.banner = std::move(finding.evidence.response);
  fact.fingerprint = std::move(finding.fingerprint);
  fact.trouble = std::move(finding.trouble);
  if (fact.trouble.empty() && finding.outcome == Outcome::Excluded) {
    fact.trouble = "the probe file excludes this port";
  }
  return fact;
}

}  // namespace trawl::control
