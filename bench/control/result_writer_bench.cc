// Verdicts a second as JSONL and CSV lines, formatted and written to /dev/null.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "control/survey/result_writer.h"

namespace trawl::control {
namespace {

// Replies at a million a second, from scattered addresses.
std::vector<Verdict> make_verdicts() {
  std::mt19937 random{1};
  std::vector<Verdict> verdicts(10'000);
  std::chrono::system_clock::time_point now{std::chrono::seconds{1'767'323'045}};
  for (Verdict& verdict : verdicts) {
    verdict.time = now += std::chrono::microseconds{1};
    verdict.ip = verdict.from = Ipv4Address{static_cast<std::uint32_t>(random())};
    verdict.port = static_cast<std::uint16_t>(random());
    verdict.ttl = static_cast<std::uint8_t>(random());
    verdict.rtt_us = static_cast<std::uint32_t>(random() % 300'000);
  }
  return verdicts;
}

void write_lines(benchmark::State& state) {
  const auto format = static_cast<OutputFormat>(state.range(0));
  const std::vector<Verdict> verdicts = make_verdicts();
  auto writer = make_result_writer(
      {.path = "/dev/null", .format = format, .fields = {}, .states = StateSet::all()});
  if (!writer) return state.SkipWithError(writer.error().message.c_str());
  for (auto _ : state) {
    if (!(*writer)->write(verdicts)) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(verdicts.size()));
}
BENCHMARK(write_lines)
    ->ArgName("csv")
    ->Arg(static_cast<int>(OutputFormat::Jsonl))
    ->Arg(static_cast<int>(OutputFormat::Csv));

}  // namespace
}  // namespace trawl::control

BENCHMARK_MAIN();
