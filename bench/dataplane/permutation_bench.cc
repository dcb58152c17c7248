// forward(), inverse() and forward_batch() of 64, at sizes whose grids fit tightly and loosely.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "dataplane/permutation.h"

namespace trawl::dataplane {
namespace {

void forward(benchmark::State& state) {
  const Permutation order{static_cast<std::uint64_t>(state.range(0)), 1, 2};
  std::uint64_t position = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(order.forward(position));
    if (++position == order.size()) position = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

void inverse(benchmark::State& state) {
  const Permutation order{static_cast<std::uint64_t>(state.range(0)), 1, 2};
  std::uint64_t index = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(order.inverse(index));
    if (++index == order.size()) index = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

void forward_batch(benchmark::State& state) {
  const Permutation order{static_cast<std::uint64_t>(state.range(0)), 1, 2};
  std::array<std::uint64_t, 64> indexes;
  std::uint64_t first = 0;
  for (auto _ : state) {
    order.forward_batch(first, indexes);
    benchmark::DoNotOptimize(indexes);
    first += indexes.size();
    if (first + indexes.size() > order.size()) first = 0;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(indexes.size()));
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(393'216)->Arg(std::int64_t{1} << 32U)->Arg(3'702'258'432)->Arg(std::int64_t{1} << 48U);
}

BENCHMARK(forward)->Apply(sizes);
BENCHMARK(inverse)->Apply(sizes);
BENCHMARK(forward_batch)->Apply(sizes);

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
