#pragma once

#include <cstdint>
#include <string>

#include "base/ip.h"

namespace trawl::service {

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

}  // namespace trawl::service
