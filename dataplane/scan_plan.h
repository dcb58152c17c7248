#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/mac.h"
#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/egress_guard.h"
#include "dataplane/neighbours.h"
#include "dataplane/permutation.h"
#include "dataplane/probe_template.h"
#include "dataplane/reply.h"
#include "dataplane/target_space.h"

namespace trawl::dataplane {

// All that polling cores need to know of one survey, frozen before they start.
//
// Thread: shared by all cores; only `neighbours` changes, by atomics.
struct ScanPlan {
  TargetSpace space;
  Permutation order;
  CookieMaker cookies;
  ProbeTemplate probe;
  ReplyParser parser;
  EgressGuard guard;
  Neighbours neighbours;
  TscClock clock;
  MacAddress mac;           // Ours.
  Ipv4Address source;       // Ours; ARP requests for it are answered.
  std::uint64_t first = 0;  // Positions [first, last) of `order` are probed.
  std::uint64_t last = 0;
  PacketsPerSecond rate;  // Of all sending cores together.
  std::optional<std::chrono::nanoseconds> max_runtime;
  bool receive = true;      // False on a link that nothing answers on.
  bool shares_cpu = false;  // More polling threads than CPUs: yield when idle.
};

}  // namespace trawl::dataplane
