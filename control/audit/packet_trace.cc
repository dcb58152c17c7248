#include "control/audit/packet_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>

#include "control/audit/icmp_text.h"
#include "control/audit/ip_options_text.h"
#include "dataplane/packet/dissect.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using namespace dataplane::wire;

std::string flags_text(std::uint8_t flags) {
  // In Nmap's order.
  constexpr std::array<std::pair<std::uint8_t, char>, 8> kLetters{{{0x02, 'S'},
                                                                   {0x01, 'F'},
                                                                   {0x04, 'R'},
                                                                   {0x08, 'P'},
                                                                   {0x10, 'A'},
                                                                   {0x20, 'U'},
                                                                   {0x40, 'E'},
                                                                   {0x80, 'C'}}};
  std::string text;
  for (const auto& [bit, letter] : kLetters) {
    if ((flags & bit) != 0) text += letter;
  }
  return text;
}

std::string tcp_option(std::uint8_t kind, std::span<const std::byte> value) {
  constexpr std::size_t kBlock = 8;  // Of selective acknowledgements, RFC 2018 section 3.
  const std::byte* const at = value.data();
  if (kind == 2 && value.size() == 2) return fmt::format("mss {}", read16(at));
  if (kind == 3 && value.size() == 1) return fmt::format("wscale {}", read8(at));
  if (kind == 4 && value.empty()) return "sackOK";
  if (kind == 8 && value.size() == 8) {
    return fmt::format("timestamp {} {}", read32(at), read32(at + 4));
  }
  if (kind != 5 || value.empty() || value.size() % kBlock != 0) {
    return fmt::format("opt-{}", kind);
  }
  std::string text = fmt::format("sack {} ", value.size() / kBlock);
  for (std::size_t i = 0; i < value.size(); i += kBlock) {
    text += fmt::format("{{{}:{}}}", read32(at + i), read32(at + i + 4));
  }
  return text;
}

// "<mss 1460,sackOK>": the options of a TCP header, "" where there are none or one is broken.
std::string tcp_options(std::span<const std::byte> segment) {
  const std::size_t header = (read8(segment.data() + kTcpOffset) >> 4U) * std::size_t{4};
  if (header <= kTcpSize || header > segment.size()) return {};
  std::string text;
  std::size_t at = kTcpSize;
  while (at < header) {
    const std::uint8_t kind = read8(segment.data() + at);
    const std::string_view comma = text.empty() ? "" : ",";
    if (kind < 2) {
      text += fmt::format("{}{}", comma, kind == 0 ? "eol" : "nop");
      ++at;
      continue;
    }
    if (at + 2 > header) return {};
    const std::size_t size = read8(segment.data() + at + 1);
    if (size < 2 || at + size > header) return {};
    text += comma;
    text += tcp_option(kind, segment.subspan(at + 2, size - 2));
    at += size;
  }
  return fmt::format("<{}>", text);
}

// A packet with the parts of its line that all protocols have.
struct Traced {
  std::string from;
  std::string to;
  std::string ip;  // Of its header.
  std::uint8_t protocol = 0;
  bool is_later_fragment = false;
  std::span<const std::byte> payload;
};

// Cut packets have the payload that is there.
std::optional<Traced> read_ipv4(std::span<const std::byte> packet) {
  if (packet.size() < kIpSize) return std::nullopt;
  const std::byte* const at = packet.data();
  const std::size_t header = (read8(at) & 0xfU) * std::size_t{4};
  if (header < kIpSize || header > packet.size()) return std::nullopt;
  const std::uint16_t length = read16(at + kIpLength);
  const std::uint16_t fragment = read16(at + kIpFragment);
  const unsigned offset = (fragment & 0x1fffU) * 8U;
  const bool has_more = (fragment & 0x2000U) != 0;
  Traced traced{
      .from = Ipv4Address{read32(at + kIpSource)}.to_string(),
      .to = Ipv4Address{read32(at + kIpDestination)}.to_string(),
      .ip = fmt::format("ttl={} id={} iplen={} ", read8(at + kIpTtl), read16(at + kIpId), length),
      .protocol = read8(at + kIpProtocol),
      .is_later_fragment = offset != 0,
      .payload = packet.subspan(header)};
  if (length >= header && length < packet.size()) {
    traced.payload = packet.subspan(header, length - header);
  }
  if (has_more || offset != 0) {
    traced.ip += fmt::format("frag offset={}{} ", offset, has_more ? "+" : "");
  }
  traced.ip += ip_options_text(packet.subspan(kIpSize, header - kIpSize));
  return traced;
}

// Past the headers that may stand before a transport protocol's, RFC 8200 section 4.
void skip_extensions(Traced& traced) {
  constexpr std::uint8_t kHopByHop = 0;
  constexpr std::uint8_t kRouting = 43;
  constexpr std::uint8_t kFragment = 44;
  constexpr std::uint8_t kDestination = 60;
  constexpr std::size_t kUnit = 8;
  while (traced.payload.size() >= kUnit && !traced.is_later_fragment) {
    const std::byte* const at = traced.payload.data();
    std::size_t size = kUnit;
    if (traced.protocol == kFragment) {
      traced.is_later_fragment = (read16(at + 2) & 0xfff8U) != 0;
    } else if (traced.protocol == kHopByHop || traced.protocol == kRouting ||
               traced.protocol == kDestination) {
      size += read8(at + 1) * kUnit;
    } else {
      return;
    }
    if (size > traced.payload.size()) return;
    traced.protocol = read8(at);
    traced.payload = traced.payload.subspan(size);
  }
}

std::optional<Traced> read_packet(std::span<const std::byte> packet) {
  const unsigned version = packet.empty() ? 0U : read8(packet.data()) >> 4U;
  if (version == 4) return read_ipv4(packet);
  if (version != 6 || packet.size() < kIpv6Size) return std::nullopt;
  const std::byte* const at = packet.data();
  const std::size_t length = read16(at + kIpv6Length);
  Traced traced{.from = read_ipv6(at + kIpv6Source).to_string(),
                .to = read_ipv6(at + kIpv6Destination).to_string(),
                .ip = fmt::format("hopl={} flow={:x} payloadlen={}", read8(at + kIpv6HopLimit),
                                  read32(at) & 0xfffffU, length),
                .protocol = read8(at + kIpv6NextHeader),
                .payload = packet.subspan(kIpv6Size)};
  if (length < traced.payload.size()) traced.payload = traced.payload.first(length);
  skip_extensions(traced);
  return traced;
}

std::string tcp_text(const Traced& packet) {
  const std::byte* const at = packet.payload.data();
  return fmt::format("TCP {}:{} > {}:{} {} {} seq={} win={} {}", packet.from, read16(at), packet.to,
                     read16(at + 2), flags_text(read8(at + kTcpFlags)), packet.ip,
                     read32(at + kTcpSequence), read16(at + kTcpWindow),
                     tcp_options(packet.payload));
}

// Of UDP and SCTP.
std::string ports_text(std::string_view name, const Traced& packet) {
  return fmt::format("{} {}:{} > {}:{} {}", name, packet.from, read16(packet.payload.data()),
                     packet.to, read16(packet.payload.data() + 2), packet.ip);
}

std::string icmp_line(const Traced& packet) {
  constexpr std::size_t kLeast = 8;
  if (packet.payload.size() < kLeast) {
    return fmt::format("ICMP {} > {} [??] {}", packet.from, packet.to, packet.ip);
  }
  const IcmpText text = icmp_text(packet.payload);
  const std::string type =
      fmt::format("{} (type={}/code={})", text.name, read8(packet.payload.data()),
                  read8(packet.payload.data() + 1));
  if (!text.is_whole) {
    return fmt::format("ICMP {} > {} {} {}", packet.from, packet.to, type, packet.ip);
  }
  return fmt::format("ICMP [{} > {} {} {}] IP [{}]", packet.from, packet.to, type, text.details,
                     packet.ip);
}

std::string icmpv6_line(const Traced& packet) {
  constexpr std::size_t kLeast = 4;
  const std::string type = packet.payload.size() < kLeast
                               ? std::string{"type=?/code=?"}
                               : fmt::format("type={}/code={}", read8(packet.payload.data()),
                                             read8(packet.payload.data() + 1));
  return fmt::format("ICMPv6 (58) {} > {} ({}) {}", packet.from, packet.to, type, packet.ip);
}

std::string packet_text(std::span<const std::byte> bytes, const ProtocolTable* protocols) {
  constexpr std::uint8_t kSctp = 132;
  constexpr std::size_t kPorts = 4;
  const auto packet = read_packet(bytes);
  if (!packet) return "a packet that cannot be read";
  const std::size_t size = packet->is_later_fragment ? 0 : packet->payload.size();
  if (packet->protocol == kProtocolTcp && size >= kTcpSize) return tcp_text(*packet);
  if (packet->protocol == kProtocolUdp && size >= kPorts) return ports_text("UDP", *packet);
  if (packet->protocol == kSctp && size >= kPorts) return ports_text("SCTP", *packet);
  if (packet->protocol == kProtocolIcmp && !packet->is_later_fragment) return icmp_line(*packet);
  if (packet->protocol == kProtocolIcmpv6 && !packet->is_later_fragment) {
    return icmpv6_line(*packet);
  }
  std::string_view name;
  if (protocols != nullptr) name = protocols->name(packet->protocol);
  return fmt::format("{} ({}) {} > {}: {}", name.empty() ? "unknown" : name, packet->protocol,
                     packet->from, packet->to, packet->ip);
}

// Of the answer to a neighbour solicitation; "" for any other frame.
std::string neighbour_text(std::span<const std::byte> frame) {
  const auto answer = dataplane::dissect_neighbour_answer(frame);
  const auto packet = read_packet(frame.subspan(kEthernetSize));
  if (!answer || answer->ip.is_v4() || !packet) return {};
  return fmt::format("neighbor advertisement {} > {} {} is at {}", packet->from, packet->to,
                     answer->ip.to_string(), answer->mac.to_string());
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

std::string arp_text(std::span<const std::byte> frame) {
  if (frame.size() < kEthernetSize + kArpSize) return "ARP";
  const std::byte* const arp = frame.data() + kEthernetSize;
  const Ipv4Address sender{read32(arp + kArpSenderIp)};
  const Ipv4Address target{read32(arp + kArpTargetIp)};
  if (read16(arp + kArpOperation) == kArpRequest) {
    return fmt::format("ARP who-has {} tell {}", target.to_string(), sender.to_string());
  }
  return fmt::format("ARP reply {} is-at {}", sender.to_string(),
                     upper(MacAddress::from_integer(read_mac(arp + kArpSenderMac)).to_string()));
}

}  // namespace

std::string trace_line(bool is_sent, Moment at, std::span<const std::byte> frame, bool has_header,
                       const ProtocolTable* protocols) {
  const std::size_t header = has_header ? kEthernetSize : 0;
  if (frame.size() < header) return {};
  std::string text;
  if (has_header && read16(frame.data() + kEthernetType) == kTypeArp) {
    text = arp_text(frame);
  } else if (has_header && !is_sent) {
    text = neighbour_text(frame);
  }
  if (text.empty()) text = packet_text(frame.subspan(header), protocols);
  return fmt::format("{} ({:.4f}s) {}\n", is_sent ? "SENT" : "RCVD",
                     static_cast<double>(at.count()) * 1e-6, text);
}

std::string trace_connection_line(Moment at, const IpAddress& host, std::uint16_t port, int error) {
  return fmt::format("CONN ({:.4f}s) TCP localhost > {}:{} => {}\n",
                     static_cast<double>(at.count()) * 1e-6, host.to_string(), port,
                     error == 0 ? "Connected" : std::system_category().message(error));
}

}  // namespace trawl::control
