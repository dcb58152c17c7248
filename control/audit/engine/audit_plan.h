#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/audit/engine/probe_set.h"
#include "control/audit/engine/probe_writer.h"
#include "control/audit/engine/timing.h"
#include "dataplane/packet/raw_network.h"

namespace trawl::control {

// What an audit does to each host, in this order.
struct AuditPlan {
  Timing timing;
  std::shared_ptr<const ProbeSet> discovery;  // nullptr: every host counts as up.
  std::vector<std::shared_ptr<const ProbeSet>> scans;
  bool asks_neighbours = true;  // Hosts on our links are discovered by ARP or ND.
  bool ignores_resets = false;  // --discovery-ignore-rst
  bool random_ports = true;     // Not with -r.
  bool traceroute = false;
  bool reverse_dns = true;
  bool names_downs = false;  // -R: reverse DNS for hosts that are down too.
  bool raw = true;           // Raw packets are used.
  ProbeStyle style;
  dataplane::RawNetworkOptions network;
  std::vector<IpAddress> decoys;         // Sources that each probe is sent from too...
  std::optional<std::size_t> own_place;  // ...and our own place among them.
};

}  // namespace trawl::control
