#include "control/audit/packet_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "dataplane/packet/dissect.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using dataplane::PacketFacts;
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

// "<mss 1460,sackOK>": the options of a TCP header, nothing where there are none.
std::string tcp_options(std::span<const std::byte> segment) {
  if (segment.size() < kTcpSize) return {};
  const std::size_t header = (read8(segment.data() + kTcpOffset) >> 4U) * 4U;
  if (header <= kTcpSize || header > segment.size()) return {};
  std::string text;
  std::size_t at = kTcpSize;
  while (at < header) {
    const std::uint8_t kind = read8(segment.data() + at);
    const std::string_view comma = text.empty() ? "" : ",";
    if (kind == 0) {
      text += fmt::format("{}eol", comma);
      break;
    }
    if (kind == 1) {
      text += fmt::format("{}nop", comma);
      ++at;
      continue;
    }
    if (at + 2 > header) break;
    const std::size_t size = read8(segment.data() + at + 1);
    if (size < 2 || at + size > header) break;
    const std::byte* const value = segment.data() + at + 2;
    if (kind == 2 && size == 4) {
      text += fmt::format("{}mss {}", comma, read16(value));
    } else if (kind == 3 && size == 3) {
      text += fmt::format("{}wscale {}", comma, read8(value));
    } else if (kind == 4) {
      text += fmt::format("{}sackOK", comma);
    } else if (kind == 8 && size == 10) {
      text += fmt::format("{}timestamp {} {}", comma, read32(value), read32(value + 4));
    } else {
      text += fmt::format("{}opt-{}", comma, kind);
    }
    at += size;
  }
  return fmt::format("<{}>", text);
}

std::string ip_text(const PacketFacts& packet) {
  if (packet.source.is_v4()) {
    return fmt::format("ttl={} id={} iplen={}", packet.ttl, packet.id, packet.length);
  }
  return fmt::format("hopl={} payloadlen={}", packet.ttl, packet.length - 40);
}

std::string_view icmp_text(const PacketFacts& packet) {
  if (packet.protocol == kProtocolIcmpv6) {
    switch (packet.icmp_type) {
      case 1: return packet.icmp_code == 4 ? "Port unreachable" : "Destination unreachable";
      case 3: return "Time exceeded";
      case 4: return "Parameter problem";
      case 128: return "Echo request";
      case 129: return "Echo reply";
      case 135: return "Neighbor Solicitation";
      case 136: return "Neighbor Advertisement";
      default: return "";
    }
  }
  constexpr std::array<std::string_view, 4> kUnreachable{
      "Network unreachable", "Host unreachable", "Protocol unreachable", "Port unreachable"};
  switch (packet.icmp_type) {
    case 0: return "Echo reply";
    case 3:
      if (packet.icmp_code < kUnreachable.size()) return kUnreachable[packet.icmp_code];
      if (packet.icmp_code == 9) return "Destination network administratively prohibited";
      if (packet.icmp_code == 10) return "Destination host administratively prohibited";
      if (packet.icmp_code == 13) return "Communication administratively prohibited by filtering";
      return "Destination unreachable";
    case 8: return "Echo request";
    case 11: return "TTL=0 during transit";
    case 13: return "Timestamp request";
    case 14: return "Timestamp reply";
    case 17: return "Address mask request";
    case 18: return "Address mask reply";
    default: return "";
  }
}

std::string packet_text(std::span<const std::byte> bytes) {
  const auto dissected = dataplane::dissect_packet(bytes);
  if (!dissected) {
    const bool v4 = !bytes.empty() && read8(bytes.data()) >> 4U == 4;
    if (!v4 || bytes.size() < kIpSize) return "a packet that cannot be read";
    return fmt::format("IP fragment {} > {} ttl={} id={} iplen={} frag offset={}",
                       Ipv4Address{read32(bytes.data() + kIpSource)}.to_string(),
                       Ipv4Address{read32(bytes.data() + kIpDestination)}.to_string(),
                       read8(bytes.data() + kIpTtl), read16(bytes.data() + kIpId), bytes.size(),
                       (read16(bytes.data() + kIpFragment) & 0x1fffU) * 8);
  }
  const PacketFacts& packet = dissected->packet;
  const std::string from = packet.source.to_string();
  const std::string to = packet.destination.to_string();
  switch (packet.protocol) {
    case kProtocolTcp: {
      const std::size_t header =
          packet.source.is_v4() ? (read8(bytes.data()) & 0xfU) * std::size_t{4} : kIpv6Size;
      const std::string options = tcp_options(bytes.subspan(std::min(header, bytes.size())));
      const std::string ack =
          (packet.flags & kAck) != 0 && packet.ack != 0 ? fmt::format(" ack={}", packet.ack) : "";
      return fmt::format("TCP {}:{} > {}:{} {} {}  seq={}{} win={} {}", from, packet.source_port,
                         to, packet.destination_port, flags_text(packet.flags), ip_text(packet),
                         packet.sequence, ack, packet.window, options);
    }
    case kProtocolUdp:
      return fmt::format("UDP {}:{} > {}:{} {}", from, packet.source_port, to,
                         packet.destination_port, ip_text(packet));
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      return fmt::format("{} [{} > {} {} (type={}/code={}) ] IP [{} ]",
                         packet.protocol == kProtocolIcmp ? "ICMP" : "ICMPv6", from, to,
                         icmp_text(packet), packet.icmp_type, packet.icmp_code, ip_text(packet));
    case 132:
      return fmt::format("SCTP {}:{} > {}:{} {}", from, packet.source_port, to,
                         packet.destination_port, ip_text(packet));
    default: return fmt::format("IP ({}) {} > {}: {}", packet.protocol, from, to, ip_text(packet));
  }
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

std::string trace_line(bool is_sent, Moment at, std::span<const std::byte> frame, bool has_header) {
  const std::size_t header = has_header ? kEthernetSize : 0;
  if (frame.size() < header) return {};
  const bool arp = has_header && read16(frame.data() + kEthernetType) == kTypeArp;
  return fmt::format("{} ({:.4f}s) {}\n", is_sent ? "SENT" : "RCVD",
                     static_cast<double>(at.count()) * 1e-6,
                     arp ? arp_text(frame) : packet_text(frame.subspan(header)));
}

}  // namespace trawl::control
