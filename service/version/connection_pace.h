#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/ip.h"

namespace trawl::service {

// Bounds connections: those of all together, and those to one host. A port that has none goes
// before one that has, and one that had some before one that never had, so that what is begun comes
// to an end. Otherwise first come, first served; hosts take turns.
//
// Thread: one at a time.
class ConnectionPace {
 public:
  enum class Rank : std::uint8_t { Next, First, Beside };
  struct Ask {
    std::uint64_t port = 0;  // Which of those that are asked.
    std::uint32_t attempt = 0;
    friend bool operator==(const Ask&, const Ask&) noexcept = default;
  };

  // Both at least 1.
  ConnectionPace(std::size_t most, std::size_t most_of_host);

  // It is granted now or later: granted() tells.
  void ask(const IpAddress& host, Ask ask, Rank rank);
  // Gives back what was granted, or is waited for.
  void give_back(const IpAddress& host, const Ask& ask);
  // Each is told of once.
  [[nodiscard]] std::vector<Ask> granted();
  [[nodiscard]] std::size_t open() const noexcept { return open_; }

 private:
  struct Host {
    std::size_t open = 0;
    std::array<std::deque<Ask>, 3> asks;  // By rank.
  };

  // Whether anything of that host was granted.
  bool grant_one(Host& host, Rank rank, std::vector<Ask>& granted);

  std::size_t most_;
  std::size_t most_of_host_;
  std::size_t open_ = 0;
  std::size_t waiting_ = 0;
  std::map<IpAddress, Host> hosts_;
  IpAddress next_{};  // The host whose turn it is.
};

}  // namespace trawl::service
