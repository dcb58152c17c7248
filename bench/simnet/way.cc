#include "bench/simnet/way.h"

#include <cmath>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kLossKeys[] = {0x10551e5, 0x10550ff};
constexpr std::uint64_t kBurstKeys[] = {0xb0551e5, 0xb0550ff};

// Of 32-bit draws; all ones is always.
std::uint32_t threshold(double share) {
  return static_cast<std::uint32_t>(std::llround(share * 4294967295.0));
}

}  // namespace

Way::Way(const WayOptions& options, Direction direction, std::uint64_t seed)
    : direction_{direction},
      is_clear_{options.loss == 0 && !options.bursts.is_present() &&
                !options.bottleneck.is_present()},
      loss_threshold_{threshold(options.loss)},
      key_{mix64(seed ^ kLossKeys[static_cast<std::size_t>(direction)])},
      bottleneck_{options.bottleneck} {
  if (!options.bursts.is_present()) return;
  bursts_ = BurstLoss{options.bursts, seed ^ kBurstKeys[static_cast<std::size_t>(direction)]};
}

Result<Way> Way::make(const WayOptions& options, Direction direction, std::uint64_t seed) {
  Way way{options, direction, seed};
  if (options.bursts.is_present() && !way.bursts_.is_present()) {
    return fail(ExitCode::Runtime,
                "not enough memory for the loss of every /24; give --loss-bursts-in and "
                "--loss-bursts-out the word path for one state in all");
  }
  return way;
}

PassageFate Way::loss(Ipv4Address host, std::chrono::nanoseconds now) noexcept {
  if (loss_threshold_ != 0 &&
      static_cast<std::uint32_t>(mix64(key_ + passed_++) >> 32U) <= loss_threshold_) {
    return PassageFate::Lost;
  }
  if (bursts_.is_present() && bursts_.is_lost(host, now)) return PassageFate::LostInBurst;
  return PassageFate::Arrives;
}

Passage Way::obstructed(Ipv4Address host, std::size_t size, std::chrono::nanoseconds now) noexcept {
  if (direction_ == Direction::ToScanner) {
    if (const PassageFate fate = loss(host, now); fate != PassageFate::Arrives) return {fate, {}};
  }
  Passage passage;
  if (bottleneck_.is_present()) {
    const auto wait = bottleneck_.pass(size, now);
    if (!wait) return {PassageFate::Dropped, {}};
    passage.wait = *wait;
  }
  if (direction_ == Direction::ToHosts) passage.fate = loss(host, now + passage.wait);
  return passage;
}

}  // namespace trawl::simnet
