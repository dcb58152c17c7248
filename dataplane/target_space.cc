#include "dataplane/target_space.h"

#include <utility>

namespace trawl::dataplane {

TargetSpace::TargetSpace(RankedSet<Ipv4Address> addresses, std::vector<std::uint16_t> ports)
    : addresses_{std::move(addresses)},
      ports_{std::move(ports)},
      port_rank_(std::size_t{1} << 16U, static_cast<std::uint32_t>(ports_.size())),
      reciprocal_{~std::uint64_t{0} / ports_.size() + 1} {
  for (std::uint32_t i = 0; i < ports_.size(); ++i) port_rank_[ports_[i]] = i;
}

void TargetSpace::at_batch(std::span<const std::uint64_t> indexes,
                           std::span<Target> targets) const noexcept {
  for (std::size_t i = 0; i < indexes.size(); ++i) targets[i] = at(indexes[i]);
}

std::optional<std::uint64_t> TargetSpace::index_of(Target target) const noexcept {
  const std::uint32_t port = port_rank_[target.port];
  if (port == ports_.size()) return std::nullopt;
  const auto rank = addresses_.rank(target.ip);
  if (!rank) return std::nullopt;
  return std::uint64_t{*rank} * ports_.size() + port;
}

}  // namespace trawl::dataplane
