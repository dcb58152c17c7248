#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"

// Frames as they come back to a scanner, written byte by byte and without the code under test, and
// a checksum that is likewise its own.
namespace trawl::dataplane {

using Frame = std::vector<std::byte>;

inline constexpr MacAddress kOurMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddress kPeerMac{MacAddress::Bytes{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x02}};
inline constexpr Ipv4Address kOurs{0xc6120001};  // 198.18.0.1
inline constexpr Ipv4Address kPeer{0xc6130307};  // 198.19.3.7

inline void append16(Frame& frame, unsigned value) {
  frame.push_back(static_cast<std::byte>(value >> 8U));
  frame.push_back(static_cast<std::byte>(value));
}
inline void append32(Frame& frame, std::uint32_t value) {
  append16(frame, value >> 16U);
  append16(frame, value & 0xffffU);
}
inline void append_mac(Frame& frame, MacAddress mac) {
  for (const std::uint8_t byte : mac.bytes()) frame.push_back(std::byte{byte});
}
[[nodiscard]] inline unsigned get8(std::span<const std::byte> frame, std::size_t at) {
  return static_cast<unsigned>(frame[at]);
}
[[nodiscard]] inline unsigned get16(std::span<const std::byte> frame, std::size_t at) {
  return get8(frame, at) << 8U | get8(frame, at + 1);
}
[[nodiscard]] inline std::uint32_t get32(std::span<const std::byte> frame, std::size_t at) {
  return get16(frame, at) << 16U | get16(frame, at + 2);
}
[[nodiscard]] inline MacAddress get_mac(std::span<const std::byte> frame, std::size_t at) {
  return MacAddress::from_integer(std::uint64_t{get16(frame, at)} << 32U | get32(frame, at + 2));
}
inline void set16(Frame& frame, std::size_t at, unsigned value) {
  frame[at] = static_cast<std::byte>(value >> 8U);
  frame[at + 1] = static_cast<std::byte>(value);
}
inline void set32(Frame& frame, std::size_t at, std::uint32_t value) {
  set16(frame, at, value >> 16U);
  set16(frame, at + 2, value & 0xffffU);
}

// RFC 1071, a byte at a time; 0xffff over what carries a right checksum.
[[nodiscard]] inline unsigned sum_of(std::span<const std::byte> bytes, unsigned start = 0) {
  std::uint32_t sum = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? get8(bytes, i) << 8U : get8(bytes, i);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}
[[nodiscard]] inline bool ip_checksum_is_right(std::span<const std::byte> frame) {
  return sum_of(frame.subspan(14, (get8(frame, 14) & 0xfU) * 4)) == 0xffff;
}
[[nodiscard]] inline bool transport_checksum_is_right(std::span<const std::byte> frame,
                                                      unsigned protocol) {
  const auto segment = frame.subspan(34, get16(frame, 16) - 20);
  const unsigned length = static_cast<unsigned>(segment.size());
  unsigned sum = sum_of(frame.subspan(26, 8));
  for (const unsigned word : {protocol, length}) {
    sum += word;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum_of(segment, sum) == 0xffff;
}
[[nodiscard]] inline bool tcp_checksum_is_right(std::span<const std::byte> frame) {
  return transport_checksum_is_right(frame, 6);
}
[[nodiscard]] inline bool udp_checksum_is_right(std::span<const std::byte> frame) {
  return transport_checksum_is_right(frame, 17);
}

[[nodiscard]] inline bool icmp_checksum_is_right(std::span<const std::byte> frame) {
  return sum_of(frame.subspan(34, get16(frame, 16) - 20)) == 0xffff;
}

struct IpFields {
  Ipv4Address from = kPeer;
  Ipv4Address to = kOurs;
  unsigned protocol = 6;
  unsigned ttl = 57;
  unsigned fragment = 0x4000;  // Flags and offset.
  std::size_t option_words = 0;
  unsigned type = 0x0800;
};

// Ethernet and IPv4 around `payload`.
inline Frame ip_frame(const IpFields& ip, std::span<const std::byte> payload) {
  Frame frame;
  append_mac(frame, kOurMac);
  append_mac(frame, kPeerMac);
  append16(frame, ip.type);
  const std::size_t header = 20 + 4 * ip.option_words;
  append16(frame, static_cast<unsigned>((0x40 | header / 4) << 8U));
  append16(frame, static_cast<unsigned>(header + payload.size()));
  append16(frame, 0x1234);
  append16(frame, ip.fragment);
  append16(frame, ip.ttl << 8U | ip.protocol);
  append16(frame, 0);
  append32(frame, ip.from.value());
  append32(frame, ip.to.value());
  for (std::size_t i = 0; i < ip.option_words; ++i) append32(frame, 0x01010101);
  set16(frame, 24, 0xffffU - sum_of(std::span{frame}.subspan(14, header)));
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

inline constexpr unsigned kFlagFin = 0x01;
inline constexpr unsigned kFlagSyn = 0x02;
inline constexpr unsigned kFlagRst = 0x04;
inline constexpr unsigned kFlagPush = 0x08;
inline constexpr unsigned kFlagAck = 0x10;
inline constexpr unsigned kFlagUrgent = 0x20;
inline constexpr unsigned kFlagEce = 0x40;

struct TcpFields {
  unsigned from_port = 443;
  unsigned to_port = 61234;
  std::uint32_t sequence = 0xabcdef01;
  std::uint32_t ack = 0x01020305;  // One more than the probe's sequence number.
  unsigned flags = kFlagSyn | kFlagAck;
  std::vector<std::uint8_t> options = {};  // Padded with zeros to a multiple of four.
};

inline Frame tcp_segment(const TcpFields& tcp) {
  Frame segment;
  append16(segment, tcp.from_port);
  append16(segment, tcp.to_port);
  append32(segment, tcp.sequence);
  append32(segment, tcp.ack);
  const std::size_t header = 20 + (tcp.options.size() + 3) / 4 * 4;
  append16(segment, static_cast<unsigned>(header / 4 << 12U) | tcp.flags);
  append16(segment, 65160);
  append32(segment, 0);  // Checksum and urgent pointer.
  for (const std::uint8_t byte : tcp.options) segment.push_back(std::byte{byte});
  segment.resize(header);
  return segment;
}

inline Frame tcp_frame(const TcpFields& tcp, const IpFields& ip = {}) {
  return ip_frame(ip, tcp_segment(tcp));
}

// The timestamps option of a host that echoes `echo`, behind two no-ops.
inline std::vector<std::uint8_t> timestamps(std::uint32_t echo) {
  return {1,
          1,
          8,
          10,
          0x11,
          0x22,
          0x33,
          0x44,
          static_cast<std::uint8_t>(echo >> 24U),
          static_cast<std::uint8_t>(echo >> 16U),
          static_cast<std::uint8_t>(echo >> 8U),
          static_cast<std::uint8_t>(echo)};
}

// A UDP datagram; its checksum is left out, as RFC 768 allows.
inline Frame udp_frame(unsigned from_port, unsigned to_port, std::span<const std::byte> payload,
                       const IpFields& ip = {.protocol = 17}) {
  Frame datagram;
  append16(datagram, from_port);
  append16(datagram, to_port);
  append16(datagram, static_cast<unsigned>(8 + payload.size()));
  append16(datagram, 0);
  datagram.insert(datagram.end(), payload.begin(), payload.end());
  return ip_frame(ip, datagram);
}

// The headers of a UDP probe from us to port 53 of kPeer, as errors quote it.
inline Frame quoted_udp(unsigned source_port = 61234, Ipv4Address target = kPeer) {
  Frame frame = udp_frame(source_port, 53, {}, {.from = kOurs, .to = target, .protocol = 17});
  frame.erase(frame.begin(), frame.begin() + 14);
  return frame;
}

struct IcmpFields {
  unsigned type = 0;
  unsigned code = 0;
  unsigned id = 0x0102;
  unsigned sequence = 0x0304;
};

// An ICMP message with an identifier and `data`.
inline Frame icmp_frame(const IcmpFields& icmp, std::span<const std::byte> data,
                        const IpFields& ip = {.protocol = 1}) {
  Frame message;
  append16(message, icmp.type << 8U | icmp.code);
  append16(message, 0);
  append16(message, icmp.id);
  append16(message, icmp.sequence);
  message.insert(message.end(), data.begin(), data.end());
  set16(message, 2, 0xffffU - sum_of(message));
  return ip_frame(ip, message);
}

// The data of our echo requests: proof and time stamp.
inline Frame echo_data(unsigned source_port = 61234, std::uint32_t stamp = 0xa1b2c3d9) {
  Frame data;
  append16(data, source_port);
  append16(data, 0x5678);
  append32(data, stamp);
  return data;
}

// The three times of a timestamp reply.
inline Frame timestamp_data(std::uint32_t originate = 0xa1b2c3d9) {
  Frame data;
  append32(data, originate);
  append32(data, 0x01234567);
  append32(data, 0x01234567);
  return data;
}

// The IPv4 header and first eight bytes of an ICMP request from us to kPeer, as errors quote it.
inline Frame quoted_icmp(unsigned type = 8) {
  Frame frame =
      icmp_frame({.type = type}, echo_data(), {.from = kOurs, .to = kPeer, .protocol = 1});
  frame.erase(frame.begin(), frame.begin() + 14);
  frame.resize(28);
  return frame;
}

// An ICMP error of a router at `from` that quotes `quoted`, which starts with an IPv4 header.
inline Frame icmp_error(unsigned type, unsigned code, std::span<const std::byte> quoted,
                        Ipv4Address from = Ipv4Address{0xc6120002}) {
  Frame message;
  append16(message, type << 8U | code);
  append16(message, 0);
  append32(message, 0);
  message.insert(message.end(), quoted.begin(), quoted.end());
  set16(message, 2, 0xffffU - sum_of(message));
  return ip_frame({.from = from, .protocol = 1}, message);
}

// The IPv4 header and first `transport` bytes of a probe from us to kPeer, as errors quote it.
inline Frame quoted_probe(std::size_t transport = 8, std::size_t option_words = 0) {
  const TcpFields syn{
      .from_port = 61234, .to_port = 443, .sequence = 0x01020304, .ack = 0, .flags = kFlagSyn};
  Frame frame = tcp_frame(syn, {.from = kOurs, .to = kPeer, .option_words = option_words});
  frame.erase(frame.begin(), frame.begin() + 14);
  frame.resize(20 + 4 * option_words + transport);
  return frame;
}

// `frame` with an 802.1Q tag; `control` is its VLAN with priority and drop eligibility above.
inline Frame with_tag(Frame frame, unsigned control) {
  Frame tag;
  append16(tag, 0x8100);
  append16(tag, control);
  frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  return frame;
}

struct ArpFields {
  unsigned operation = 1;
  MacAddress sender = kPeerMac;
  Ipv4Address sender_ip = kPeer;
  MacAddress target = {};
  Ipv4Address target_ip = kOurs;
};

inline Frame arp_frame(const ArpFields& arp) {
  Frame frame;
  append_mac(frame, MacAddress::broadcast());
  append_mac(frame, arp.sender);
  append16(frame, 0x0806);
  append32(frame, 0x00010800);
  append16(frame, 0x0604);
  append16(frame, arp.operation);
  append_mac(frame, arp.sender);
  append32(frame, arp.sender_ip.value());
  append_mac(frame, arp.target);
  append32(frame, arp.target_ip.value());
  frame.resize(60);
  return frame;
}

}  // namespace trawl::dataplane
