#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.h"
#include "base/port_class.h"
#include "base/system_hint.h"

namespace trawl {

// What a reply says of a target.
enum class PortState : std::uint8_t {
  Open,
  Closed,
  Unreachable,  // An ICMP error came back instead.
  Unfiltered,   // Reached, open or closed: the answer to an ACK.
  Up            // Of an address and not a port: the answer to an ICMP request.
};
inline constexpr unsigned kPortStates = 5;

enum class Protocol : std::uint8_t { Tcp, Udp, Icmp };
inline constexpr unsigned kProtocols = 3;

// Why: the kind of packet that said so. Names follow Nmap's --reason.
enum class Reason : std::uint8_t {
  SynAck,
  Reset,
  NetUnreachable,  // ICMP type 3 codes (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 5.2.7.1).
  HostUnreachable,
  ProtoUnreachable,
  PortUnreachable,
  NetProhibited,
  HostProhibited,
  AdminProhibited,
  OtherUnreachable,
  TtlExceeded,  // ICMP type 11.
  EchoReply,
  TimestampReply,
  UdpResponse
};
inline constexpr unsigned kReasons = 14;

// One finding about one target, ready to be written out.
struct Verdict {
  std::chrono::system_clock::time_point time;  // When the reply arrived.
  IpAddress ip;
  std::uint16_t port = 0;  // 0 for Icmp, which has none.
  Protocol protocol = Protocol::Tcp;
  PortState state = PortState::Open;
  Reason reason = Reason::SynAck;
  std::uint8_t ttl = 0;                       // Of the reply, as it arrived.
  std::optional<std::uint32_t> rtt_us;        // Absent when the reply echoed no timestamp.
  std::uint8_t attempt = 1;                   // The try that was answered.
  IpAddress from;                             // Who sent the reply: a router for some ICMP errors.
  IpAddress to{};                             // Our address that the probe left from...
  std::uint16_t to_port = 0;                  // ...and our port, 0 where it is not known.
  bool repeat = false;                        // Something less was said of the target before.
  PortClass port_class = PortClass::Unknown;  // Where it is known already.
  bool cooldown = false;                      // The reply came when all probes had left.
  SystemHint system{};                        // Of a SYN-ACK, where it is looked up.
};

// Whether a survey that looks for `sought` can find a target to be `state`.
[[nodiscard]] constexpr bool can_be_found(PortState state, PortState sought) noexcept {
  if (state == PortState::Closed) return sought == PortState::Open;
  return state == sought || state == PortState::Unreachable;
}

// Whether that is what some kind of survey looks for.
[[nodiscard]] constexpr bool is_success(PortState state) noexcept {
  return state != PortState::Closed && state != PortState::Unreachable;
}

// "open", "closed", "unreachable", "unfiltered", "up".
[[nodiscard]] std::string_view to_string(PortState state) noexcept;
// "syn-ack", "reset", "host-unreach", ...
[[nodiscard]] std::string_view to_string(Reason reason) noexcept;
// "tcp", "udp", "icmp".
[[nodiscard]] std::string_view to_string(Protocol protocol) noexcept;
[[nodiscard]] std::optional<PortState> parse_port_state(std::string_view text) noexcept;

}  // namespace trawl
