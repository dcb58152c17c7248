#pragma once

#include "base/result.h"
#include "control/lab/lab_state.h"

namespace trawl::control {

// Fails with Runtime, naming the Debian package, when a program the servers need is missing.
[[nodiscard]] Result<void> check_server_tools();

// Writes configurations and keys to the lab's folder, starts nginx, sshd and redis-server in their
// namespaces and waits until each listens. Fails with Runtime, quoting the log of the one that did
// not come up.
[[nodiscard]] Result<void> start_servers(LabState& state);

// Removes /run/sshd if a lab made it and no sshd, of another lab or of the machine, runs.
void remove_server_folders();

}  // namespace trawl::control
