#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "control/audit/engine/timing.h"
#include "control/audit/port_report.h"

namespace trawl::control {

// What the end of an attempt to connect says of a port.
struct ConnectVerdict {
  PortState state = PortState::Filtered;
  std::string_view word;  // Of static storage.

  friend bool operator==(const ConnectVerdict&, const ConnectVerdict&) = default;
};

// Probes that are attempts to connect, by whatever way: many on their way at once, each told of by
// whoever asked for it.
//
// Thread: one user.
class ConnectionPool {
 public:
  // Whose connection it is.
  struct Owner {
    std::uint64_t host = 0;
    std::uint32_t index = 0;
    std::uint32_t attempt = 0;
    std::uint32_t stage = 0;  // Of the host's, for those that end late.
    std::uint32_t zone = 0;   // The interface of a link-local host, 0 for any.
  };
  struct Result {
    Owner owner;
    int error = 0;  // Of errno(3); 0 for a connection, or where the kernel has no say.
    std::optional<ConnectVerdict> verdict{};  // nullopt: it says nothing of the port.
    bool is_skipped = false;                  // The port cannot be asked about this way at all.
  };

  // Told of each connection with errno(3): EINPROGRESS when it is tried, and how it ended.
  using Trace = std::function<void(const IpAddress& host, std::uint16_t port, int error)>;

  ConnectionPool() = default;
  virtual ~ConnectionPool() = default;
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // False when no more can be begun now; fd() is readable when that may have changed.
  [[nodiscard]] virtual bool has_room() const noexcept = 0;
  // When one begun at `now` has to be over, where an answer is expected by `asked`.
  [[nodiscard]] virtual Moment deadline(Moment now, Moment asked) const noexcept {
    (void)now;
    return asked;
  }
  // Begins one. It is given up at `deadline`. Needs has_room().
  virtual void start(const Owner& owner, const IpAddress& host, std::uint16_t port,
                     Moment deadline) = 0;
  // Those that ended since the last call, added to `results`; closes those whose time is over.
  virtual void poll(Moment now, std::vector<Result>& results) = 0;
  // When poll() is to be called although nothing has become readable; Moment::max() for never.
  [[nodiscard]] virtual Moment next_look() const noexcept { return Moment::max(); }
  // Of epoll(7).
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // Why no connection can be tried any more; "" while that is not so.
  [[nodiscard]] virtual std::string_view broken() const noexcept { return {}; }

  void trace(Trace trace) { trace_ = std::move(trace); }
  [[nodiscard]] std::uint64_t started() const noexcept { return started_; }
  // Connections that could not even be tried here, and errno(3) of the last.
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  [[nodiscard]] int last_failure() const noexcept { return last_failure_; }

 protected:
  ConnectionPool(ConnectionPool&&) noexcept = default;
  ConnectionPool& operator=(ConnectionPool&&) noexcept = default;

  void tell(const IpAddress& host, std::uint16_t port, int error) const {
    if (trace_) trace_(host, port, error);
  }
  void count_start() noexcept { ++started_; }
  void count_failure(int error) noexcept {
    ++failures_;
    last_failure_ = error;
  }

 private:
  Trace trace_;
  std::uint64_t started_ = 0;
  std::uint64_t failures_ = 0;
  int last_failure_ = 0;
};

}  // namespace trawl::control
