#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/audit_setup.h"

namespace trawl::control {

// What -sI names.
struct ZombieWords {
  std::string host;
  std::optional<std::uint16_t> port;
};

// "198.18.0.20", "printer.example:9100". Fails in Nmap's words for a port that is none.
[[nodiscard]] AuditResult<ZombieWords> parse_zombie(std::string_view text);

// The zombie of these options, its name resolved, asked at a port that Nmap would choose: 80, or
// the first TCP port of host discovery. Fails where an idle scan is impossible: IPv6, fragments
// without host discovery, a name without an address. Needs options.zombie.
[[nodiscard]] AuditResult<ZombieHost> find_zombie(
    const AuditOptions& options, const AuditTables& tables, service::NameResolver& resolver,
    const std::function<void(std::string_view)>& warn);

}  // namespace trawl::control
