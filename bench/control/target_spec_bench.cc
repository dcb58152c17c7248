// Lines of targets a second, parsed from memory, by form.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include "control/survey/target_spec.h"

namespace trawl::control {
namespace {

constexpr std::int64_t kLines = 200'000;

enum class Form { Address, Prefix, Range, OctetRanges };

std::string make_lines(Form form) {
  std::mt19937 random{1};
  std::string lines;
  for (std::int64_t i = 0; i < kLines; ++i) {
    const Ipv4Address at{static_cast<std::uint32_t>(random())};
    const std::string address = at.to_string();
    switch (form) {
      case Form::Address: lines += address + '\n'; break;
      case Form::Prefix: lines += fmt::format("{}/{}\n", address, 8 + random() % 25); break;
      case Form::Range: {
        const Ipv4Address end{at.value() | 0xffU};
        lines += fmt::format("{}-{}\n", address, end.to_string());
        break;
      }
      case Form::OctetRanges: lines += fmt::format("{},{}-255\n", address, random() % 256); break;
    }
  }
  return lines;
}

void parse_lines(benchmark::State& state) {
  const std::string lines = make_lines(static_cast<Form>(state.range(0)));
  for (auto _ : state) {
    Ipv4Set set;
    if (!parse_target_lines(lines, "bench", set)) std::abort();
    benchmark::DoNotOptimize(set);
  }
  state.SetItemsProcessed(state.iterations() * kLines);
}
BENCHMARK(parse_lines)
    ->ArgName("form")
    ->Arg(static_cast<int>(Form::Address))
    ->Arg(static_cast<int>(Form::Prefix))
    ->Arg(static_cast<int>(Form::Range))
    ->Arg(static_cast<int>(Form::OctetRanges));

}  // namespace
}  // namespace trawl::control

BENCHMARK_MAIN();
