// allow() and sent(), polled every microsecond: unlimited, ahead of the rate and behind it.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "dataplane/pacer.h"

namespace trawl::dataplane {
namespace {

void poll(benchmark::State& state) {
  const TscClock clock = TscClock::with_rate(1e9);
  Pacer pacer{clock};
  const auto rate = static_cast<double>(state.range(0));
  pacer.set_rate(rate < 0 ? PacketsPerSecond::unlimited() : PacketsPerSecond{rate}, 0);
  Ticks now = 0;
  for (auto _ : state) {
    const unsigned allowed = pacer.allow(now, 64);
    benchmark::DoNotOptimize(allowed);
    pacer.sent(allowed);
    now += 1000;
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(poll)->ArgName("pps")->Arg(-1)->Arg(1000)->Arg(1'000'000)->Arg(20'000'000);

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
