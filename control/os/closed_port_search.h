#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "osfp/active/probe.h"
#include "osfp/active/response.h"

namespace trawl::control {

// Asks hosts at one port each that is likely to be closed, by SYNs that are sent again while there
// is no answer: so it is known whether silence of closed ports means something, and how long an
// answer takes. Knows the time only from its callers.
//
// Thread: one user.
class ClosedPortSearch {
 public:
  struct Settings {
    std::uint16_t source_port = 0;
    osfp::Moment wait{};  // For an answer, before the SYN is sent again.
    unsigned tries = 3;
    std::uint64_t seed = 0;
    // What finds no room to leave counts as lost.
    std::function<void(std::span<const std::byte>)> send{};
  };
  explicit ClosedPortSearch(Settings settings)
      : settings_{std::move(settings)}, random_{settings_.seed} {}

  struct Answer {
    Ipv4Address host{};
    std::uint16_t port = 0;  // That was asked.
    bool is_closed = false;
    std::optional<osfp::Moment> round_trip{};  // nullopt for silence.
  };
  // Needs a host that is not being asked.
  void begin(Ipv4Address source, Ipv4Address host, osfp::Moment now);
  // What the IP packet, which came at `at`, says of a host that is being asked; that ends it. A
  // host whose port is open is asked at another one, as often as a silent one is.
  std::optional<Answer> receive(std::span<const std::byte> packet, osfp::Moment at);
  // Asks again whoever was silent for too long; those who were so each time are done.
  [[nodiscard]] std::vector<Answer> turn(osfp::Moment now);
  // When turn() has something to do; too early when there was an answer since, never too late.
  [[nodiscard]] std::optional<osfp::Moment> due() const noexcept {
    return queue_.empty() ? std::nullopt : std::optional{queue_.front().due};
  }
  void forget(Ipv4Address host) { hosts_.erase(host.value()); }

 private:
  struct Host {
    osfp::ProbeSeries series{};
    unsigned tries = 0;
    osfp::Moment first_sent{};
    osfp::Moment sent_at{};
  };
  // Void when the host was asked again, or is asked no more.
  struct Entry {
    osfp::Moment due{};
    std::uint32_t host = 0;
  };

  [[nodiscard]] std::uint16_t draw_port() noexcept;
  void send(Host& host, osfp::Moment now);
  [[nodiscard]] std::uint32_t random() noexcept;

  Settings settings_;
  std::uint64_t random_;
  std::unordered_map<std::uint32_t, Host> hosts_;  // By address.
  std::deque<Entry> queue_;                        // In the order of their times.
};

}  // namespace trawl::control
