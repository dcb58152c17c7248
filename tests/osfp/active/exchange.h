#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/wire.h"
#include "osfp/active/probe.h"

// Answers to the probes of OS detection, made by hand.
namespace trawl::osfp::exchange {

namespace wire = dataplane::wire;

inline constexpr ProbeSeries kSeries{.source = Ipv4Address{0xc6120001},
                                     .destination = Ipv4Address{0xc6120002},
                                     .open_port = 80,
                                     .closed_port = 81,
                                     .udp_port = 30173,
                                     .source_port = 40000,
                                     .udp_source_port = 50000,
                                     .sequence = 1000,
                                     .ack = 2000,
                                     .echo_id = 7};

struct Ip {
  std::uint8_t ttl = 64;
  std::uint16_t fragment = 0x4000;
  std::uint16_t id = 0;
};

inline std::vector<std::byte> ip_packet(Ip ip, std::uint8_t protocol,
                                        std::span<const std::byte> body) {
  std::vector<std::byte> packet(wire::kIpSize + body.size());
  std::byte* const at = packet.data();
  wire::write8(at, 0x45);
  wire::write16(at + wire::kIpLength, static_cast<std::uint16_t>(packet.size()));
  wire::write16(at + wire::kIpId, ip.id);
  wire::write16(at + wire::kIpFragment, ip.fragment);
  wire::write8(at + wire::kIpTtl, ip.ttl);
  wire::write8(at + wire::kIpProtocol, protocol);
  wire::write32(at + wire::kIpSource, kSeries.destination.value());
  wire::write32(at + wire::kIpDestination, kSeries.source.value());
  std::memcpy(at + wire::kIpSize, body.data(), body.size());
  return packet;
}

struct Tcp {
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0x12;
  std::uint8_t reserved = 0;
  std::uint16_t window = 0;
  std::uint16_t urgent = 0;
  std::vector<std::uint8_t> options = {};
  std::string_view data = {};
};

inline std::vector<std::byte> tcp_answer(Probe probe, const Tcp& tcp, Ip ip = {}) {
  const std::size_t header = wire::kTcpSize + tcp.options.size();
  std::vector<std::byte> body(header + tcp.data.size());
  std::byte* const at = body.data();
  wire::write16(at, destination_port_of(probe, kSeries));
  wire::write16(at + 2, source_port_of(probe, kSeries));
  wire::write32(at + wire::kTcpSequence, tcp.sequence);
  wire::write32(at + wire::kTcpAck, tcp.ack);
  wire::write8(at + wire::kTcpOffset, static_cast<std::uint8_t>(header / 4 << 4U | tcp.reserved));
  wire::write8(at + wire::kTcpFlags, tcp.flags);
  wire::write16(at + wire::kTcpWindow, tcp.window);
  wire::write16(at + 18, tcp.urgent);
  const auto to_byte = [](auto value) { return static_cast<std::byte>(value); };
  std::ranges::transform(tcp.options, at + wire::kTcpSize, to_byte);
  std::ranges::transform(tcp.data, at + header, to_byte);
  return ip_packet(ip, wire::kProtocolTcp, body);
}

inline std::vector<std::byte> echo_answer(Probe probe, std::uint8_t code, Ip ip = {}) {
  std::vector<std::byte> body(wire::kIcmpSize);
  const bool first = probe == Probe::Echo1;
  wire::write8(body.data() + 1, code);
  wire::write16(body.data() + wire::kIcmpId,
                static_cast<std::uint16_t>(kSeries.echo_id + (first ? 0 : 1)));
  wire::write16(body.data() + wire::kIcmpId + 2, first ? kEchoSequence : kEchoSequence + 1);
  return ip_packet(ip, wire::kProtocolIcmp, body);
}

// The UDP probe as it was sent with TTL 50 and arrived `hops` routers later.
inline std::vector<std::byte> quoted_probe(std::uint8_t hops = 0) {
  std::vector<std::byte> packet(kMostProbeSize);
  packet.resize(write_probe(Probe::Udp, kSeries,
                            {.id = 0, .ttl = static_cast<std::uint8_t>(50 - hops)}, packet));
  return packet;
}

inline std::vector<std::byte> unreachable(std::span<const std::byte> quoted,
                                          std::uint32_t unused = 0, Ip ip = {.fragment = 0},
                                          std::uint8_t code = 3) {
  std::vector<std::byte> body(wire::kIcmpSize + quoted.size());
  wire::write8(body.data(), wire::kIcmpUnreachable);
  wire::write8(body.data() + 1, code);
  wire::write32(body.data() + wire::kIcmpId, unused);
  if (!quoted.empty()) std::memcpy(body.data() + wire::kIcmpSize, quoted.data(), quoted.size());
  return ip_packet(ip, wire::kProtocolIcmp, body);
}

}  // namespace trawl::osfp::exchange
