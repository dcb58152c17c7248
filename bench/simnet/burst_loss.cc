#include "bench/simnet/burst_loss.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

constexpr double kNanosecondsPerMicrosecond = 1e3;

// Uniform in (0, 1).
double uniform(std::uint64_t draw) noexcept {
  constexpr double kSteps = 9007199254740992.0;  // 2^53
  return (static_cast<double>(draw >> 11U) + 0.5) / kSteps;
}

std::uint32_t threshold(double share) noexcept {
  return static_cast<std::uint32_t>(std::llround(share * 4294967295.0));
}

}  // namespace

BurstLoss::BurstLoss(const BurstLossOptions& options, std::uint64_t seed)
    : bad_share_{options.bad_share()},
      threshold_{threshold(options.lost_when_good), threshold(options.lost_when_bad)},
      is_one_chain_{options.is_one_chain},
      key_{mix64(seed)},
      chains_{options.is_one_chain ? 1 : kIpv4Networks} {
  const double bad = static_cast<double>(options.bad_spell.count()) / kNanosecondsPerMicrosecond;
  mean_us_[1] = bad;
  mean_us_[0] = bad * (1 - bad_share_) / bad_share_;
}

// Spells are exponential, so that the chain is Markov's; none is shorter than a microsecond.
std::uint64_t BurstLoss::length(std::uint64_t key, std::uint64_t spell) const noexcept {
  const double mean = mean_us_[spell & 1U];
  const double drawn = -std::log(uniform(mix64(key + spell))) * mean;
  constexpr double kMost = 1e12;
  return static_cast<std::uint64_t>(std::min(drawn, kMost)) + 1;
}

bool BurstLoss::is_bad(Ipv4Address host, std::chrono::nanoseconds now) noexcept {
  const std::uint32_t network = is_one_chain_ ? 0 : host.value() >> 8U;
  Chain& chain = chains_[network];
  const auto at = static_cast<std::uint64_t>(now.count()) / 1000;
  if (at < chain.until) [[likely]]
    return (chain.spell & 1U) != 0;
  const std::uint64_t key = mix64(key_ ^ (std::uint64_t{network} << 24U));
  std::uint64_t until = chain.until;
  std::uint64_t spell = chain.spell;
  if (until == 0) {
    spell = uniform(mix64(~key)) < bad_share_ ? 1 : 2;
    until = length(key, spell);
  }
  while (until <= at) until += length(key, ++spell);
  constexpr std::uint64_t kLatest = (std::uint64_t{1} << 40U) - 1;
  constexpr std::uint64_t kSpells = (std::uint64_t{1} << 24U) - 1;
  chain.until = std::min(until, kLatest) & kLatest;
  chain.spell = spell & kSpells;
  return (spell & 1U) != 0;
}

bool BurstLoss::is_lost(Ipv4Address host, std::chrono::nanoseconds now) noexcept {
  const std::uint32_t lost = threshold_[is_bad(host, now) ? 1 : 0];
  if (lost == 0) return false;
  if (lost == 0xffffffffU) return true;
  return static_cast<std::uint32_t>(mix64(key_ + ++drawn_) >> 32U) <= lost;
}

}  // namespace trawl::simnet
