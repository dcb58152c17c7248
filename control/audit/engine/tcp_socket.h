#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/ip.h"
#include "dataplane/packet/packet_guard.h"

namespace trawl::control {

// Where connections are made from.
struct TcpSource {
  std::string interface;
  std::optional<IpAddress> source;
  std::optional<std::uint16_t> source_port;
  std::shared_ptr<const dataplane::PacketGuard> guard{};  // nullptr: everybody may be reached.
};

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&bytes);
  }
  // The interface of a link-local address.
  void set_zone(std::uint32_t zone) noexcept;
};
[[nodiscard]] SocketAddress socket_address(const IpAddress& ip, std::uint16_t port) noexcept;

// A socket of TCP of the family of `host` that does not block and whose end is a reset. -1 with
// errno(3) when there is none.
[[nodiscard]] int open_tcp_socket(const IpAddress& host, const TcpSource& source);
// How a connect(2) went. A connection from a port of ours to itself, which TCP allows (RFC 9293
// section 3.5), is none: nobody listens there.
[[nodiscard]] int connect_error(int fd) noexcept;
// How many connections this process may have at once: it asks for as many descriptors as it can.
[[nodiscard]] std::size_t most_connections() noexcept;

}  // namespace trawl::control
