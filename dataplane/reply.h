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
#include "dataplane/target_space.h"
#include "dataplane/udp_payloads.h"
#include "dataplane/vlan.h"

namespace trawl::dataplane {

// A validated reply on its way from a receiving core to the control plane.
struct Reply {
  static constexpr std::uint32_t kNoRtt = 0xffffffff;

  Ticks arrival = 0;
  std::uint32_t ip = 0;    // The target's address...
  std::uint32_t from = 0;  // ...and the address that answered.
  std::uint32_t rtt_us = kNoRtt;
  std::uint16_t port = 0;
  PortState state = PortState::Open;
  Reason reason = Reason::SynAck;
  std::uint8_t ttl = 0;
  std::uint8_t attempt = 1;
  std::uint8_t unused[6] = {};
};
static_assert(sizeof(Reply) == 32 && std::is_trivially_copyable_v<Reply>);

// What a frame claims to be, before its claim is checked against the scan key.
struct ReplyClaim {
  Target target;
  Ipv4Address from;
  Ipv4Address source;  // Ours, of the probe.
  // Of the cookie of the probe that it says it answers, as far as it says so.
  std::uint32_t sequence = 0;
  std::uint32_t sequence_mask = 0;  // Which bits of sequence it tells.
  std::uint16_t source_port = 0;
  std::uint16_t port_mask = 0;  // Which bits of source_port: all or none.
  std::uint16_t ip_id = 0;
  std::uint16_t id_mask = 0;  // Which bits of ip_id: all or none.
  std::uint32_t stamp = 0;    // Timestamp it echoes, 0 for none.
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
// Thread: immutable.
class ReplyParser {
 public:
  // What became of a frame: RxValid means `claim` is filled, RxArp that the frame is ARP; any other
  // counter is the reason it was put aside.
  // UDP alone needs `payloads`, those of the probes.
  ReplyParser(SourceAddresses sources, PortRange ports, ProbeKind kind = ProbeKind::TcpSyn,
              std::shared_ptr<const UdpPayloads> payloads = nullptr, VlanId vlan = {}) noexcept
      : sources_{std::move(sources)},
        ports_{ports},
        kind_{kind},
        protocol_{ip_protocol(kind)},
        payloads_{std::move(payloads)},
        vlan_{vlan} {}

  [[nodiscard]] Counter parse(std::span<const std::byte> frame, ReplyClaim& claim) const noexcept;

 private:
  [[nodiscard]] Counter parse_tcp(std::span<const std::byte> segment,
                                  ReplyClaim& claim) const noexcept;
  [[nodiscard]] Counter parse_udp(std::span<const std::byte> datagram,
                                  ReplyClaim& claim) const noexcept;
  [[nodiscard]] Counter parse_icmp(std::span<const std::byte> message,
                                   ReplyClaim& claim) const noexcept;
  [[nodiscard]] Counter parse_echo_reply(std::span<const std::byte> message,
                                         ReplyClaim& claim) const noexcept;
  [[nodiscard]] Counter parse_timestamp_reply(std::span<const std::byte> message,
                                              ReplyClaim& claim) const noexcept;
  [[nodiscard]] Counter parse_icmp_error(std::span<const std::byte> message,
                                         ReplyClaim& claim) const noexcept;
  [[nodiscard]] Counter parse_quotation(std::span<const std::byte> transport,
                                        ReplyClaim& claim) const noexcept;

  [[nodiscard]] static std::uint8_t ip_protocol(ProbeKind kind) noexcept;

  SourceAddresses sources_;
  PortRange ports_;
  ProbeKind kind_;
  std::uint8_t protocol_;  // Of probes, and so of what they are answered with.
  std::shared_ptr<const UdpPayloads> payloads_;
  VlanId vlan_;
};

}  // namespace trawl::dataplane
