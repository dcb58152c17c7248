// Picking the targets of permuted indexes, and the way back, with 1, 10 thousand and 1 million
// intervals and three ports.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "dataplane/target_space.h"

namespace trawl::dataplane {
namespace {

// The whole address space with holes, as an exclude list makes it.
TargetSpace space_of(std::int64_t intervals) {
  std::mt19937 random{1};
  Ipv4Set holes;
  for (std::int64_t i = 0; i + 1 < intervals; ++i) {
    const Ipv4Address hole{static_cast<std::uint32_t>(random())};
    holes.add({hole, hole});
  }
  Ipv4Set set;
  set.add(Ipv4Prefix{Ipv4Address{}, 0});
  set.subtract(holes);
  return {RankedSet<Ipv4Address>{set}, {22, 80, 443}};
}

std::vector<std::uint64_t> random_indexes(const TargetSpace& space) {
  std::mt19937_64 random{2};
  std::vector<std::uint64_t> indexes(1U << 16U);
  for (std::uint64_t& index : indexes) index = random() % space.size();
  return indexes;
}

void at(benchmark::State& state) {
  const TargetSpace space = space_of(state.range(0));
  const auto indexes = random_indexes(space);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(space.at(indexes[i++ & 0xffffU]));
  state.SetItemsProcessed(state.iterations());
}

void at_batch(benchmark::State& state) {
  const TargetSpace space = space_of(state.range(0));
  const auto indexes = random_indexes(space);
  std::array<Target, 64> targets;
  std::size_t i = 0;
  for (auto _ : state) {
    space.at_batch({indexes.data() + i, targets.size()}, targets);
    benchmark::DoNotOptimize(targets);
    i = (i + targets.size()) & 0xffffU;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(targets.size()));
}

void index_of(benchmark::State& state) {
  const TargetSpace space = space_of(state.range(0));
  std::vector<Target> targets(1U << 16U);
  space.at_batch(random_indexes(space), targets);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(space.index_of(targets[i++ & 0xffffU]));
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(at)->Arg(1)->Arg(10'000)->Arg(1'000'000);
BENCHMARK(at_batch)->Arg(1)->Arg(10'000)->Arg(1'000'000);
BENCHMARK(index_of)->Arg(1)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
