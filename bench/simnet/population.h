#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/ip.h"
#include "base/ranked_set.h"
#include "base/result.h"
#include "base/verdict.h"
#include "bench/simnet/families.h"
#include "bench/simnet/options.h"
#include "bench/simnet/personality_set.h"
#include "bench/simnet/population6.h"

namespace trawl::simnet {

enum class Presence : std::uint8_t {
  Outside,      // In no simulated prefix: no route.
  Silent,       // Configured never to answer.
  Dead,         // Nobody has the address.
  Unreachable,  // Nobody has it, and the router says so.
  Live,
  Router,    // An address of the router itself: reachable, every port closed.
  Forwarded  // Behind the uplink.
};

enum class PortAnswer : std::uint8_t { Open, Closed, Dropped };

// What is at one address.
struct Host {
  Presence presence = Presence::Outside;
  std::uint64_t draw = 0;                      // Uniform; the source of its traits.
  std::span<const std::uint16_t> fixed_ports;  // Of a host that was given, not drawn.
  bool is_fixed = false;
  bool is_middlebox = false;  // Something on the way answers in its name.
};

// Who lives in the simulated prefixes and what each host does: pure functions of (seed, address,
// port), so the responder and the truth cannot disagree.
//
// Thread: immutable once made.
class Population {
 public:
  // Fails with Usage when options contradict each other.
  [[nodiscard]] static Result<Population> make(PopulationOptions options);

  // One hash for an address without special rules.
  [[nodiscard]] Host host(Ipv4Address address) const noexcept {
    const std::uint64_t drawn = draw(address);
    if (filter_[static_cast<std::size_t>(drawn % kFilterBits)]) [[unlikely]]
      return special_host(address, drawn);
    if (is_complex_) return complex_host(address, drawn);
    if (address < bounds_.first || address > bounds_.last) return {Presence::Outside, drawn, {}};
    return {presence(drawn), drawn, {}};
  }
  // The IPv6 host of this number.
  [[nodiscard]] Host host6(std::uint32_t number) const noexcept {
    return {Presence::Live, ipv6_hosts_.draw(ipv6_hosts_.addresses()[number]), {}};
  }
  // Needs host.presence Live or Router.
  [[nodiscard]] PortAnswer port(const Host& host, std::uint16_t port) const noexcept;
  [[nodiscard]] PortAnswer udp_port(const Host& host, std::uint16_t port) const noexcept;
  // What a perfect scanner learns of a target; nullopt where nothing ever answers.
  [[nodiscard]] std::optional<PortState> truth(const Host& host, std::uint16_t port) const noexcept;

  // What stands behind a port, for open ports only.
  [[nodiscard]] Talk talk(const Host& host, std::uint16_t port) const noexcept;
  // The OS that a host answers as; nullptr for those without one.
  [[nodiscard]] const Personality* personality(const Host& host,
                                               Ipv4Address address) const noexcept {
    return personalities_ == nullptr ? nullptr : find_personality(host, address);
  }
  // TTL of a host's packets as they arrive, the initial value minus the hops.
  [[nodiscard]] std::uint8_t ttl(const Host& host) const noexcept;
  [[nodiscard]] std::chrono::nanoseconds rtt(const Host& host) const noexcept;
  [[nodiscard]] bool is_rate_limited(const Host& host) const noexcept;
  // How often a host repeats its SYN-ACKs.
  [[nodiscard]] unsigned repeats(const Host& host) const noexcept;
  // How long after its reset an open port accepts; 0 where it accepts at once.
  [[nodiscard]] std::chrono::nanoseconds reset_first(const Host& host,
                                                     std::uint16_t port) const noexcept;

  // Which operating systems there are; nullptr where hosts are of none.
  [[nodiscard]] const Families* families() const noexcept { return families_.get(); }
  [[nodiscard]] const PopulationOptions& options() const noexcept { return options_; }
  [[nodiscard]] const Population6& ipv6_hosts() const noexcept { return ipv6_hosts_; }
  // Every simulated address, numbered in rising order.
  [[nodiscard]] const RankedSet<Ipv4Address>& addresses() const noexcept { return addresses_; }
  [[nodiscard]] std::span<const Ipv4Set::Range> intervals() const { return set_.intervals(); }

 private:
  struct Special {
    Ipv4Address address;
    Presence presence;
    std::vector<std::uint16_t> open_ports;
    bool fixed = false;
  };
  static constexpr std::size_t kFilterBits = 4096;

  Population(PopulationOptions options, const Ipv4Set& set);
  // Fails as PersonalitySet::make() does, and with Usage when a listed host is no simulated one.
  [[nodiscard]] Result<void> add_personalities();
  [[nodiscard]] const Personality* find_personality(const Host& host,
                                                    Ipv4Address address) const noexcept;
  void add_talk();
  void add_specials();
  void sort_specials();
  // host() of what may be one of the specials.
  [[nodiscard]] Host special_host(Ipv4Address address, std::uint64_t drawn) const noexcept;
  // host() of what is no special, where there are forwarded prefixes or several intervals.
  [[nodiscard]] Host complex_host(Ipv4Address address, std::uint64_t drawn) const noexcept {
    for (const Ipv4Prefix& prefix : options_.forward) {
      if (prefix.contains(address)) return {Presence::Forwarded, drawn, {}, false};
    }
    if (!is_inside(address)) return {Presence::Outside, drawn, {}, false};
    if (middlebox_ != 0 && is_middlebox(address)) return {Presence::Live, drawn, {}, false, true};
    return {presence(drawn), drawn, {}, false};
  }
  [[nodiscard]] Presence presence(std::uint64_t drawn) const noexcept {
    if ((drawn & 0x7fffffffU) < live_) return Presence::Live;
    return drawn >> 33U < unreachable_ ? Presence::Unreachable : Presence::Dead;
  }
  [[nodiscard]] bool is_middlebox(Ipv4Address address) const noexcept {
    constexpr std::uint64_t kSalt = 0x909;
    const std::uint64_t network = address.value() >> 8U;
    return (mix64(seed_key_ ^ (kSalt << 32U) ^ network) & 0x7fffffffU) < middlebox_;
  }
  [[nodiscard]] const Special* special(Ipv4Address address) const noexcept;
  [[nodiscard]] bool is_inside(Ipv4Address address) const noexcept {
    if (address < bounds_.first || address > bounds_.last) return false;
    return is_one_interval_ || addresses_.rank(address).has_value();
  }
  [[nodiscard]] static bool is_drawn(const Host& host) noexcept {
    return host.presence == Presence::Live && !host.is_fixed;
  }
  [[nodiscard]] std::uint64_t draw(Ipv4Address address) const noexcept {
    return mix64(seed_key_ + address.value());
  }

  PopulationOptions options_;
  Ipv4Set set_;
  RankedSet<Ipv4Address> addresses_;
  Population6 ipv6_hosts_;
  std::shared_ptr<const Families> families_;
  Ipv4Set::Range bounds_;
  bool is_one_interval_ = false;
  bool is_complex_ = false;          // Several intervals, forwarded prefixes, or middleboxes.
  std::vector<Special> specials_;    // Sorted by address.
  std::bitset<kFilterBits> filter_;  // Of special addresses, by draw.
  std::uint64_t seed_key_ = 0;
  std::uint32_t live_ = 0;  // Thresholds of 31-bit draws.
  std::uint32_t drop_ = 0;
  std::uint32_t unreachable_ = 0;
  std::uint32_t limited_ = 0;
  std::uint32_t storm_ = 0;
  std::uint32_t reset_first_ = 0;
  std::uint32_t udp_drop_ = 0;
  std::vector<std::uint32_t> open_;  // By port.
  std::vector<std::uint32_t> udp_open_;
  std::vector<std::uint32_t> udp_silent_;  // Empty when no port is.
  std::uint32_t middlebox_ = 0;
  std::array<std::uint32_t, kTalks> talk_{};  // Each with those before it.
  struct TalkPort {
    Talk talk = Talk::Http;
    std::uint32_t share = 0;
  };
  std::shared_ptr<const PersonalitySet> personalities_;  // Null when hosts have none.
  std::vector<TalkPort> talk_ports_;  // By port; empty when no port has its service.
};

}  // namespace trawl::simnet
