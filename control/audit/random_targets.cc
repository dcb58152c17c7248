#include "control/audit/random_targets.h"

#include <utility>

namespace trawl::control {

RandomTargets::RandomTargets(const Ipv4Set& set, std::uint64_t count)
    : ranked_{set}, wanted_{count}, order_{ranked_.size(), random_(), random_()} {}

std::optional<IpAddress> RandomTargets::next() {
  if (!std::exchange(was_put_back_, false)) unwanted_ = 0;
  if (unwanted_ > ranked_.size() || (wanted_ != 0 && given_ == wanted_)) return std::nullopt;
  if (position_ == ranked_.size()) {
    if (wanted_ != 0) return std::nullopt;
    // Without an end: all of them once more, in another order.
    order_ = dataplane::Permutation{ranked_.size(), random_(), random_()};
    position_ = 0;
  }
  ++given_;
  const auto rank = static_cast<std::uint32_t>(order_.forward(position_++));
  return ranked_.select(rank);
}

void RandomTargets::put_back() noexcept {
  if (given_ > 0) --given_;
  ++unwanted_;
  was_put_back_ = true;
}

}  // namespace trawl::control
