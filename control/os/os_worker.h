#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/units.h"
#include "control/os/os_packets.h"
#include "control/pipeline/service_thread.h"
#include "osfp/database/os_scorer.h"

namespace trawl::control {

struct OsWorkerSettings {
  std::size_t most_hosts = 256;  // Asked at once.
  unsigned most_rounds = 2;      // Of probes to a host that nothing fits perfectly.
  bool resets = false;           // Handshakes are ended, as those of the survey are.
  bool remembers = true;         // Hosts may have several open ports, and are told once.
  // Addresses, sorted, of those that were told by a survey that this one goes on with; there before
  // the first port comes.
  std::shared_ptr<const std::vector<std::uint32_t>> told_before{};
  std::uint64_t seed = 0;
  // For an answer, where the round-trip time is not known; and at least, where it is.
  std::chrono::milliseconds patience{1000};
  std::chrono::milliseconds least_patience{250};
  std::chrono::nanoseconds least_spacing{0};  // Between two probes to a host, but for SEQ probes.

  // So few hosts at once that they keep that rate on the average, and their probes spaced by it.
  // SEQ probes have their 100 ms also below 10 packets a second.
  void keep_rate(PacketsPerSecond most) noexcept;
};

// Active OS detection on a service thread, for hosts that a survey finds: see osfp/active. The
// first open port of a host is asked; the answer to that port has the host's fact, those to its
// other ports have none.
//
// A host is first sent a SYN to a port that is likely to be closed, so that it is known whether
// silence of one means something. Then come rounds of the sixteen probes, of all hosts by one
// clock. SEQ probes are given to the sending core ahead of their time, and it sends them at it;
// what they left at is checked. A round whose SEQ probes left at the wrong times is done again, and
// the fact tells when that did not help.
//
// `inner` makes what asks ports who they are, where that is wanted too: a port is answered once
// both are done.
[[nodiscard]] ServiceThread::Make os_workers(OsPackets packets,
                                             std::shared_ptr<const osfp::OsScorer> scorer,
                                             OsWorkerSettings settings, ServiceThread::Make inner);

}  // namespace trawl::control
