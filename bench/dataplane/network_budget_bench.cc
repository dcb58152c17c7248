// take() of random addresses: in one /16, and in a quarter of all IPv4 addresses.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "dataplane/network_budget.h"

namespace trawl::dataplane {
namespace {

void take(benchmark::State& state) {
  const auto length = static_cast<unsigned>(state.range(0));
  const Ipv4Prefix prefix{Ipv4Address{0x40000000}, length};
  Ipv4Set set;
  set.add(prefix);
  const TscClock clock = TscClock::with_rate(1e9);
  NetworkBudget budget{RankedSet<Ipv4Address>{set}, PacketsPerSecond{1000.0}, clock, 0};
  std::uint32_t random = 1;
  Ticks now = 1'000'000'000;
  for (auto _ : state) {
    random = random * 1664525U + 1013904223U;
    benchmark::DoNotOptimize(
        budget.take(Ipv4Address{prefix.first().value() + (random >> length)}, now += 50));
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(take)->Arg(16)->Arg(2);

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
