#include "dataplane/target_space.h"

#include <algorithm>
#include <array>
#include <utility>

namespace trawl::dataplane {

TargetSpace::TargetSpace(RankedAddresses addresses, std::vector<std::uint16_t> ports)
    : addresses_{std::move(addresses)},
      ports_{std::move(ports)},
      port_rank_(std::size_t{1} << 16U, static_cast<std::uint32_t>(ports_.size())),
      reciprocal_{~std::uint64_t{0} / ports_.size() + 1} {
  for (std::uint32_t i = 0; i < ports_.size(); ++i) port_rank_[ports_[i]] = i;
}

void TargetSpace::at_batch(std::span<const std::uint64_t> indexes,
                           std::span<Target> targets) const noexcept {
  constexpr std::size_t kMost = RankedSet<Ipv4Address>::kMostBatch;
  const RankedSet<Ipv4Address>& addresses = *addresses_.v4();
  std::array<std::uint32_t, kMost> ranks;
  std::array<std::uint16_t, kMost> ports;
  for (std::size_t done = 0; done < indexes.size(); done += kMost) {
    const std::size_t count = std::min(kMost, indexes.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t index = indexes[done + i];
      const std::uint64_t rank = divide_by_ports(index);
      ranks[i] = static_cast<std::uint32_t>(rank);
      ports[i] = ports_[index - rank * ports_.size()];
    }
    addresses.select_batch({ranks.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      targets[done + i] = Target{Ipv4Address{ranks[i]}, ports[i]};
    }
  }
}

void TargetSpace::at_batch(std::span<const std::uint64_t> indexes,
                           std::span<Target6> targets) const noexcept {
  const RankedSet<Ipv6Address>& addresses = *addresses_.v6();
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    const std::uint64_t rank = divide_by_ports(indexes[i]);
    targets[i] = Target6{addresses.select(rank), ports_[indexes[i] - rank * ports_.size()]};
  }
}

std::optional<std::uint64_t> TargetSpace::index_of(Target target) const noexcept {
  const std::uint32_t port = port_rank_[target.port];
  if (port == ports_.size() || !addresses_.is_v4()) return std::nullopt;
  const auto rank = addresses_.v4()->rank(target.ip);
  if (!rank) return std::nullopt;
  return std::uint64_t{*rank} * ports_.size() + port;
}

std::optional<std::uint64_t> TargetSpace::index_of_any(const AnyTarget& target) const noexcept {
  if (target.ip.is_v4()) return index_of({target.ip.v4(), target.port});
  const std::uint32_t port = port_rank_[target.port];
  if (port == ports_.size() || addresses_.is_v4()) return std::nullopt;
  const auto rank = addresses_.v6()->rank(target.ip.v6());
  if (!rank) return std::nullopt;
  return static_cast<std::uint64_t>(*rank) * ports_.size() + port;
}

}  // namespace trawl::dataplane
