#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.h"

namespace trawl {

// What a reply says of a target.
enum class PortState : std::uint8_t { Open, Closed, Unreachable };
inline constexpr unsigned kPortStates = 3;

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
  TtlExceeded  // ICMP type 11.
};
inline constexpr unsigned kReasons = 11;

// One finding about one target, ready to be written out.
struct Verdict {
  std::chrono::system_clock::time_point time;  // When the reply arrived.
  Ipv4Address ip;
  std::uint16_t port = 0;
  PortState state = PortState::Open;
  Reason reason = Reason::SynAck;
  std::uint8_t ttl = 0;                 // Of the reply, as it arrived.
  std::optional<std::uint32_t> rtt_us;  // Absent when the reply echoed no timestamp.
  std::uint8_t attempt = 1;             // The try that was answered.
  Ipv4Address from;                     // Who sent the reply: a router for some ICMP errors.
  Ipv4Address to{};                     // Our address that the probe left from...
  std::uint16_t to_port = 0;            // ...and our port, 0 where it is not known.
  bool repeat = false;                  // Something less was said of the target before.
  bool cooldown = false;                // The reply came when all probes had left.
};

// "open", "closed", "unreachable".
[[nodiscard]] std::string_view to_string(PortState state) noexcept;
// "syn-ack", "reset", "host-unreach", ...
[[nodiscard]] std::string_view to_string(Reason reason) noexcept;
[[nodiscard]] std::optional<PortState> parse_port_state(std::string_view text) noexcept;

}  // namespace trawl
