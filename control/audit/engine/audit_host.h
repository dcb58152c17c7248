#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "control/audit/engine/host_pace.h"
#include "control/audit/engine/probe_schedule.h"
#include "control/audit/engine/probe_set.h"
#include "control/audit/engine/rtt_estimator.h"
#include "control/audit/engine/service_stage.h"
#include "control/audit/engine/task_book.h"
#include "control/audit/port_report.h"
#include "control/audit/report/host_report.h"
#include "control/audit/target_list.h"
#include "dataplane/packet/raw_network.h"

namespace trawl::control {

// What is known so far of one port of a host, small: there are many.
struct PortResult {
  PortState state = PortState::Filtered;
  std::uint8_t ttl = 0;
  bool is_known = false;
  bool is_skipped = false;  // Nobody can be asked about it.
  bool has_sender = false;  // Then its address is in AuditHost::senders.
  std::uint16_t word = 0;   // Of the engine's list.
};

// How far a trace has come.
struct TraceState {
  ProbeSpec probe;                     // What is sent, but for its TTL.
  unsigned farthest = 0;               // The largest TTL that was sent.
  std::optional<unsigned> reached;     // The smallest that the host itself answered.
  std::map<unsigned, HopReport> hops;  // By TTL.
};

// A host that is being audited. Its stages follow one another; each is a set of probes.
struct AuditHost {
  enum class Stage : std::uint8_t {
    Neighbour,
    Discovery,
    Scan,
    Services,
    Trace,
    Os,
    Naming,
    Scripts,
    Done
  };

  AuditHost(AuditTarget audited, const Timing& timing) : target{std::move(audited)}, rtt{timing} {}

  AuditTarget target;
  std::uint64_t id = 0;
  Stage stage = Stage::Discovery;
  std::size_t task = TaskBook::kNone;  // Of the engine's book...
  double task_work = 0;                // ...and the probes of its stages that are over.
  dataplane::Way way;
  RttEstimator rtt;
  std::shared_ptr<const ProbeSet> probes;  // Of the stage.
  std::optional<ProbeSchedule> schedule;
  std::optional<HostPace> pace;
  unsigned forgiven = 0;                         // Slow-downs whose attempts were forgiven.
  std::size_t scan = 0;                          // Which of the plan's scans it is at.
  std::vector<std::vector<PortResult>> results;  // Of each scan so far, by probe.
  std::map<std::pair<std::size_t, std::uint32_t>, IpAddress> senders;
  HostReport report;
  Moment started{0};
  std::uint32_t stage_serial = 0;
  Moment last_sent{-1};
  Moment wake{-1};               // When it is to be looked at; -1 for never.
  bool is_ready = false;         // It is in the list of those to be looked at now.
  bool is_blocked = false;       // It is in the list of those that wait for the group.
  bool was_unreachable = false;  // The kernel said so of a connection.
  unsigned awaited_names = 0;
  std::optional<ProbeSpec> answered_ping;      // What showed that it is up...
  std::shared_ptr<const ProbeSet> ping_probe;  // ...to be asked again when nothing else answers.
  bool services_begun = false;  // Its ports were asked who they are, or need not be...
  ServiceFindings services;     // ...and this is known of them.
  bool os_begun = false;        // Likewise its operating system.
  bool scripts_begun = false;   // Scripts run against it, or did.
  std::optional<TraceState> trace;
  bool leads_trace = false;  // Others of its network wait for what it finds.
};

}  // namespace trawl::control
