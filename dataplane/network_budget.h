#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/ranked_set.h"
#include "base/units.h"

namespace trawl::dataplane {

// How much each network, a /24 or of IPv6 a /64, may still be sent: a token bucket for each of
// those with targets, shared by all who send (`--per-network-rate`).
//
// In any T seconds a network gets at most rate * T + burst() packets. The burst is a tenth of a
// second's worth and no less than four packets: what a network saves up while others are probed is
// what lets a random order use the rate of all of them. Buckets begin empty, so a survey that is
// killed and resumed keeps to it as well.
//
// A bucket is one 32-bit word, the time at which it would be full again (the generic cell rate
// algorithm, ITU-T I.371), in 1/256 of the time between two packets. Such times go round after 2^24
// packet times; a network that was left alone for so long may then wait once for up to a second and
// a burst. Nobody is ever sent more.
//
// Thread: any, by relaxed atomics; `now` of two threads may differ by a second.
// Cost:   a rank and one cache miss; timed by bench/dataplane/network_budget_bench.cc.
template <typename Address>
class BasicNetworkBudget {
 public:
  static constexpr unsigned kHostBits = std::is_same_v<Address, Ipv4Address> ? 8 : 64;
  static constexpr double kBurstSeconds = 0.1;
  static constexpr std::uint32_t kLeastBurst = 4;
  static constexpr std::uint32_t kMostBurst = 1U << 20U;

  // For the networks of `addresses`. Needs a rate that is neither zero nor unlimited.
  BasicNetworkBudget(const RankedSet<Address>& addresses, PacketsPerSecond rate,
                     const TscClock& clock, Ticks now);

  static constexpr Ticks kNever = ~Ticks{0};

  // 0 when a packet to `address` may go at `now`; it counts as sent. Otherwise the ticks until one
  // may: kNever to a network without any address of the set.
  [[nodiscard]] Ticks take(Address address, Ticks now) noexcept;

  [[nodiscard]] PacketsPerSecond rate() const noexcept { return rate_; }
  // Packets that may go at once.
  [[nodiscard]] std::uint32_t burst() const noexcept { return burst_; }
  [[nodiscard]] std::size_t networks() const noexcept { return full_at_.size(); }
  // Those of its addresses that lie in one network, at most.
  [[nodiscard]] double most_addresses() const noexcept { return most_addresses_; }
  // What one for these addresses takes.
  [[nodiscard]] static ByteCount memory_for(const RankedSet<Address>& addresses);

 private:
  using Units = std::uint32_t;

  [[nodiscard]] Units units_at(Ticks now) const noexcept;

  PacketsPerSecond rate_;
  std::uint32_t burst_;
  double most_addresses_;
  double units_per_tick_;
  Ticks start_;
  Units first_;  // Of start_.
  Units free_;   // A packet may go while its bucket is full no later than this from now...
  Units stale_;  // ...and what is further off than this is long past.
  RankedSet<Address> networks_;  // All but the host bits, as numbers.
  std::vector<std::atomic<Units>> full_at_;
};

extern template class BasicNetworkBudget<Ipv4Address>;
extern template class BasicNetworkBudget<Ipv6Address>;
using NetworkBudget = BasicNetworkBudget<Ipv4Address>;
using NetworkBudget6 = BasicNetworkBudget<Ipv6Address>;

}  // namespace trawl::dataplane
