#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "control/pipeline/service_thread.h"
#include "dataplane/raw_exchange.h"
#include "osfp/database/os_scorer.h"
#include "service/nsock/packet_source.h"

namespace trawl::control {

// What OS detection of a survey sends and hears by: packets of the polling cores, at both ends.
struct OsPackets {
  std::shared_ptr<dataplane::RawExchange> exchange;
  std::shared_ptr<service::PacketSource> received;
  std::shared_ptr<service::PacketSource> departed;
  TscClock clock = TscClock::with_rate(1e9);

  // How many source ports it takes, all of which also number echo requests: fourteen batches of TCP
  // probes, the UDP probe, and the ports that look for a closed one.
  static constexpr std::uint16_t kPorts = 256;
  // With source ports from `first_port` on. Fails with Runtime where the kernel gives no
  // descriptor.
  [[nodiscard]] static Result<OsPackets> open(std::uint16_t first_port);
};

struct OsWorkerSettings {
  std::size_t most_hosts = 256;  // Asked at once.
  unsigned most_rounds = 2;      // Of probes to a host that nothing fits perfectly.
  bool resets = false;           // Handshakes are ended, as those of the survey are.
  bool remembers = true;         // Hosts may have several open ports, and are told once.
  std::uint64_t seed = 0;
  // For an answer, where the round-trip time is not known; and at least, where it is.
  std::chrono::milliseconds patience{1000};
  std::chrono::milliseconds least_patience{250};
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
