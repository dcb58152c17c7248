#pragma once

#include <functional>

#include "control/steward/live_blocklist.h"

namespace trawl::control {

// Reads the lists again and, when they say something new, has a guard made of them by `publish`:
// what a SIGHUP asks for. Says in the log what it did and which file kept its old list. True when a
// new guard is in force.
//
// Thread: the control thread. Cost: reading and building, up to a second with a million prefixes;
// polling cores go on meanwhile.
bool reload_guard(LiveBlocklist& blocklist, const std::function<void(const AddressList&)>& publish);

}  // namespace trawl::control
