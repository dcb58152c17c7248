#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "base/ip.h"

namespace trawl::service {

// An address as the C library takes and gives it.
struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

[[nodiscard]] SocketAddress to_socket_address(const IpAddress& ip) noexcept;
// nullopt where it is neither IPv4 nor IPv6.
[[nodiscard]] std::optional<IpAddress> to_ip_address(const sockaddr* address) noexcept;

}  // namespace trawl::service
