#include "service/dns/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace trawl::service {

SocketAddress to_socket_address(const IpAddress& ip) noexcept {
  SocketAddress address;
  if (ip.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(ip.v4().value());
    std::memcpy(&address.bytes, &v4, sizeof v4);
    address.size = sizeof v4;
    return address;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  Uint128 value = ip.v6().value();
  for (std::size_t i = sizeof v6.sin6_addr; i-- > 0; value >>= 8U) {
    v6.sin6_addr.s6_addr[i] = static_cast<std::uint8_t>(value);
  }
  std::memcpy(&address.bytes, &v6, sizeof v6);
  address.size = sizeof v6;
  return address;
}

std::optional<IpAddress> to_ip_address(const sockaddr* address) noexcept {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return Ipv4Address{ntohl(v4.sin_addr.s_addr)};
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  Uint128 value = 0;
  for (const std::uint8_t byte : v6.sin6_addr.s6_addr) value = value << 8U | byte;
  return Ipv6Address{value};
}

}  // namespace trawl::service
