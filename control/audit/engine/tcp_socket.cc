#include "control/audit/engine/tcp_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "service/dns/socket_address.h"

namespace trawl::control {
namespace {

constexpr std::size_t kReserved = 64;      // Descriptors for everything else.
constexpr std::size_t kMostOpen = 30'000;  // The kernel's own ports are about as many.

// As many descriptors as this process may ask for itself.
std::size_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = std::min<rlim_t>(limit.rlim_max, kMostOpen + kReserved);
    if (raised.rlim_cur > limit.rlim_cur && ::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
      limit = raised;
    }
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

bool met_itself(int fd) noexcept {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_size = sizeof own;
  socklen_t peer_size = sizeof peer;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
         ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0 &&
         own_size == peer_size && std::memcmp(&own, &peer, own_size) == 0;
}

void set_flag(int fd, int level, int name) noexcept {
  const int one = 1;
  (void)::setsockopt(fd, level, name, &one, sizeof one);
}

}  // namespace

void SocketAddress::set_zone(std::uint32_t zone) noexcept {
  if (bytes.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(&bytes)->sin6_scope_id = zone;
}

SocketAddress socket_address(const IpAddress& ip, std::uint16_t port) noexcept {
  const service::SocketAddress plain = service::to_socket_address(ip);
  SocketAddress address{.bytes = plain.bytes, .size = plain.size};
  if (ip.is_v4()) {
    reinterpret_cast<sockaddr_in*>(&address.bytes)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(&address.bytes)->sin6_port = htons(port);
  }
  return address;
}

int open_tcp_socket(const IpAddress& host, const TcpSource& source) {
  const int fd = ::socket(host.is_v4() ? AF_INET : AF_INET6,
                          SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -1;
  // Closing resets: neither side keeps a connection that nobody wants.
  const linger reset{1, 0};
  (void)::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (!source.interface.empty()) {
    (void)::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, source.interface.c_str(),
                       static_cast<socklen_t>(source.interface.size() + 1));
  }
  if (source.source || source.source_port) {
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    const IpAddress any = host.is_v4() ? IpAddress{Ipv4Address{0}} : IpAddress{Ipv6Address{0}};
    const SocketAddress own =
        socket_address(source.source.value_or(any), source.source_port.value_or(0));
    // A port of the user's choice or none.
    if (::bind(fd, own.get(), own.size) != 0) {
      const int error = errno;
      (void)::close(fd);
      errno = error;
      return -1;
    }
  }
  return fd;
}

int connect_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 && met_itself(fd) ? ECONNREFUSED : error;
}

std::size_t most_connections() noexcept {
  const std::size_t limit = raise_descriptor_limit();
  return std::clamp<std::size_t>(limit > 2 * kReserved ? limit - kReserved : limit / 2, 1,
                                 kMostOpen);
}

}  // namespace trawl::control
