#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/lab/lab_state.h"

namespace trawl::control {

// A server that is not to run or did not come up, and why.
struct ServerFailure {
  std::size_t recipe = 0;  // Index into all_recipes().
  std::string reason;
};

// Runs the recipes with these indices into all_recipes(), some at a time, each in its namespace
// and from a folder of its own in the lab's, and waits until all have opened their ports or have
// failed. Returns those that failed, with the end of their logs; nothing of them runs any more.
// Fails with Runtime when the lab itself cannot go on.
[[nodiscard]] Result<std::vector<ServerFailure>> start_servers(
    LabState& state, const std::vector<std::size_t>& recipes);

// Whether something listens on `port` of an address other than loopback, by the tables of the
// network namespace of `pid`. `transport` is tcp or udp.
[[nodiscard]] bool is_listening(pid_t pid, std::string_view transport, unsigned port);

}  // namespace trawl::control
