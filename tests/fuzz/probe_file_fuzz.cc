#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "service/probes/probe_file.h"
#include "service/probes/probe_order.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::service;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const ProbeFile file = parse_probe_file(text, "fuzz");
  for (const auto& problem : file.problems) {
    if (problem.line == 0 || problem.reason.empty() || problem.reason.size() > 512) std::abort();
    for (const char byte : problem.reason) {
      if (byte < ' ' || byte > '~') std::abort();
    }
  }
  for (const Probe& probe : file.probes) {
    if (probe.rarity > 9 || probe.name.empty()) std::abort();
    for (const std::size_t other : probe.fallbacks) {
      if (other >= file.probes.size() || other == file.null_probe) std::abort();
    }
    if (file.find_probe(probe.name, probe.transport) != &probe) std::abort();
    for (const MatchLine& line : probe.matches) {
      if (line.service.empty() || line.line <= probe.line) std::abort();
    }
    for (const auto& range : probe.ports.ranges()) {
      if (range.first > range.last || !probe.ports.contains(range.last)) std::abort();
    }
  }
  for (const Transport transport : {Transport::Tcp, Transport::Udp}) {
    std::size_t asked = 0;
    for (const Probe& probe : file.probes) asked += probe.transport == transport ? 1U : 0U;
    if (transport == Transport::Tcp && file.null_probe) --asked;
    if (probe_order(file, transport, 80, false, 9).size() != asked) std::abort();
  }
  return 0;
}
