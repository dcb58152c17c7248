#include "service/probes/probe_order.h"

namespace trawl::service {

std::vector<std::size_t> probe_order(const ProbeFile& file, Transport transport, std::uint16_t port,
                                     bool is_tls, unsigned intensity) {
  std::vector<std::size_t> listed;
  std::vector<std::size_t> others;
  for (std::size_t at = 0; at < file.probes.size(); ++at) {
    const Probe& probe = file.probes[at];
    if (probe.transport != transport || at == file.null_probe) continue;
    if ((is_tls ? probe.tls_ports : probe.ports).contains(port)) {
      listed.push_back(at);
    } else if (probe.rarity <= intensity) {
      others.push_back(at);
    }
  }
  listed.insert(listed.end(), others.begin(), others.end());
  return listed;
}

}  // namespace trawl::service
