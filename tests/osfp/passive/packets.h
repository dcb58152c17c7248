#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/wire.h"

namespace trawl::osfp {

// A SYN-ACK that a test describes.
struct TestSynAck {
  std::uint8_t ttl = 64;
  std::uint16_t fragment = 0x4000;  // Flags and offset: DF.
  std::uint16_t id = 0;
  std::uint16_t window = 65160;
  std::uint8_t flags = 0x12;
  std::uint32_t sequence = 0x11223344;
  std::uint32_t ack = 0x55667788;
  std::uint16_t urgent = 0;
  std::vector<int> options = {};
  std::string_view data = {};
};

// As Linux answers a SYN with all options.
inline std::vector<int> linux_options() {
  return {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 9, 1, 3, 3, 7};
}

inline void append_tcp(const TestSynAck& from, std::vector<std::byte>& packet) {
  namespace wire = dataplane::wire;
  const std::size_t at = packet.size();
  packet.resize(at + wire::kTcpSize);
  std::byte* const tcp = packet.data() + at;
  wire::write16(tcp, 80);
  wire::write32(tcp + wire::kTcpSequence, from.sequence);
  wire::write32(tcp + wire::kTcpAck, from.ack);
  const std::size_t words = (wire::kTcpSize + from.options.size()) / 4;
  wire::write8(tcp + wire::kTcpOffset, static_cast<std::uint8_t>(words << 4U));
  wire::write8(tcp + wire::kTcpFlags, from.flags);
  wire::write16(tcp + wire::kTcpWindow, from.window);
  wire::write16(tcp + 18, from.urgent);
  for (const int byte : from.options) packet.push_back(static_cast<std::byte>(byte));
  for (const char c : from.data) packet.push_back(static_cast<std::byte>(c));
}

inline std::vector<std::byte> ipv4_packet(const TestSynAck& from) {
  namespace wire = dataplane::wire;
  std::vector<std::byte> packet(wire::kIpSize);
  append_tcp(from, packet);
  wire::write8(packet.data(), 0x45);
  wire::write16(packet.data() + wire::kIpLength, static_cast<std::uint16_t>(packet.size()));
  wire::write16(packet.data() + wire::kIpId, from.id);
  wire::write16(packet.data() + wire::kIpFragment, from.fragment);
  wire::write8(packet.data() + wire::kIpTtl, from.ttl);
  wire::write8(packet.data() + wire::kIpProtocol, wire::kProtocolTcp);
  return packet;
}

inline std::vector<std::byte> ipv6_packet(const TestSynAck& from, std::uint32_t label) {
  namespace wire = dataplane::wire;
  std::vector<std::byte> packet(wire::kIpv6Size);
  append_tcp(from, packet);
  wire::write32(packet.data(), 0x60000000 | label);
  wire::write16(packet.data() + wire::kIpv6Length,
                static_cast<std::uint16_t>(packet.size() - wire::kIpv6Size));
  wire::write8(packet.data() + wire::kIpv6NextHeader, wire::kProtocolTcp);
  wire::write8(packet.data() + wire::kIpv6HopLimit, from.ttl);
  return packet;
}

}  // namespace trawl::osfp
