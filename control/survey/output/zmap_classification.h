#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/verdict.h"

namespace trawl::control {

// What zmap's probe modules call the kinds of replies. An ICMP error is one kind, whatever it says.
enum class ZmapClassification : std::uint8_t { SynAck, Rst, Icmp, Udp, EchoReply, TimestampReply };

// In the order of the values.
inline constexpr std::array<std::string_view, 6> kZmapClassifications{
    "synack", "rst", "icmp", "udp", "echoreply", "timestampreply"};

[[nodiscard]] constexpr ZmapClassification classification_of(Reason reason) noexcept {
  switch (reason) {
    case Reason::SynAck: return ZmapClassification::SynAck;
    case Reason::Reset: return ZmapClassification::Rst;
    case Reason::UdpResponse: return ZmapClassification::Udp;
    case Reason::EchoReply: return ZmapClassification::EchoReply;
    case Reason::TimestampReply: return ZmapClassification::TimestampReply;
    default: return ZmapClassification::Icmp;
  }
}

[[nodiscard]] constexpr std::string_view to_string(ZmapClassification classification) noexcept {
  return kZmapClassifications[static_cast<std::size_t>(classification)];
}

}  // namespace trawl::control
