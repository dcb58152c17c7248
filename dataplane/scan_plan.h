#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mac.h"
#include "base/units.h"
#include "dataplane/conversation_plan.h"
#include "dataplane/cookie.h"
#include "dataplane/exception/kernel_exchange.h"
#include "dataplane/neighbours.h"
#include "dataplane/network_budget.h"
#include "dataplane/probe_template.h"
#include "dataplane/raw_exchange.h"
#include "dataplane/reply.h"
#include "dataplane/reset_template.h"
#include "dataplane/swappable_guard.h"
#include "dataplane/vlan.h"

namespace trawl::dataplane {

// All that polling cores need to know of one survey but for what is probed when: that is a Sweep.
//
// Thread: frozen before the cores start and shared by them; only `neighbours`, `guard`
// and `budget` change, by atomics.
template <typename Address>
struct BasicScanPlan {
  BasicCookieMaker<Address> cookies;
  BasicProbeTemplate<Address> probe;
  BasicReplyParser<Address> parser;
  BasicSwappableGuard<Address> guard;
  BasicNeighbours<Address> neighbours;
  TscClock clock;
  MacAddress mac;         // Ours.
  Address source;         // Ours, or the first of ours: asks for neighbours.
  VlanId vlan = {};       // Of every frame, either way.
  PacketsPerSecond rate;  // Of all sending cores together, until Scanner::set_rate().
  std::shared_ptr<BasicNetworkBudget<Address>> budget = nullptr;  // Absent: no limit.
  std::shared_ptr<KernelExchange> kernel = nullptr;               // Absent: the kernel has no part.
  std::shared_ptr<RawExchange> raw = nullptr;  // Absent: nobody else has packets.
  std::optional<std::chrono::nanoseconds> max_runtime;
  // What is said to open ports, by TCP SYN scans that receive; absent: nothing.
  std::shared_ptr<const ConversationPlan> conversations = nullptr;
  // What ends the handshakes of open ports, in TCP SYN scans that receive and talk to nobody;
  // absent: they stay half open.
  std::optional<BasicResetTemplate<Address>> reset = std::nullopt;
  bool capture = false;     // Valid replies are wanted as frames, too.
  bool syn_acks = false;    // And so are the heads of SYN-ACKs.
  bool receive = true;      // False on a link that nothing answers on.
  bool shares_cpu = false;  // More polling threads than CPUs: yield when idle.
};

using ScanPlan = BasicScanPlan<Ipv4Address>;
using ScanPlan6 = BasicScanPlan<Ipv6Address>;

}  // namespace trawl::dataplane
