#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"

namespace trawl::control {

// What of a survey never changes: enough to go on with it on another day, without the files its
// command line names.
struct CheckpointPlan {
  std::vector<std::string> command_line;  // The words after `trawl survey`.
  Uint128 seed = 0;
  std::chrono::system_clock::time_point started;
  std::vector<std::uint16_t> ports;              // Sorted, each once.
  std::vector<Interval<Ipv4Address>> addresses;  // Sorted, disjoint: the space that positions
  std::vector<Interval<Ipv4Address>> blocked;    // count in; and what was never to be probed.
  // The same of IPv6. Addresses are of one family, blocked ones of both.
  std::vector<Interval<Ipv6Address>> addresses6 = {};
  std::vector<Interval<Ipv6Address>> blocked6 = {};
};

// The bytes of a plan section; in the order of this machine (the file names it).
[[nodiscard]] std::string serialise(const CheckpointPlan& plan);

// Fails with BadInput, naming `file`: too short, too long, or not sorted. Bounded by the section.
[[nodiscard]] Result<CheckpointPlan> parse_checkpoint_plan(std::span<const char> section,
                                                           const std::string& file);

// Tells whether bytes are still the same; not a cryptographic digest.
[[nodiscard]] std::uint64_t digest_of(std::span<const char> bytes) noexcept;

}  // namespace trawl::control
