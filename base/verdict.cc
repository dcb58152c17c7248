#include "base/verdict.h"

#include <array>

namespace trawl {
namespace {

constexpr std::array<std::string_view, kPortStates> kStateNames{"open", "closed", "unreachable",
                                                                "unfiltered", "up"};
constexpr std::array<std::string_view, kReasons> kReasonNames{
    "syn-ack",       "reset",          "net-unreach",     "host-unreach",     "proto-unreach",
    "port-unreach",  "net-prohibited", "host-prohibited", "admin-prohibited", "dest-unreach",
    "time-exceeded", "echo-reply",     "timestamp-reply", "udp-response"};
constexpr std::array<std::string_view, kProtocols> kProtocolNames{"tcp", "udp", "icmp"};

}  // namespace

std::string_view to_string(PortState state) noexcept {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::string_view to_string(Reason reason) noexcept {
  return kReasonNames[static_cast<std::size_t>(reason)];
}

std::string_view to_string(Protocol protocol) noexcept {
  return kProtocolNames[static_cast<std::size_t>(protocol)];
}

std::optional<PortState> parse_port_state(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kStateNames.size(); ++i) {
    if (kStateNames[i] == text) return static_cast<PortState>(i);
  }
  return std::nullopt;
}

}  // namespace trawl
