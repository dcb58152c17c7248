#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "control/audit/engine/connection_pool.h"
#include "control/audit/engine/tcp_socket.h"
#include "control/audit/engine/timing.h"

namespace trawl::control {

// TCP connections that the kernel tries for us, many at once: they are closed as soon as it is
// known whether they succeed. Needs no privilege.
//
// Thread: one user.
class ConnectPool final : public ConnectionPool {
 public:
  using Options = TcpSource;

  // Fails with Runtime when the kernel gives no epoll descriptor.
  [[nodiscard]] static trawl::Result<ConnectPool> open(Options options);
  ~ConnectPool() override;
  ConnectPool(ConnectPool&& other) noexcept;
  ConnectPool& operator=(ConnectPool&&) = delete;
  ConnectPool(const ConnectPool&) = delete;
  ConnectPool& operator=(const ConnectPool&) = delete;

  // As many as this process may have.
  [[nodiscard]] bool has_room() const noexcept override { return open_ < most_; }
  void start(const Owner& owner, const IpAddress& host, std::uint16_t port,
             Moment deadline) override;
  void poll(Moment now, std::vector<Result>& results) override;
  [[nodiscard]] int fd() const noexcept override { return epoll_fd_; }

 private:
  struct Connection {
    Owner owner;
    std::uint64_t serial = 0;
    Moment deadline;
    IpAddress host;
    std::uint16_t port = 0;
    bool is_open = false;
  };
  struct Deadline {
    Moment at;
    std::uint64_t serial = 0;
    int fd = -1;

    friend bool operator>(const Deadline& a, const Deadline& b) noexcept { return a.at > b.at; }
  };

  ConnectPool(int fd, Options options);
  void close_one(int fd) noexcept;
  void take_ended(std::vector<Result>& results);

  Options options_;
  int epoll_fd_ = -1;
  std::size_t most_ = 0;
  std::size_t open_ = 0;
  std::vector<Connection> connections_;  // By file descriptor.
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  std::vector<Result> immediate_;
  std::vector<epoll_event> events_;
};

// What the end of an attempt to connect says of a port; nullopt for nothing.
[[nodiscard]] std::optional<ConnectVerdict> read_connect_error(int error) noexcept;

}  // namespace trawl::control
