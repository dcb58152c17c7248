#pragma once

#include "base/result.h"
#include "control/lab/lab_state.h"

namespace trawl::control {

// Makes the namespaces of a lab and the veth pairs among them, writing each down in `state` first.
// Every pair is made inside the lab's namespaces, so the host's own interfaces are never touched.
[[nodiscard]] Result<void> make_network(LabState& state, bool with_servers);

// Ends what still runs in the namespaces of the lab, except in the scanner's, and deletes exactly
// those that `state` recorded. Returns the processes that are still in the scanner's namespace.
std::vector<pid_t> remove_network(const LabState& state);

}  // namespace trawl::control
