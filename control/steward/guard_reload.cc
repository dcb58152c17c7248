#include "control/steward/guard_reload.h"

#include "base/log.h"

namespace trawl::control {

bool reload_guard(LiveBlocklist& blocklist, dataplane::SwappableGuard& guard) {
  if (blocklist.files().empty()) {
    log_warning("nothing to read again: no blocklist or opt-out file was named at the start");
    return false;
  }
  const LiveBlocklist::Reading reading = blocklist.reload();
  for (const std::string& problem : reading.problems) log_warning("{}", problem);
  if (!reading.changed) {
    log_info("read {} lists again; they block what they did", blocklist.files().size());
    return false;
  }
  guard.publish(dataplane::EgressGuard{blocklist.blocked().v4});
  log_warning("read {} lists again; {} addresses are blocked now", blocklist.files().size(),
              blocklist.blocked().v4.size());
  return true;
}

}  // namespace trawl::control
