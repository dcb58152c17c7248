#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"

namespace trawl::service_bench {

// A process that greets whoever connects, at any address of this host. Its end of a connection is
// thrown away by a reset once the other side has closed, so that nothing is left in TIME_WAIT.
class BannerServer {
 public:
  struct Options {
    unsigned processor = 1;
    int tell_every_ms = 0;  // Each connection is told something so often; 0 for never again.
  };
  [[nodiscard]] static Result<BannerServer> start(Options options);
  ~BannerServer();
  BannerServer(BannerServer&& other) noexcept;
  BannerServer& operator=(BannerServer&&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  BannerServer(pid_t pid, std::uint16_t port) : pid_{pid}, port_{port} {}

  pid_t pid_;
  std::uint16_t port_;
};

}  // namespace trawl::service_bench
