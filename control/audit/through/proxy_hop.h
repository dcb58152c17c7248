#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "control/audit/command_words.h"
#include "service/proxy/proxy_hop.h"

namespace trawl::control {

using service::ProxyHop;

// The proxies of Nmap's --proxies: "http://[user:pass@]host:port", "socks4://host:port" and
// "socks5://[user:pass@]host:port", apart by commas; the port is 8080 or 1080 unless it is there.
// "%3a" stands for a byte in users and passwords. Fails in Nmap's words. Names stay unresolved.
[[nodiscard]] AuditResult<std::vector<ProxyHop>> parse_proxies(std::string_view text);

}  // namespace trawl::control
