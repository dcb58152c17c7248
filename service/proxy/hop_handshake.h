#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "service/proxy/proxy_hop.h"

namespace trawl::service {

// Where a proxy is asked to connect to.
struct ProxyGoal {
  IpAddress ip;
  std::uint16_t port = 0;
};

// What a proxy says of whom it was to connect to.
struct HopVerdict {
  enum class State : std::uint8_t { Open, Closed, Filtered };

  State state = State::Filtered;
  std::string_view word;  // Of static storage, as reports give reasons: "conn-refused".

  friend bool operator==(const HopVerdict&, const HopVerdict&) = default;
};

// How one proxy was asked, and what it said. Exactly one of the first two is there.
struct HopAnswer {
  std::optional<HopVerdict> verdict;  // Of whom it was to connect to.
  std::string trouble;                // Why it is of no use: "wants another login (HTTP 407)".
  std::string said;                   // "HTTP 503", for people.
  bool is_final = true;               // Trouble that will not pass: it said so itself.
};

// What is said to one proxy so that it connects to somebody, with bytes in and bytes out:
//   HTTP     CONNECT (RFC 9110 section 9.3.6), with basic credentials (RFC 7617)
//   SOCKS 4  the request for an address, as its memo of 1992 has it
//   SOCKS 5  RFC 1928, with the login of RFC 1929
// Without a goal it is asked for nothing but a sign of life: OPTIONS, which proxies answer
// themselves where Max-Forwards is 0 (RFC 9110 section 7.6.2); the login of SOCKS 5; a request of
// SOCKS 4 that leads nowhere.
class HopHandshake {
 public:
  static constexpr std::size_t kMostHeader = 16'384;  // Bytes of an answer of HTTP's.

  HopHandshake(const ProxyHop& hop, std::optional<ProxyGoal> goal) : hop_{&hop}, goal_{goal} {}

  // The first words, added to `out`.
  void begin(std::string& out);
  // Takes bytes off the front of `in`; what is to be said next is added to `out`. nullopt while
  // more bytes are needed: then `in` is empty.
  [[nodiscard]] std::optional<HopAnswer> take(std::string_view& in, std::string& out);
  // The proxy closed the connection.
  [[nodiscard]] HopAnswer take_end() const;
  // It was told where to connect to: its silence may be that of the goal.
  [[nodiscard]] bool waits_for_goal() const noexcept { return goal_ && step_ == Step::Request; }

 private:
  enum class Step : std::uint8_t { Greeting, Login, Request };

  [[nodiscard]] std::optional<HopAnswer> take_http();
  [[nodiscard]] std::optional<HopAnswer> take_socks4() const;
  [[nodiscard]] std::optional<HopAnswer> take_socks5(std::string& out);
  [[nodiscard]] std::optional<HopAnswer> take_socks5_reply();
  void request_http(std::string& out) const;
  void request_socks4(std::string& out) const;
  [[nodiscard]] std::optional<HopAnswer> request_socks5(std::string& out);

  const ProxyHop* hop_;
  std::optional<ProxyGoal> goal_;
  Step step_ = Step::Greeting;
  std::string buffer_;      // Of the answer so far.
  std::size_t needed_ = 1;  // Bytes of it before it is looked at again.
  std::size_t header_ = 0;  // All bytes of HTTP's headers.
};

// What an answer of HTTP's to CONNECT says, by its header. nullopt for what is no HTTP.
[[nodiscard]] std::optional<HopAnswer> read_connect_answer(std::string_view header);

}  // namespace trawl::service
