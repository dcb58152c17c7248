#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "base/clock.h"
#include "base/verdict.h"
#include "dataplane/cookie.h"
#include "dataplane/counters.h"
#include "dataplane/source_addresses.h"
#include "dataplane/target.h"
#include "dataplane/udp_payloads.h"
#include "dataplane/vlan.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// A validated reply on its way from a receiving core to the control plane.
struct Reply {
  static constexpr std::uint32_t kNoRtt = 0xffffffff;

  Ticks arrival = 0;
  IpAddress ip;    // The target's address...
  IpAddress from;  // ...and the address that answered.
  std::uint32_t rtt_us = kNoRtt;
  std::uint16_t port = 0;
  PortState state = PortState::Open;
  Reason reason = Reason::SynAck;
  std::uint8_t ttl = 0;
  std::uint8_t attempt = 1;
  std::uint8_t unused[6] = {};
};
static_assert(sizeof(Reply) == 56 && std::is_trivially_copyable_v<Reply>);

// What a frame claims to be, before its claim is checked against the scan key.
template <typename Address>
struct BasicReplyClaim {
  BasicTarget<Address> target;
  Address from;
  Address source;  // Ours, of the probe.
  // Of the cookie of the probe that it says it answers, as far as it says so.
  std::uint32_t sequence = 0;
  std::uint32_t sequence_mask = 0;  // Which bits of sequence it tells.
  std::uint16_t source_port = 0;
  std::uint16_t port_mask = 0;      // Which bits of source_port: all or none.
  std::uint16_t ip_id = 0;          // Of IPv6, from the flow label.
  std::uint16_t id_mask = 0;        // Which bits of ip_id: all or none.
  std::uint32_t stamp = 0;          // Timestamp it echoes, 0 for none.
  std::uint32_t peer_sequence = 0;  // Of a SYN-ACK: where its sender begins to count.
  PortState state = PortState::Open;
  Reason reason = Reason::SynAck;
  std::uint8_t ttl = 0;
};

// Takes received frames apart: what answers probes of one kind, and ICMP errors that quote one of
// them (RFC 792; the quotation is at least the IP header and eight bytes). A SYN is answered by
// SYN-ACK or RST, an ACK by RST, an ICMP request by its reply, a UDP payload by what UdpPayloads
// says or by the ICMP error "port unreachable" of the target itself.
//
// Bounded by frame.size() alone; no field of a frame is trusted. TCP checksums are not looked at:
// virtual links leave them to a NIC that is not there, and the cookie is the stronger check.
//
// Of IPv6 (RFC 8200, RFC 4443) no extension header is looked into: no host answers a probe without
// one by a packet with one, but for fragments, which are counted.
// Thread: immutable.
template <typename Address>
class BasicReplyParser {
 public:
  using Claim = BasicReplyClaim<Address>;

  // What became of a frame: RxValid means `claim` is filled, RxArp that the frame is ARP,
  // RxNeighbour that it is neighbour discovery; any other counter is the reason it was put aside.
  // UDP alone needs `payloads`, those of the probes.
  BasicReplyParser(BasicSourceAddresses<Address> sources, PortRange ports,
                   ProbeKind kind = ProbeKind::TcpSyn,
                   std::shared_ptr<const UdpPayloads> payloads = nullptr, VlanId vlan = {}) noexcept
      : sources_{std::move(sources)},
        ports_{ports},
        kind_{kind},
        protocol_{ip_protocol(kind)},
        payloads_{std::move(payloads)},
        vlan_{vlan} {}

  [[nodiscard]] Counter parse(std::span<const std::byte> frame, Claim& claim) const noexcept;

 private:
  static constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;
  static constexpr std::uint8_t kIcmp = kIsV4 ? wire::kProtocolIcmp : wire::kProtocolIcmpv6;
  static constexpr std::uint8_t kEcho = kIsV4 ? wire::kIcmpEcho : wire::kIcmpv6Echo;
  static constexpr std::uint8_t kEchoReply = kIsV4 ? wire::kIcmpEchoReply : wire::kIcmpv6EchoReply;

  [[nodiscard]] Counter parse_ip(std::span<const std::byte> packet, Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_transport(std::uint8_t protocol, std::span<const std::byte> payload,
                                        Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_tcp(std::span<const std::byte> segment, Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_udp(std::span<const std::byte> datagram, Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_icmp(std::span<const std::byte> message, Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_echo_reply(std::span<const std::byte> message,
                                         Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_timestamp_reply(std::span<const std::byte> message,
                                              Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_icmp_error(std::span<const std::byte> quoted,
                                         Claim& claim) const noexcept;
  [[nodiscard]] Counter parse_quotation(std::span<const std::byte> transport,
                                        Claim& claim) const noexcept;

  [[nodiscard]] static std::uint8_t ip_protocol(ProbeKind kind) noexcept;

  BasicSourceAddresses<Address> sources_;
  PortRange ports_;
  ProbeKind kind_;
  std::uint8_t protocol_;  // Of probes, and so of what they are answered with.
  std::shared_ptr<const UdpPayloads> payloads_;
  VlanId vlan_;
};

template <>
Counter BasicReplyParser<Ipv4Address>::parse_ip(std::span<const std::byte>, Claim&) const noexcept;
template <>
Counter BasicReplyParser<Ipv6Address>::parse_ip(std::span<const std::byte>, Claim&) const noexcept;
template <>
Counter BasicReplyParser<Ipv4Address>::parse_icmp_error(std::span<const std::byte>,
                                                        Claim&) const noexcept;
template <>
Counter BasicReplyParser<Ipv6Address>::parse_icmp_error(std::span<const std::byte>,
                                                        Claim&) const noexcept;

using ReplyClaim = BasicReplyClaim<Ipv4Address>;
using ReplyParser = BasicReplyParser<Ipv4Address>;
using ReplyParser6 = BasicReplyParser<Ipv6Address>;
extern template class BasicReplyParser<Ipv4Address>;
extern template class BasicReplyParser<Ipv6Address>;

}  // namespace trawl::dataplane
