#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "control/audit/command_words.h"

namespace trawl::control {

// One proxy of a chain.
struct ProxyHop {
  enum class Kind : std::uint8_t { Http, Socks4, Socks5 };
  Kind kind = Kind::Http;
  std::string host;  // As it was written, without brackets.
  std::uint16_t port = 0;
  bool has_login = false;
  std::string user{};
  std::string password{};
  IpAddress ip{};  // Once it is resolved.

  // "http://proxy.example:8080": for people, without secrets.
  [[nodiscard]] std::string text() const;
};

// The proxies of Nmap's --proxies: "http://[user:pass@]host:port", "socks4://host:port" and
// "socks5://[user:pass@]host:port", apart by commas; the port is 8080 or 1080 unless it is there.
// "%3a" stands for a byte in users and passwords. Fails in Nmap's words. Names stay unresolved.
[[nodiscard]] AuditResult<std::vector<ProxyHop>> parse_proxies(std::string_view text);

}  // namespace trawl::control
