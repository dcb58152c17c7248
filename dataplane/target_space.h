#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ranked_addresses.h"
#include "dataplane/target.h"

namespace trawl::dataplane {

// Every (address, port) of a plan, numbered 0...size()-1: index = address rank * ports + port rank.
// The addresses are of one family; who works on one hands in targets of that family.
//
// Thread: immutable once made. Cost: bench/dataplane/target_space_bench.cc.
class TargetSpace {
 public:
  // Needs both non-empty, `ports` sorted and unique, and size() <= 2^48.
  TargetSpace(RankedAddresses addresses, std::vector<std::uint16_t> ports);

  [[nodiscard]] std::uint64_t size() const noexcept { return addresses_.size() * ports_.size(); }
  [[nodiscard]] const RankedAddresses& addresses() const noexcept { return addresses_; }
  [[nodiscard]] std::span<const std::uint16_t> ports() const noexcept { return ports_; }

  // Needs index < size() and IPv4 addresses.
  [[nodiscard]] Target at(std::uint64_t index) const noexcept {
    const std::uint64_t rank = divide_by_ports(index);
    return Target{addresses_.v4()->select(static_cast<std::uint32_t>(rank)),
                  ports_[index - rank * ports_.size()]};
  }
  // Needs index < size().
  [[nodiscard]] AnyTarget any_at(std::uint64_t index) const noexcept {
    const std::uint64_t rank = divide_by_ports(index);
    return AnyTarget{addresses_.select(rank), ports_[index - rank * ports_.size()]};
  }
  // targets[i] = at(indexes[i]). Needs equal sizes and the family of the addresses.
  void at_batch(std::span<const std::uint64_t> indexes, std::span<Target> targets) const noexcept;
  void at_batch(std::span<const std::uint64_t> indexes, std::span<Target6> targets) const noexcept;
  // nullopt when the plan does not hold the target.
  [[nodiscard]] std::optional<std::uint64_t> index_of(Target target) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> index_of_any(const AnyTarget& target) const noexcept;

 private:
  // Exact for index < 2^48 and at most 2^16 ports: the error of the rounded-up reciprocal is below
  // 2^16 / 2^64 per unit (Granlund and Montgomery, "Division by Invariant Integers using
  // Multiplication", PLDI 1994).
  [[nodiscard]] std::uint64_t divide_by_ports(std::uint64_t index) const noexcept {
    if (ports_.size() == 1) return index;
    return static_cast<std::uint64_t>((Uint128{index} * reciprocal_) >> 64U);
  }

  RankedAddresses addresses_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::uint32_t> port_rank_;  // By port; ports_.size() where the plan lacks it.
  std::uint64_t reciprocal_;              // ceil(2^64 / ports).
};

}  // namespace trawl::dataplane
