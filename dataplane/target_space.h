#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ip.h"
#include "base/ranked_set.h"

namespace trawl::dataplane {

// One TCP port of one address.
struct Target {
  Ipv4Address ip;
  std::uint16_t port = 0;
  friend constexpr bool operator==(const Target&, const Target&) noexcept = default;
};

// Every (address, port) of a plan, numbered 0...size()-1: index = address rank * ports + port rank.
//
// Thread: immutable once made. Cost: bench/dataplane/target_space_bench.cc.
class TargetSpace {
 public:
  // Needs both non-empty, `ports` sorted and unique.
  TargetSpace(RankedSet<Ipv4Address> addresses, std::vector<std::uint16_t> ports);

  [[nodiscard]] std::uint64_t size() const noexcept { return addresses_.size() * ports_.size(); }
  [[nodiscard]] const RankedSet<Ipv4Address>& addresses() const noexcept { return addresses_; }
  [[nodiscard]] std::span<const std::uint16_t> ports() const noexcept { return ports_; }

  // Needs index < size().
  [[nodiscard]] Target at(std::uint64_t index) const noexcept {
    const std::uint64_t rank = divide_by_ports(index);
    return Target{addresses_.select(static_cast<std::uint32_t>(rank)),
                  ports_[index - rank * ports_.size()]};
  }
  // targets[i] = at(indexes[i]). Needs equal sizes.
  void at_batch(std::span<const std::uint64_t> indexes, std::span<Target> targets) const noexcept;
  // nullopt when the plan does not hold the target.
  [[nodiscard]] std::optional<std::uint64_t> index_of(Target target) const noexcept;

 private:
  // Exact for index < 2^48 and at most 2^16 ports: the error of the rounded-up reciprocal is below
  // 2^16 / 2^64 per unit (Granlund and Montgomery, "Division by Invariant Integers using
  // Multiplication", PLDI 1994).
  [[nodiscard]] std::uint64_t divide_by_ports(std::uint64_t index) const noexcept {
    if (ports_.size() == 1) return index;
    return static_cast<std::uint64_t>((Uint128{index} * reciprocal_) >> 64U);
  }

  RankedSet<Ipv4Address> addresses_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::uint32_t> port_rank_;  // By port; ports_.size() where the plan lacks it.
  std::uint64_t reciprocal_;              // ceil(2^64 / ports).
};

}  // namespace trawl::dataplane
