// blocked() on bursts of 64 random addresses, with 0, 10 thousand and 100 thousand prefixes.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "dataplane/egress_guard.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kBurst = 64;

EgressGuard guard_of(std::int64_t prefixes) {
  std::mt19937_64 random{1};
  Ipv4Set blocked;
  for (std::int64_t i = 0; i < prefixes; ++i) {
    const auto length = static_cast<unsigned>(20 + random() % 13);
    blocked.add(Ipv4Prefix{Ipv4Address{static_cast<std::uint32_t>(random())}, length});
  }
  return EgressGuard{blocked};
}

std::vector<Target> random_targets() {
  std::mt19937 random{2};
  std::vector<Target> targets(1U << 16U);
  for (Target& target : targets) {
    target = {Ipv4Address{static_cast<std::uint32_t>(random())}, 443};
  }
  return targets;
}

void blocked(benchmark::State& state) {
  const EgressGuard guard = guard_of(state.range(0));
  const auto targets = random_targets();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(guard.blocked({targets.data() + i, kBurst}));
    i = (i + kBurst) & 0xffffU;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
  state.counters["bytes"] = static_cast<double>(guard.memory());
}

BENCHMARK(blocked)->Arg(0)->Arg(10'000)->Arg(100'000);

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
