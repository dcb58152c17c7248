#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "dataplane/raw_exchange.h"
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

}  // namespace trawl::control
