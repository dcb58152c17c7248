#include "control/survey/sweep_planner.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/hash.h"
#include "dataplane/probe_template.h"

namespace trawl::control {
namespace {

using dataplane::Permutation;
using dataplane::PositionSet;
using dataplane::Sweep;
using dataplane::TargetSpace;

constexpr std::size_t kBatch = 64;

std::uint8_t attempt_of(unsigned number) noexcept {
  constexpr unsigned kMost = dataplane::ProbeStamp::kSentinelAttempt - 1;
  return static_cast<std::uint8_t>(std::min(number, kMost));
}

// Calls visit(offset, index) for every position first + offset of `sweep`, batch by batch.
template <typename Visit>
void for_each_position(const Sweep& sweep, Visit visit) {
  std::array<std::uint64_t, kBatch> indexes;
  for (std::uint64_t at = sweep.first; at < sweep.last; at += kBatch) {
    const std::size_t count = std::min<std::uint64_t>(kBatch, sweep.last - at);
    sweep.order.forward_batch(at, {indexes.data(), count});
    for (std::size_t i = 0; i < count; ++i) visit(at - sweep.first + i, indexes[i]);
  }
}

// nullopt when there are none.
std::optional<RankedAddresses> addresses_in(const AnsweringNetworks& answering,
                                            const RankedAddresses& all) {
  const auto ranked = [](const auto& set) -> std::optional<RankedAddresses> {
    if (set.empty()) return std::nullopt;
    return RankedAddresses{RankedSet{set}};
  };
  return all.is_v4() ? ranked(answering.of(*all.v4())) : ranked(answering.of(*all.v6()));
}

}  // namespace

std::uint64_t AnsweringNetworks::count() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t word : bits_) sum += static_cast<std::uint64_t>(std::popcount(word));
  return sum + networks6_.size();
}

Ipv4Set AnsweringNetworks::of(const RankedSet<Ipv4Address>& all) const {
  Ipv4Set set;
  for (std::uint32_t network = 0; network < 1U << 24U; ++network) {
    if (network % 64 == 0 && bits_[network / 64] == 0) {
      network += 63;
      continue;
    }
    const Ipv4Prefix prefix{Ipv4Address{network << 8U}, 24};
    if (!contains(prefix.first())) continue;
    const auto clipped = all.intersection({prefix.first(), prefix.last()});
    for (const auto& range : clipped) set.add(range);
  }
  return set;
}

Ipv6Set AnsweringNetworks::of(const RankedSet<Ipv6Address>& all) const {
  Ipv6Set set;
  for (const std::uint64_t network : networks6_) {
    const Ipv6Prefix prefix{Ipv6Address{Uint128{network} << 64U}, 64};
    for (const auto& range : all.intersection({prefix.first(), prefix.last()})) set.add(range);
  }
  return set;
}

std::optional<Sweep> SweepPlanner::sweep(unsigned number, const Known& known) const {
  if (number <= config_.probes) return everything(attempt_of(number));
  if (number > most_sweeps()) return std::nullopt;
  if (number == first_repeat()) return silent_of(known.damaged, known.ledger, number);
  if (config_.retries == RetryMode::Responsive) {
    return silent_in(known.answering, known.ledger, number);
  }
  const PositionRange all{config_.first, config_.last};
  return silent_of({&all, 1}, known.ledger, number);
}

Sweep SweepPlanner::everything(std::uint8_t attempt) const {
  return Sweep{.space = config_.space,
               .order = config_.order,
               .first = config_.first,
               .last = config_.last,
               .attempt = attempt,
               .skip = {}};
}

std::optional<Sweep> SweepPlanner::silent_of(std::span<const PositionRange> ranges,
                                             const ReplyLedger& ledger, unsigned number,
                                             const AnsweringNetworks* only) const {
  if (ranges.empty()) return std::nullopt;
  Sweep again = everything(attempt_of(number));
  again.first = ranges.front().first;
  again.last = ranges.back().last;
  const auto left_out = std::make_shared<PositionSet>(again.last - again.first);
  auto range = ranges.begin();
  std::uint64_t silent = 0;
  for_each_position(again, [&](std::uint64_t offset, std::uint64_t index) {
    const std::uint64_t position = again.first + offset;
    while (position >= range->last) ++range;
    const bool wanted = position >= range->first && !ledger.knows(index) &&
                        (only == nullptr || only->contains(config_.space->any_at(index).ip));
    if (!wanted) left_out->add(offset);
    silent += static_cast<std::uint64_t>(wanted);
  });
  if (silent == 0) return std::nullopt;
  again.skip = left_out;
  return again;
}

// A space of its own, so that the order mixes just the targets concerned; unless their networks
// hold far more than was probed at all, as a /64 of IPv6 does.
std::optional<Sweep> SweepPlanner::silent_in(const AnsweringNetworks& answering,
                                             const ReplyLedger& ledger, unsigned number) const {
  auto addresses = addresses_in(answering, config_.space->addresses());
  if (!addresses) return std::nullopt;
  const auto ports = config_.space->ports();
  auto space = std::make_shared<const TargetSpace>(
      std::move(*addresses), std::vector<std::uint16_t>{ports.begin(), ports.end()});
  if (space->size() > config_.last - config_.first) {
    const PositionRange probed{config_.first, config_.last};
    return silent_of({&probed, 1}, ledger, number, &answering);
  }
  const auto low = static_cast<std::uint64_t>(config_.seed);
  const auto high = static_cast<std::uint64_t>(config_.seed >> 64U);
  Sweep again{.space = space,
              .order = Permutation{space->size(), mix64(low + number), mix64(high + number)},
              .first = 0,
              .last = space->size(),
              .attempt = attempt_of(number),
              .skip = {}};
  const bool whole = config_.first == 0 && config_.last == config_.space->size();
  const auto left_out = std::make_shared<PositionSet>(space->size());
  std::uint64_t silent = 0;
  for_each_position(again, [&](std::uint64_t offset, std::uint64_t index) {
    const std::uint64_t main_index = *config_.space->index_of_any(space->any_at(index));
    bool wanted = !ledger.knows(main_index);
    if (wanted && !whole) {
      const std::uint64_t position = config_.order.inverse(main_index);
      wanted = position >= config_.first && position < config_.last;
    }
    if (!wanted) left_out->add(offset);
    silent += static_cast<std::uint64_t>(wanted);
  });
  if (silent == 0) return std::nullopt;
  again.skip = left_out;
  return again;
}

}  // namespace trawl::control
