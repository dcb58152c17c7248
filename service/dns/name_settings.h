#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace trawl::service {

struct NameServer {
  static constexpr std::uint16_t kPort = 53;

  IpAddress ip;
  std::uint16_t port = kPort;

  friend bool operator==(const NameServer&, const NameServer&) noexcept = default;
};

// Who is asked for names and addresses.
struct NameSettings {
  // In place of those of /etc/resolv.conf, in this order; with none, only /etc/hosts is asked.
  std::optional<std::vector<NameServer>> servers{};
  // getaddrinfo(3) and getnameinfo(3) are called, in place of asking servers ourselves.
  bool asks_system = false;
};

// The servers of a comma-separated list: "198.18.0.1", "198.18.0.1:5353", "2001:db8::1",
// "[2001:db8::1]:5353". What is none of these is left out, as Nmap leaves it out.
[[nodiscard]] std::vector<NameServer> usable_servers(std::string_view list);

}  // namespace trawl::service
