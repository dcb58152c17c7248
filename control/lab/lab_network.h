#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/lab/lab_state.h"

namespace trawl::control {

// Makes the namespaces of a lab and the veth pairs among them, writing each down in `state` first.
// Every pair is made inside the lab's namespaces, so the host's own interfaces are never touched.
// `recipes`, ascending, are those that get a namespace.
[[nodiscard]] Result<void> make_network(LabState& state, const std::vector<std::size_t>& recipes);

// Ends at once what runs in a namespace of the lab ("srv1").
void kill_namespace(const LabState& state, const std::string& suffix);

// Ends what still runs in the namespaces of the lab, except in the scanner's, and deletes exactly
// those that `state` recorded. Returns the processes that are still in the scanner's namespace.
std::vector<pid_t> remove_network(const LabState& state);

}  // namespace trawl::control
