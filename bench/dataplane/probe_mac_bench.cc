// apply() on bursts of 64 blocks, for each implementation that this processor has.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <string>

#include "dataplane/probe_mac.h"

namespace trawl::dataplane {
namespace {

void apply(benchmark::State& state, ProbeMac::Implementation implementation) {
  const ProbeMac mac{ScanKey{1, 2, 3}, implementation};
  std::array<MacBlock, 64> blocks{};
  for (auto _ : state) {
    mac.apply(blocks);
    benchmark::DoNotOptimize(blocks);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(blocks.size()));
}

}  // namespace
}  // namespace trawl::dataplane

int main(int argc, char** argv) {
  using trawl::dataplane::ProbeMac;
  for (const auto implementation : ProbeMac::supported()) {
    const std::string name = "apply/" + std::string{ProbeMac::name(implementation)};
    benchmark::RegisterBenchmark(name.c_str(), trawl::dataplane::apply, implementation);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
