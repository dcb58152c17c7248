#include "control/audit/engine/connect_pool.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace trawl::control {
namespace {

constexpr std::size_t kReserved = 64;      // Descriptors for everything else.
constexpr std::size_t kMostOpen = 30'000;  // The kernel's own ports are about as many.

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&bytes);
  }
};

SocketAddress socket_address(const IpAddress& ip, std::uint16_t port) noexcept {
  SocketAddress address;
  if (ip.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(ip.v4().value());
    std::memcpy(&address.bytes, &in, sizeof in);
    address.size = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    for (unsigned i = 0; i < 16; ++i) {
      in.sin6_addr.s6_addr[i] = static_cast<std::uint8_t>(ip.v6().value() >> (120U - 8U * i));
    }
    std::memcpy(&address.bytes, &in, sizeof in);
    address.size = sizeof in;
  }
  return address;
}

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

// A connection from a port of ours to itself, which TCP allows (RFC 9293 section 3.5): nobody
// listens there.
bool met_itself(int fd) noexcept {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_size = sizeof own;
  socklen_t peer_size = sizeof peer;
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
         ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0 &&
         own_size == peer_size && std::memcmp(&own, &peer, own_size) == 0;
}

int error_of(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 && met_itself(fd) ? ECONNREFUSED : error;
}

void set_flag(int fd, int level, int name) noexcept {
  const int one = 1;
  (void)::setsockopt(fd, level, name, &one, sizeof one);
}

}  // namespace

trawl::Result<ConnectPool> ConnectPool::open(Options options) {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) {
    return fail(ExitCode::Runtime, fmt::format("epoll: {}", std::system_category().message(errno)));
  }
  return ConnectPool{fd, std::move(options)};
}

ConnectPool::ConnectPool(int fd, Options options)
    : options_{std::move(options)}, epoll_fd_{fd}, events_(256) {
  const std::size_t limit = raise_descriptor_limit();
  most_ =
      std::clamp<std::size_t>(limit > 2 * kReserved ? limit - kReserved : limit / 2, 1, kMostOpen);
}

ConnectPool::ConnectPool(ConnectPool&& other) noexcept
    : options_{std::move(other.options_)},
      epoll_fd_{std::exchange(other.epoll_fd_, -1)},
      most_{other.most_},
      open_{std::exchange(other.open_, 0)},
      started_{other.started_},
      connections_{std::move(other.connections_)},
      deadlines_{std::move(other.deadlines_)},
      immediate_{std::move(other.immediate_)},
      events_{std::move(other.events_)} {}

ConnectPool::~ConnectPool() {
  for (std::size_t fd = 0; fd < connections_.size(); ++fd) {
    if (connections_[fd].is_open) (void)::close(static_cast<int>(fd));
  }
  if (epoll_fd_ >= 0) (void)::close(epoll_fd_);
}

int ConnectPool::open_socket(const IpAddress& host) const {
  const int fd = ::socket(host.is_v4() ? AF_INET : AF_INET6,
                          SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -1;
  // Closing resets: neither side keeps a connection that nobody wants.
  const linger reset{1, 0};
  (void)::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (!options_.interface.empty()) {
    (void)::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options_.interface.c_str(),
                       static_cast<socklen_t>(options_.interface.size() + 1));
  }
  if (options_.source || options_.source_port) {
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    const IpAddress any = host.is_v4() ? IpAddress{Ipv4Address{0}} : IpAddress{Ipv6Address{0}};
    const SocketAddress own =
        socket_address(options_.source.value_or(any), options_.source_port.value_or(0));
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

void ConnectPool::start(const Owner& owner, const IpAddress& host, std::uint16_t port,
                        Moment deadline) {
  ++started_;
  const int fd = open_socket(host);
  if (fd < 0) {
    // Out of descriptors after all: fewer at once from now on.
    if (errno == EMFILE || errno == ENFILE) {
      most_ = std::max<std::size_t>(1, open_);
    } else {
      ++failures_;
      last_failure_ = errno;
    }
    return;
  }
  const SocketAddress address = socket_address(host, port);
  const int done = ::connect(fd, address.get(), address.size);
  if (done == 0 || errno != EINPROGRESS) {
    immediate_.push_back({owner, done == 0 ? error_of(fd) : errno});
    (void)::close(fd);
    return;
  }
  const auto slot = static_cast<std::size_t>(fd);
  if (connections_.size() <= slot) connections_.resize(slot + 256);
  connections_[slot] = {owner, started_, deadline, true};
  ++open_;
  deadlines_.push({deadline, started_, fd});
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.fd = fd;
  (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
}

void ConnectPool::close_one(int fd) noexcept {
  connections_[static_cast<std::size_t>(fd)].is_open = false;
  (void)::close(fd);
  --open_;
}

void ConnectPool::take_ended(std::vector<Result>& results) {
  const auto most = static_cast<int>(events_.size());
  // All of them: those left would be taken for silent.
  for (int count = most; count == most;) {
    count = ::epoll_wait(epoll_fd_, events_.data(), most, 0);
    for (int i = 0; i < count; ++i) {
      const int fd = events_[static_cast<std::size_t>(i)].data.fd;
      const Connection& connection = connections_[static_cast<std::size_t>(fd)];
      if (!connection.is_open) continue;
      results.push_back({connection.owner, error_of(fd)});
      close_one(fd);
    }
  }
}

void ConnectPool::poll(Moment now, std::vector<Result>& results) {
  results.insert(results.end(), immediate_.begin(), immediate_.end());
  immediate_.clear();
  take_ended(results);
  while (!deadlines_.empty()) {
    const Deadline first = deadlines_.top();
    const Connection& connection = connections_[static_cast<std::size_t>(first.fd)];
    const bool live = connection.is_open && connection.serial == first.serial;
    if (live && first.at > now) break;
    if (live) close_one(first.fd);
    deadlines_.pop();
  }
}

std::optional<ConnectVerdict> read_connect_error(int error) noexcept {
  using enum PortState;
  switch (error) {
    case 0: return ConnectVerdict{Open, "syn-ack"};
    case ECONNREFUSED: return ConnectVerdict{Closed, "conn-refused"};
    case ENETUNREACH: return ConnectVerdict{Filtered, "net-unreach"};
    case EHOSTUNREACH:
    case EHOSTDOWN: return ConnectVerdict{Filtered, "host-unreach"};
    case ENOPROTOOPT: return ConnectVerdict{Filtered, "proto-unreach"};
    case EACCES:
    case EPERM: return ConnectVerdict{Filtered, "admin-prohibited"};
    case ENONET: return ConnectVerdict{Filtered, "dest-unreach"};
    case ECONNRESET: return ConnectVerdict{Open, "syn-ack"};  // It was one, for a moment.
    default: return std::nullopt;
  }
}

}  // namespace trawl::control
