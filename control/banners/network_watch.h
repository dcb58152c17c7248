#pragma once

#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ip.h"
#include "base/network_fact.h"
#include "base/port_class.h"
#include "base/verdict.h"
#include "control/survey/reserved_memory.h"

namespace trawl::control {

// Notices hosts and networks (a /24, of IPv6 a /64) that answer every SYN, while a survey runs: a
// firewall or SYN proxy on the way, not services.
//
// Opens are counted by network and by host. At 8, 32 and 128 of them one port drawn at random from
// those that the survey does not ask is probed: on a network at an address that was found open, on
// a host at that host. Closed or silent twice, nothing is wrong. Open, two more follow, at other
// addresses or ports; when all three are open, the network or host is known for what it is. So what
// is ordinary costs one or two packets.
//
// A survey that asks all high ports needs no others: there 16 opens among the sixty-fourth of its
// ports that a hash draws say it of a host. Three such hosts say it of their network.
//
// Memory is bounded: 16 MiB of counters for networks and 4 for hosts, touched as they are needed;
// collisions lead to a packet too many, never to a wrong answer. What finds no place among the
// suspects is left to a later threshold, what finds none among the known is counted.
//
// Thread: one user. Time is what it is told.
class NetworkWatch {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kTests = 3;
  static constexpr std::size_t kMostSuspects = 4096;
  static constexpr std::size_t kMostKnown = std::size_t{1} << 18U;

  // The ports of the survey; `salt` differs from one to the next. News are told `settle` after they
  // are known, for what the ports say.
  NetworkWatch(std::span<const std::uint16_t> ports, std::uint64_t salt,
               Clock::duration settle = std::chrono::seconds{0});

  // A port of the survey is open.
  void found(const IpAddress& ip, std::uint16_t port, Clock::time_point now);
  // Whether what is open there tells nothing.
  [[nodiscard]] bool covers(const IpAddress& ip) const;
  // Likewise, and data from there tells nothing either.
  [[nodiscard]] bool covers_words(const IpAddress& ip) const;

  // A reply that is about no target of the survey: true when it is about a port of ours.
  bool answered(const IpAddress& ip, std::uint16_t port, PortState state);
  // Likewise what came of a conversation.
  bool spoke(const IpAddress& ip, std::uint16_t port, PortClass port_class);

  // Has `send` probe what is due; it returns false when it cannot now.
  using Send = std::function<bool(const IpAddress&, std::uint16_t)>;
  void turn(Clock::time_point now, const Send& send);
  // What is known since the last time and has settled; at the `end` all of it.
  [[nodiscard]] std::vector<NetworkFact> take_news(Clock::time_point now, bool is_end);

  [[nodiscard]] std::size_t known() const noexcept { return known_.size(); }
  [[nodiscard]] std::size_t known_networks() const noexcept { return known_networks_; }
  [[nodiscard]] std::uint64_t probes() const noexcept { return probes_; }
  [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }
  // Suspects whose test is under way.
  [[nodiscard]] bool is_testing() const noexcept;

 private:
  // A host or a network.
  struct Scope {
    IpAddress first;
    unsigned length = 0;
    friend auto operator<=>(const Scope&, const Scope&) = default;
  };
  struct ScopeHash {
    std::size_t operator()(const Scope& scope) const noexcept;
  };
  struct Suspect {
    std::vector<NetworkFact::Test> tests{};
    std::size_t open = 0;  // Of the tests, the first ones.
    unsigned sent = 0;     // Of the one after them.
    bool is_refuted = false;
    std::uint64_t opens = 0;
    Clock::time_point since{};  // Of the last probe.
  };
  struct Known {
    bool speaks = false;
  };
  struct News {
    Clock::time_point due;
    Scope scope;
    NetworkFact fact;
  };

  [[nodiscard]] static Scope network_of(const IpAddress& ip) noexcept;
  [[nodiscard]] static Scope host_of(const IpAddress& ip) noexcept;
  [[nodiscard]] static bool is_host(const Scope& scope) noexcept;
  [[nodiscard]] const Known* known_of(const IpAddress& ip) const;
  [[nodiscard]] std::uint16_t test_port(const IpAddress& ip, std::size_t number) const noexcept;
  [[nodiscard]] bool is_test(const IpAddress& ip, std::uint16_t port) const noexcept;
  [[nodiscard]] bool is_sampled(const IpAddress& ip, std::uint16_t port) const noexcept;
  // Counts one more, 255 at most; what it is then.
  [[nodiscard]] unsigned count(const Scope& scope);
  void suspect(const Scope& scope, const IpAddress& ip, unsigned opens);
  void convict(const Scope& scope, const Suspect& suspect, Clock::time_point now);

  std::bitset<65536> asked_;
  std::vector<std::uint16_t> free_;  // High ports that the survey does not ask.
  bool counts_hosts_;
  std::uint64_t salt_;
  Clock::duration settle_;
  ReservedMemory network_memory_;
  ReservedMemory host_memory_;
  std::unordered_map<Scope, Suspect, ScopeHash> suspects_;
  std::unordered_map<Scope, Known, ScopeHash> known_;
  std::unordered_map<Scope, unsigned, ScopeHash> bad_hosts_;  // Of networks not known themselves.
  std::vector<News> news_;
  std::size_t known_networks_ = 0;
  std::uint64_t probes_ = 0;
  std::uint64_t overflow_ = 0;
};

}  // namespace trawl::control
