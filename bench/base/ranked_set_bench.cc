// rank() and select() at 1, 10 thousand and 1 million intervals, uniform and clustered.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "base/ranked_set.h"

namespace trawl {
namespace {

enum class Spread { Uniform, Clustered };

// `intervals` holes cut into the whole space, as an exclude list does.
RankedSet<Ipv4Address> space_with_holes(std::int64_t intervals, Spread spread) {
  std::mt19937 random{1};
  Ipv4Set holes;
  for (std::int64_t i = 0; i + 1 < intervals; ++i) {
    const auto at = static_cast<std::uint32_t>(random());
    // Clustered: all in 10.0.0.0/8, the rest of the space in one piece.
    const std::uint32_t hole = spread == Spread::Uniform ? at : 0x0a000000U | (at >> 8U);
    holes.add({Ipv4Address{hole}, Ipv4Address{hole}});
  }
  Ipv4Set set;
  set.add(Ipv4Prefix{Ipv4Address{}, 0});
  set.subtract(holes);
  return RankedSet<Ipv4Address>{set};
}

// More than the first-level cache holds, so that the look-ups and not the input are measured.
// Clustered questions fall where the intervals are.
std::vector<std::uint32_t> questions(std::uint64_t below, Spread spread) {
  std::mt19937_64 random{2};
  std::vector<std::uint32_t> values(1U << 16U);
  for (auto& value : values) {
    const std::uint64_t bits = random();
    value = static_cast<std::uint32_t>(spread == Spread::Uniform ? bits % below
                                                                 : 0x0a000000U | (bits >> 40U));
  }
  return values;
}

void select(benchmark::State& state, Spread spread) {
  const auto ranked = space_with_holes(state.range(0), spread);
  const auto ranks = questions(ranked.size(), spread);
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ranked.select(ranks[i++ & 0xffffU]));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["table_bytes"] = static_cast<double>(ranked.memory());
}

void rank(benchmark::State& state, Spread spread) {
  const auto ranked = space_with_holes(state.range(0), spread);
  const auto addresses = questions(std::uint64_t{1} << 32U, spread);
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ranked.rank(Ipv4Address{addresses[i++ & 0xffffU]}));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

BENCHMARK_CAPTURE(select, uniform, Spread::Uniform)->Arg(1)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(select, clustered, Spread::Clustered)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(rank, uniform, Spread::Uniform)->Arg(1)->Arg(10'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(rank, clustered, Spread::Clustered)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace trawl

BENCHMARK_MAIN();
