#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/verdict.h"

namespace trawl::dataplane {

// What a survey sends to each of its targets. The values are part of every cookie: a plan begun
// with one program is validated by another, so none of them may change.
enum class ProbeKind : std::uint8_t {
  TcpSyn = 1,
  TcpAck = 2,
  IcmpEcho = 3,
  IcmpTimestamp = 4,
  Udp = 5
};

// As --probe takes them, in the order of the values.
inline constexpr std::array<std::string_view, 5> kProbeNames{"tcp-syn", "tcp-ack", "icmp-echo",
                                                             "icmp-timestamp", "udp"};

// Which options a TCP SYN has: more of them find more hosts and make longer frames.
enum class SynOptions : std::uint8_t { Linux, Mss };

// As --tcp-options takes them, in the order of the values.
inline constexpr std::array<std::string_view, 2> kSynOptionNames{"linux", "mss"};

[[nodiscard]] constexpr std::string_view to_string(ProbeKind kind) noexcept {
  return kProbeNames[static_cast<std::size_t>(kind) - 1];
}

[[nodiscard]] constexpr Protocol protocol_of(ProbeKind kind) noexcept {
  if (kind == ProbeKind::Udp) return Protocol::Udp;
  const bool icmp = kind == ProbeKind::IcmpEcho || kind == ProbeKind::IcmpTimestamp;
  return icmp ? Protocol::Icmp : Protocol::Tcp;
}
// Whether its targets are ports of addresses; otherwise they are addresses, and the port is 0.
[[nodiscard]] constexpr bool has_ports(ProbeKind kind) noexcept {
  return protocol_of(kind) != Protocol::Icmp;
}

// What a target that is there says of itself: the state such a survey looks for.
[[nodiscard]] constexpr PortState sought_state(ProbeKind kind) noexcept {
  if (!has_ports(kind)) return PortState::Up;
  return kind == ProbeKind::TcpAck ? PortState::Unfiltered : PortState::Open;
}

}  // namespace trawl::dataplane
