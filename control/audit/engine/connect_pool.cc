#include "control/audit/engine/connect_pool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace trawl::control {

trawl::Result<ConnectPool> ConnectPool::open(Options options) {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) {
    return fail(ExitCode::Runtime, fmt::format("epoll: {}", std::system_category().message(errno)));
  }
  return ConnectPool{fd, std::move(options)};
}

ConnectPool::ConnectPool(int fd, Options options)
    : options_{std::move(options)}, epoll_fd_{fd}, most_{most_connections()}, events_(256) {}

ConnectPool::ConnectPool(ConnectPool&& other) noexcept
    : ConnectionPool{std::move(other)},
      options_{std::move(other.options_)},
      epoll_fd_{std::exchange(other.epoll_fd_, -1)},
      most_{other.most_},
      open_{std::exchange(other.open_, 0)},
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

void ConnectPool::start(const Owner& owner, const IpAddress& host, std::uint16_t port,
                        Moment deadline) {
  count_start();
  if (options_.guard && !options_.guard->allows(host)) {
    count_failure(EPERM);
    return;
  }
  const int fd = open_tcp_socket(host, options_);
  if (fd < 0) {
    // Out of descriptors after all: fewer at once from now on.
    if (errno == EMFILE || errno == ENFILE) {
      most_ = std::max<std::size_t>(1, open_);
    } else {
      count_failure(errno);
    }
    return;
  }
  SocketAddress address = socket_address(host, port);
  address.set_zone(owner.zone);
  const int done = ::connect(fd, address.get(), address.size);
  const int error = done == 0 ? connect_error(fd) : errno;
  tell(host, port, error);
  if (error != EINPROGRESS) {
    immediate_.push_back({.owner = owner, .error = error, .verdict = read_connect_error(error)});
    (void)::close(fd);
    return;
  }
  const auto slot = static_cast<std::size_t>(fd);
  if (connections_.size() <= slot) connections_.resize(slot + 256);
  connections_[slot] = {owner, started(), deadline, host, port, true};
  ++open_;
  deadlines_.push({deadline, started(), fd});
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
      const int error = connect_error(fd);
      tell(connection.host, connection.port, error);
      results.push_back(
          {.owner = connection.owner, .error = error, .verdict = read_connect_error(error)});
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
