// Verdicts a second in each format, formatted and written to /dev/null or compressed into a file
// without a disk, and filtered.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "control/survey/output/survey_outputs.h"

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

void write_all(benchmark::State& state, SurveyOutputsOptions options) {
  const std::vector<Verdict> verdicts = make_verdicts();
  auto outputs = SurveyOutputs::open(std::move(options));
  if (!outputs) return state.SkipWithError(outputs.error().message.c_str());
  for (auto _ : state) {
    if (!(*outputs)->write(verdicts)) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(verdicts.size()));
}

void write_format(benchmark::State& state) {
  const auto format = static_cast<OutputFormat>(state.range(0));
  state.SetLabel(std::string{to_string(format)});
  SurveyOutputsOptions options;
  options.outputs = {{"/dev/null", format}};
  write_all(state, std::move(options));
}
BENCHMARK(write_format)->ArgName("format")->DenseRange(0, kVerdictFormats - 1);

// A link to /dev/null has a name that asks for compression.
void write_compressed(benchmark::State& state) {
  const std::string path = "/tmp/trawl_bench_" + std::to_string(getpid()) + ".zst";
  if (symlink("/dev/null", path.c_str()) != 0) return state.SkipWithError("no link in /tmp");
  SurveyOutputsOptions options;
  options.outputs = {{path, OutputFormat::Jsonl}};
  write_all(state, std::move(options));
  unlink(path.c_str());
}
BENCHMARK(write_compressed);

// Three comparisons, of which none is the last word before the end.
void filter_verdicts(benchmark::State& state) {
  const auto filter = OutputFilter::parse("state = open && (port = 80 || port != 443)", "filter");
  const std::vector<Verdict> verdicts = make_verdicts();
  for (auto _ : state) {
    std::size_t accepted = 0;
    for (const Verdict& verdict : verdicts) accepted += filter->accepts(verdict) ? 1 : 0;
    benchmark::DoNotOptimize(accepted);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(verdicts.size()));
}
BENCHMARK(filter_verdicts);

}  // namespace
}  // namespace trawl::control

BENCHMARK_MAIN();
