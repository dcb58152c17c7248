#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "control/audit/engine/timing.h"
#include "control/audit/port_report.h"

namespace trawl::control {

// TCP connections that the kernel tries for us, many at once: they are closed as soon as it is
// known whether they succeed. Needs no privilege.
//
// Thread: one user.
class ConnectPool {
 public:
  struct Options {
    std::string interface;
    std::optional<IpAddress> source;
    std::optional<std::uint16_t> source_port;
  };
  // Whose connection it is.
  struct Owner {
    std::uint64_t host = 0;
    std::uint32_t index = 0;
    std::uint32_t attempt = 0;
    std::uint32_t stage = 0;  // Of the host's, for those that end late.
  };
  struct Result {
    Owner owner;
    int error = 0;  // Of errno(3); 0 for a connection.
  };

  // Fails with Runtime when the kernel gives no epoll descriptor.
  [[nodiscard]] static trawl::Result<ConnectPool> open(Options options);
  ~ConnectPool();
  ConnectPool(ConnectPool&& other) noexcept;
  ConnectPool& operator=(ConnectPool&&) = delete;
  ConnectPool(const ConnectPool&) = delete;
  ConnectPool& operator=(const ConnectPool&) = delete;

  // False when there are as many as this process may have.
  [[nodiscard]] bool has_room() const noexcept { return open_ < most_; }
  // Begins one. It is given up at `deadline`. Needs has_room().
  void start(const Owner& owner, const IpAddress& host, std::uint16_t port, Moment deadline);
  // Those that ended since the last call, added to `results`; closes those whose time is over.
  void poll(Moment now, std::vector<Result>& results);

  [[nodiscard]] int fd() const noexcept { return epoll_fd_; }
  [[nodiscard]] std::uint64_t started() const noexcept { return started_; }
  // Connections that could not even be tried here, and errno(3) of the last.
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  [[nodiscard]] int last_failure() const noexcept { return last_failure_; }

 private:
  struct Connection {
    Owner owner;
    std::uint64_t serial = 0;
    Moment deadline;
    bool is_open = false;
  };
  struct Deadline {
    Moment at;
    std::uint64_t serial = 0;
    int fd = -1;

    friend bool operator>(const Deadline& a, const Deadline& b) noexcept { return a.at > b.at; }
  };

  ConnectPool(int fd, Options options);
  [[nodiscard]] int open_socket(const IpAddress& host) const;
  void close_one(int fd) noexcept;
  void take_ended(std::vector<Result>& results);

  Options options_;
  int epoll_fd_ = -1;
  std::size_t most_ = 0;
  std::size_t open_ = 0;
  std::uint64_t started_ = 0;
  std::uint64_t failures_ = 0;
  int last_failure_ = 0;
  std::vector<Connection> connections_;  // By file descriptor.
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  std::vector<Result> immediate_;
  std::vector<epoll_event> events_;
};

// What the end of an attempt to connect says of a port; nullopt for nothing.
struct ConnectVerdict {
  PortState state = PortState::Filtered;
  std::string_view word;
};
[[nodiscard]] std::optional<ConnectVerdict> read_connect_error(int error) noexcept;

}  // namespace trawl::control
