#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/simnet/population.h"
#include "bench/simnet/talk.h"

namespace trawl::simnet {

// All that a service says to a patient client that sends the usual request: nothing to those that
// speak first, a whole HTTP request, a ClientHello, or anything at all. Empty where there is no
// service. Needs an open port of `host`.
[[nodiscard]] std::vector<std::byte> banner(const Population& population, const Host& host,
                                            std::uint16_t port);

// What conversations with one open port should tell a scanner.
struct PortTruth {
  Talk talk = Talk::Silent;
  std::uint32_t banner_bytes = 0;
  std::string banner_sha256;  // Hex; empty without a banner.
  std::string banner_hex;     // The banner itself where it is short.
};
[[nodiscard]] PortTruth port_truth(const Population& population, const Host& host,
                                   std::uint16_t port);

}  // namespace trawl::simnet
