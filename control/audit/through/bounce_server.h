#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "control/audit/command_words.h"

namespace trawl::control {

// The server of Nmap's -b.
struct BounceServer {
  std::string host;
  std::uint16_t port = 21;
  std::string user = "anonymous";
  std::string password = "-wwwuser@";
  bool assumes_password = false;  // A user was given, and no password.
  IpAddress ip{};                 // Once it is resolved.
};

// "[user[:password]@]host[:port]". The name stays unresolved.
[[nodiscard]] AuditResult<BounceServer> parse_bounce_server(std::string_view text);

}  // namespace trawl::control
