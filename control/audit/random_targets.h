#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>

#include "base/interval_set.h"
#include "base/ip.h"
#include "base/ranked_set.h"
#include "dataplane/permutation.h"

namespace trawl::control {

// The addresses of -iR: drawn from a set at random, each at most once until all were drawn.
//
// Thread: one user.
class RandomTargets {
 public:
  // `count`: how many; 0 for no end. Needs a set that is not empty.
  RandomTargets(const Ipv4Set& set, std::uint64_t count);

  // nullopt behind the last, or when none of the set is wanted.
  [[nodiscard]] std::optional<IpAddress> next();
  // One that was drawn was left out: another takes its place. Not when all were drawn.
  void put_back() noexcept;
  // How many are still to come; 0 where there is no end.
  [[nodiscard]] std::uint64_t left() const noexcept {
    return wanted_ == 0 ? 0 : std::min(wanted_ - given_, ranked_.size() - position_);
  }
  // The set has fewer than were asked for.
  [[nodiscard]] bool is_short() const noexcept { return wanted_ > ranked_.size(); }

 private:
  RankedSet<Ipv4Address> ranked_;
  std::uint64_t wanted_;
  std::uint64_t given_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t unwanted_ = 0;  // In a row.
  bool was_put_back_ = false;
  std::mt19937_64 random_{std::random_device{}()};
  dataplane::Permutation order_;
};

}  // namespace trawl::control
