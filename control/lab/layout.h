#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace trawl::control {

//   trawl-NAME-scan               trawl-NAME-sim                        trawl-NAME-srv1...
//   scan0 198.18.0.1/30  <veth>  sim0   trawl-simnet   up0 <veth> up1
//   default via 198.18.0.2                                        br0
//                                              srv1... (veth) ----+ <veth>  eth0 198.18.255.N/24
//
// The simulated network is the only router; no namespace has a link or a route to anywhere else.

inline constexpr std::string_view kScannerAddress = "198.18.0.1";
inline constexpr std::string_view kGatewayAddress = "198.18.0.2";
inline constexpr unsigned kScannerPrefixLength = 30;

// The network of the real servers. A lab with the basic ones alone leaves more to the simulation.
struct ServerNetwork {
  std::string_view prefix;
  unsigned length;
  std::string_view uplink;   // The simulated network's address in it.
  std::size_t most_recipes;  // Whose addresses lie in it.
};
inline constexpr ServerNetwork kSmallServerNetwork{"198.18.255.0/28", 28, "198.18.255.14", 13};
inline constexpr ServerNetwork kServerNetwork{"198.18.255.0/24", 24, "198.18.255.254", 253};

// The first that holds the server of the recipe with this index.
[[nodiscard]] constexpr const ServerNetwork& server_network(std::size_t last_recipe) {
  return last_recipe < kSmallServerNetwork.most_recipes ? kSmallServerNetwork : kServerNetwork;
}

// The recipe with the index 0 runs in srv1 on 198.18.255.1, and so on.
[[nodiscard]] inline std::string server_suffix(std::size_t recipe) {
  return fmt::format("srv{}", recipe + 1);
}
[[nodiscard]] inline std::string server_address(std::size_t recipe) {
  return fmt::format("198.18.255.{}", recipe + 1);
}

// "trawl-lab-scan" of the lab named "lab".
[[nodiscard]] inline std::string namespace_name(std::string_view lab, std::string_view suffix) {
  return fmt::format("trawl-{}-{}", lab, suffix);
}

}  // namespace trawl::control
