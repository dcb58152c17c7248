#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/audit/engine/idle_stage.h"
#include "control/audit/engine/os_settings.h"
#include "control/audit/engine/os_stage.h"
#include "control/audit/engine/probe_set.h"
#include "control/audit/engine/probe_writer.h"
#include "control/audit/engine/timing.h"
#include "control/audit/through/bounce_server.h"
#include "control/audit/through/proxy_hop.h"
#include "control/pipeline/service_asker.h"
#include "dataplane/packet/raw_network.h"
#include "service/dns/name_settings.h"

namespace trawl::control {

struct AuditPlan;
class ScriptRunner;
// Loads the scripts; fails where one cannot be loaded.
using OpenScripts = std::function<Result<std::unique_ptr<ScriptRunner>>()>;
using OpenOsStage =
    std::function<Result<std::unique_ptr<OsStage>>(const AuditPlan& plan, bool traces)>;

// What an audit does to each host, in this order.
struct AuditPlan {
  Timing timing;
  std::shared_ptr<const ProbeSet> discovery;  // nullptr: every host counts as up.
  ScanList scans;
  bool may_have_own_ports = false;  // Some targets, that is.
  std::vector<ScanType> types;  // Of all scans: targets with ports of their own may have others.
  bool asks_neighbours = true;  // Hosts on our links are discovered by ARP or ND.
  bool ignores_resets = false;  // --discovery-ignore-rst
  bool random_ports = true;     // Not with -r.
  // Whoever limits its resets or ICMP errors is not waited for: silence stays unexplained.
  bool defeats_rst_limit = false;
  bool defeats_icmp_limit = false;
  bool traceroute = false;
  OpenServices services;  // Version detection; empty for none.
  OsSettings os;          // OS detection...
  OpenOsStage os_stage;   // ...and how it begins; empty for none.
  OpenScripts scripts;    // Empty for none.
  // By protocol: ports of --exclude-ports.
  std::array<std::vector<std::uint16_t>, kPortProtocols> excluded_ports;
  bool reverse_dns = true;
  service::NameSettings names;
  bool names_downs = false;  // -R: reverse DNS for hosts that are down too.
  bool raw = true;           // Raw packets are used.
  ProbeStyle style;
  dataplane::RawNetworkOptions network;
  std::vector<ProxyHop> proxies;         // Which all connections go through, the first one first.
  std::optional<BounceServer> bounce;    // Whom bounce scans go through.
  std::vector<IpAddress> decoys;         // Sources that each probe is sent from too...
  std::optional<std::size_t> own_place;  // ...and our own place among them.
  std::optional<ZombieHost> zombie;      // Of the idle scan.
};

}  // namespace trawl::control
