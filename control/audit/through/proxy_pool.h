#pragma once

#include <sys/epoll.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/audit/engine/connection_pool.h"
#include "control/audit/engine/tcp_socket.h"
#include "service/proxy/proxy_chain.h"

namespace trawl::control {

// Connections through a chain of proxies. What the last one says of a port is the verdict. Trouble
// with the chain itself says nothing of any port: the probe stays without an answer, to be
// repeated. Before anything else, after several troubles in a row, and when the chain has been
// silent, it is asked for a sign of life, and nothing begins before there is one. Without one the
// pool is broken, as it is when a proxy says several times that it is of no use.
//
// Thread: one user.
class ProxyPool final : public ConnectionPool {
 public:
  struct Options {
    TcpSource from;
    std::vector<service::ProxyHop> hops;  // Resolved; at least one.
    std::size_t most = 32;                // Connections at once: proxies have few to give.
    Moment life_time{10'000'000};         // How long a sign of life may take, for each hop.
  };

  // Fails with Runtime when the kernel gives no epoll descriptor.
  [[nodiscard]] static trawl::Result<std::unique_ptr<ProxyPool>> open(Options options);
  ~ProxyPool() override;
  ProxyPool(const ProxyPool&) = delete;
  ProxyPool& operator=(const ProxyPool&) = delete;

  [[nodiscard]] bool has_room() const noexcept override {
    return broken_.empty() && is_alive_ && connections_.size() < most_;
  }
  // Chains are slow, and how slow is learned only from connections that were not given up.
  [[nodiscard]] Moment deadline(Moment now, Moment asked) const noexcept override;
  void start(const Owner& owner, const IpAddress& host, std::uint16_t port,
             Moment deadline) override;
  void poll(Moment now, std::vector<Result>& results) override;
  [[nodiscard]] Moment next_look() const noexcept override;
  [[nodiscard]] int fd() const noexcept override { return epoll_fd_; }
  [[nodiscard]] std::string_view broken() const noexcept override { return broken_; }

 private:
  struct Connection {
    Connection(std::span<const service::ProxyHop> hops, std::optional<service::ProxyGoal> goal)
        : chain{hops, goal} {}

    int fd = -1;
    Owner owner;
    Moment deadline{0};
    Moment repeated_at{0};  // Without a result by then.
    bool is_check = false;
    bool is_connected = false;
    bool is_settling = false;  // A SOCKS proxy says that it is open: whether that stays so...
    bool has_hung_up = false;  // ...it does not.
    std::string out;           // Not sent yet.
    service::ProxyChain chain;
  };

  ProxyPool(int fd, Options options);
  [[nodiscard]] bool connect(std::unique_ptr<Connection> connection);
  void start_check(Moment now);
  void progress(Connection& connection, Moment now);
  void watch_settling(Connection& connection, Moment now);
  void read(Connection& connection);
  void send(Connection& connection);
  [[nodiscard]] bool settles(Connection& connection, Moment now);
  void end(std::size_t index, Moment now, std::vector<Result>& results);
  void end_check(const Connection& connection, Moment now);
  void note_trouble(const service::HopAnswer& answer);

  Options options_;
  int epoll_fd_ = -1;
  std::size_t most_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<epoll_event> events_;
  std::string broken_;
  bool has_refused_ = false;              // The last proxy says so when it cannot connect.
  std::optional<Moment> refusals_until_;  // Those who hang up wait for the first one.
  bool is_alive_ = false;                 // As the last sign of life said.
  bool is_doubted_ = true;                // A sign of life is wanted.
  Moment next_check_{0};                  // Not before.
  unsigned failed_checks_ = 0;
  unsigned troubles_ = 0;        // In a row.
  unsigned final_troubles_ = 0;  // Of them, those that will not pass.
};

}  // namespace trawl::control
