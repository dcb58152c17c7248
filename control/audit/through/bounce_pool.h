#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/audit/engine/connection_pool.h"
#include "control/audit/engine/tcp_socket.h"
#include "control/audit/through/bounce_server.h"
#include "control/audit/through/ftp_dialogue.h"

namespace trawl::control {

// Connections that an FTP server tries for us, one after the other over one control connection,
// which is made anew when the server drops it and when a target keeps it waiting. Each has a
// verdict, but for ports that the server takes for nobody.
//
// Thread: one user.
class BouncePool final : public ConnectionPool {
 public:
  using Warn = std::function<void(std::string_view)>;
  struct Options {
    TcpSource from;
    BounceServer server;             // Resolved.
    bool wants_unprivileged = true;  // Ports from 1024 on are asked for too.
    Moment patience{10'000'000};     // With each reply, as Nmap has it.
    Warn warn;
  };

  // Fails with Runtime when the kernel gives no epoll descriptor.
  [[nodiscard]] static trawl::Result<std::unique_ptr<BouncePool>> open(Options options);
  ~BouncePool() override;
  BouncePool(const BouncePool&) = delete;
  BouncePool& operator=(const BouncePool&) = delete;

  [[nodiscard]] bool has_room() const noexcept override {
    return broken_.empty() && !asked_ && dialogue_ &&
           dialogue_->state() == FtpDialogue::State::Idle;
  }
  [[nodiscard]] Moment deadline(Moment now, Moment asked) const noexcept override;
  void start(const Owner& owner, const IpAddress& host, std::uint16_t port,
             Moment deadline) override;
  void poll(Moment now, std::vector<Result>& results) override;
  [[nodiscard]] Moment next_look() const noexcept override { return next_look_; }
  [[nodiscard]] int fd() const noexcept override { return epoll_fd_; }
  [[nodiscard]] std::string_view broken() const noexcept override { return broken_; }

 private:
  struct Asked {
    Owner owner;
    Ipv4Address host;
    std::uint16_t port = 0;
    bool is_told = false;  // The server was.
  };

  BouncePool(int fd, Options options);
  void connect(Moment now);
  void disconnect() noexcept;
  void hung_up(Moment now);
  void expire(Moment now, std::vector<Result>& results);
  void read_and_write(Moment now);
  void tell(Moment now);
  void take_answer(FtpDialogue::Answer answer, std::vector<Result>& results);
  void give_verdict(const ConnectVerdict& verdict, std::vector<Result>& results);
  void refuse_port(std::vector<Result>& results);

  Options options_;
  int epoll_fd_ = -1;
  int socket_ = -1;
  bool is_connected_ = false;
  bool is_in_ = false;                   // This connection took the login...
  bool was_in_ = false;                  // ...or one before it.
  bool skips_privileged_ = false;        // It takes no ports below 1024.
  unsigned lost_ = 0;                    // Connections in a row that came to nothing.
  Moment now_{0};                        // Of the last poll.
  Moment next_look_{0};                  // The end of its patience, or the time to connect again.
  std::optional<FtpDialogue> dialogue_;  // Of a connection.
  std::string out_;
  std::optional<Asked> asked_;
  std::vector<Result> skipped_;
  std::string broken_;
};

}  // namespace trawl::control
