#include "control/os/os_packets.h"

#include <cstddef>
#include <utility>

#include "control/os/packet_sink.h"

namespace trawl::control {

Result<OsPackets> OsPackets::open(std::uint16_t first_port) {
  constexpr std::size_t kWaiting = 4096;
  OsPackets packets;
  packets.clock = TscClock::calibrate();
  auto received = service::PacketSource::open(
      {.packets = kWaiting, .most_bytes = dataplane::RawPacket::kMostBytes});
  if (!received) return Failure{received.error()};
  auto departed = service::PacketSource::open({.packets = kWaiting, .most_bytes = sizeof(Ticks)});
  if (!departed) return Failure{departed.error()};
  packets.received = std::move(*received);
  packets.departed = std::move(*departed);
  const auto last = static_cast<std::uint16_t>(first_port + kPorts - 1);
  packets.exchange = std::make_shared<dataplane::RawExchange>(dataplane::RawExchange::Config{
      .ports = {first_port, last},
      .received = std::make_shared<PacketSink>(packets.received, packets.clock),
      .departed = std::make_shared<PacketSink>(packets.departed, packets.clock)});
  return packets;
}

}  // namespace trawl::control
