#include "control/steward/guard_reload.h"

#include "base/log.h"

namespace trawl::control {

bool reload_guard(LiveBlocklist& blocklist,
                  const std::function<void(const AddressList&)>& publish) {
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
  publish(blocklist.blocked());
  log_warning("read {} lists again; {} IPv4 addresses and {} ranges of IPv6 are blocked now",
              blocklist.files().size(), blocklist.blocked().v4.size(),
              blocklist.blocked().v6.intervals().size());
  return true;
}

}  // namespace trawl::control
