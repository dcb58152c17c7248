#pragma once

#include "control/steward/live_blocklist.h"
#include "dataplane/swappable_guard.h"

namespace trawl::control {

// Reads the lists again and, when they say something new, puts a guard made of them in force: what
// a SIGHUP asks for. Says in the log what it did and which file kept its old list. True when a new
// guard is in force.
//
// Thread: the control thread. Cost: reading and building, up to a second with a million prefixes;
// polling cores go on meanwhile.
bool reload_guard(LiveBlocklist& blocklist, dataplane::SwappableGuard& guard);

}  // namespace trawl::control
