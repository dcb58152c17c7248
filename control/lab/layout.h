#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trawl::control {

//   trawl-NAME-scan               trawl-NAME-sim                        trawl-NAME-srv1...3
//   scan0 198.18.0.1/30  <veth>  sim0   trawl-simnet   up0 <veth> up1
//   default via 198.18.0.2                                        br0
//                                              srv1...3 (veth) ---+ <veth>  eth0 198.18.255.N/28
//
// The simulated network is the only router; no namespace has a link or a route to anywhere else.

inline constexpr std::string_view kScannerAddress = "198.18.0.1";
inline constexpr std::string_view kGatewayAddress = "198.18.0.2";
inline constexpr std::string_view kUplinkAddress = "198.18.255.14";
inline constexpr std::string_view kServerPrefix = "198.18.255.0/28";
inline constexpr unsigned kScannerPrefixLength = 30;
inline constexpr unsigned kServerPrefixLength = 28;

// A real server in a namespace of its own.
struct Server {
  std::string_view name;
  std::string_view namespace_suffix;
  std::string_view address;
  std::string_view ports;  // Open ones, as a list; all others are closed.
};

inline constexpr std::array kServers{
    Server{"nginx", "srv1", "198.18.255.1", "80,443"},
    Server{"sshd", "srv2", "198.18.255.2", "22"},
    Server{"redis-server", "srv3", "198.18.255.3", "6379"},
};

// "trawl-lab-scan" of the lab named "lab".
[[nodiscard]] inline std::string namespace_name(std::string_view lab, std::string_view suffix) {
  return "trawl-" + std::string{lab} + "-" + std::string{suffix};
}

}  // namespace trawl::control
