#include "dataplane/network_budget.h"

#include <algorithm>
#include <cmath>

namespace trawl::dataplane {
namespace {

constexpr std::uint32_t kUnitsPerPacket = 256;
// What `now` of two threads may differ by; no longer than units can tell before from after.
constexpr double kSkewSeconds = 1.0;
constexpr double kMostSkew = 1U << 30U;

template <typename Address>
constexpr unsigned kHostBits = BasicNetworkBudget<Address>::kHostBits;

template <typename Address>
Interval<Address> everything() {
  using Value = typename Address::Value;
  return {Address{0}, Address{static_cast<Value>(~Value{0})}};
}

template <typename Address>
IntervalSet<Address> networks_of(const RankedSet<Address>& addresses) {
  IntervalSet<Address> networks;
  for (const auto& range : addresses.intersection(everything<Address>())) {
    networks.add(Interval<Address>{Address{range.first.value() >> kHostBits<Address>},
                                   Address{range.last.value() >> kHostBits<Address>}});
  }
  return networks;
}

template <typename Address>
double most_in_a_network(const RankedSet<Address>& addresses) {
  using Value = typename Address::Value;
  constexpr Value kSize = Value{1} << kHostBits<Address>;
  Value network = 0;
  double most = 0.0;
  double count = 0.0;
  const auto add = [&](Value in, Value addresses_in_it) {
    count = static_cast<double>(addresses_in_it) + (in == network ? count : 0.0);
    network = in;
    most = std::max(most, count);
  };
  for (const auto& range : addresses.intersection(everything<Address>())) {
    const Value first = range.first.value();
    const Value last = range.last.value();
    const Value first_network = first >> kHostBits<Address>;
    const Value last_network = last >> kHostBits<Address>;
    if (first_network == last_network) {
      add(first_network, last - first + 1);
      continue;
    }
    add(first_network, kSize - (first & (kSize - 1)));
    if (last_network - first_network > 1) most = static_cast<double>(kSize);
    add(last_network, (last & (kSize - 1)) + 1);
  }
  return most;
}

std::uint32_t burst_at(PacketsPerSecond rate) {
  const double worth = std::floor(rate.per_second() * NetworkBudget::kBurstSeconds);
  return static_cast<std::uint32_t>(
      std::clamp(worth, double{NetworkBudget::kLeastBurst}, double{NetworkBudget::kMostBurst}));
}

}  // namespace

template <typename Address>
BasicNetworkBudget<Address>::BasicNetworkBudget(const RankedSet<Address>& addresses,
                                                PacketsPerSecond rate, const TscClock& clock,
                                                Ticks now)
    : rate_{rate},
      burst_{burst_at(rate)},
      most_addresses_{most_in_a_network(addresses)},
      units_per_tick_{kUnitsPerPacket * rate.per_second() / clock.ticks_per_second()},
      start_{now},
      first_{Units{0} - burst_ * kUnitsPerPacket},
      free_{(burst_ - 1) * kUnitsPerPacket},
      stale_{burst_ * kUnitsPerPacket +
             static_cast<Units>(
                 std::min(kMostSkew, kUnitsPerPacket * rate.per_second() * kSkewSeconds))},
      networks_{networks_of(addresses)},
      full_at_(static_cast<std::size_t>(networks_.size())) {}

template <typename Address>
ByteCount BasicNetworkBudget<Address>::memory_for(const RankedSet<Address>& addresses) {
  const RankedSet<Address> networks{networks_of(addresses)};
  return ByteCount{networks.memory() +
                   static_cast<std::size_t>(networks.size()) * sizeof(std::atomic<Units>)};
}

template <typename Address>
typename BasicNetworkBudget<Address>::Units BasicNetworkBudget<Address>::units_at(
    Ticks now) const noexcept {
  if (now <= start_) return first_;
  const double units = static_cast<double>(now - start_) * units_per_tick_;
  return first_ + static_cast<Units>(static_cast<std::uint64_t>(units));
}

template <typename Address>
Ticks BasicNetworkBudget<Address>::take(Address address, Ticks now) noexcept {
  const auto rank = networks_.rank(Address{address.value() >> kHostBits});
  if (!rank) return kNever;
  std::atomic<Units>& full_at = full_at_[static_cast<std::size_t>(*rank)];
  const Units at = units_at(now);
  Units before = full_at.load(std::memory_order_relaxed);
  for (;;) {
    Units ahead = before - at;
    if (ahead > stale_) ahead = 0;
    if (ahead > free_) {
      return 1 + static_cast<Ticks>(static_cast<double>(ahead - free_) / units_per_tick_);
    }
    const Units after = at + ahead + kUnitsPerPacket;
    if (full_at.compare_exchange_weak(before, after, std::memory_order_relaxed)) return 0;
  }
}

template class BasicNetworkBudget<Ipv4Address>;
template class BasicNetworkBudget<Ipv6Address>;

}  // namespace trawl::dataplane
