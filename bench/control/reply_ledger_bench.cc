// The reply ledger at sizes up to 10^8 responders, each of which answers twice: nanoseconds a
// record, one at a time and in prefetched batches, bytes a target, and the longest pause.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "control/survey/reply_ledger.h"

namespace trawl::control {
namespace {

constexpr std::uint64_t kAllTargets = std::uint64_t{1} << 48U;
constexpr std::size_t kBatch = 64;

// The i-th responder: anywhere among 2^48 targets.
std::uint64_t responder(std::uint64_t i) { return mix64(i) >> 16U; }

enum class Ahead { Nothing, Batch };

void record_all(ReplyLedger& ledger, std::uint64_t responders, Ahead ahead,
                ReplyLedger::Outcome expected, benchmark::State& state) {
  PortState before{};
  std::uint64_t unexpected = 0;
  for (std::uint64_t i = 0; i < responders; i += kBatch) {
    const std::uint64_t end = std::min(i + kBatch, responders);
    if (ahead == Ahead::Batch) {
      for (std::uint64_t j = i; j < end; ++j) ledger.prefetch(responder(j));
    }
    for (std::uint64_t j = i; j < end; ++j) {
      const auto outcome = ledger.record(responder(j), PortState::Open, before);
      unexpected += static_cast<std::uint64_t>(outcome != expected);
    }
  }
  // mix64() >> 16 repeats a key now and then: n^2 / 2^49 times.
  if (unexpected > responders / 10'000 + 1) state.SkipWithError("wrong outcomes");
}

// Every responder once, then every one again in the same order: a lag of their number.
void record_twice(benchmark::State& state, Ahead ahead) {
  using Clock = std::chrono::steady_clock;
  const auto responders = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    ReplyLedger ledger{kAllTargets};
    const auto start = Clock::now();
    record_all(ledger, responders, ahead, ReplyLedger::Outcome::First, state);
    const auto middle = Clock::now();
    record_all(ledger, responders, ahead, ReplyLedger::Outcome::Duplicate, state);
    const std::chrono::duration<double, std::nano> first = middle - start;
    const std::chrono::duration<double, std::nano> again = Clock::now() - middle;
    const auto count = static_cast<double>(responders);
    state.counters["first_ns"] = first.count() / count;
    state.counters["again_ns"] = again.count() / count;
    state.counters["record_ns"] = (first + again).count() / (2 * count);
    state.counters["bytes_per_target"] = static_cast<double>(ledger.memory().count()) / count;
  }
}

// The longest single record() while the set grows to its size.
void longest_pause(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  const auto responders = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    ReplyLedger ledger{kAllTargets};
    PortState before{};
    auto longest = Clock::duration::zero();
    auto last = Clock::now();
    for (std::uint64_t i = 0; i < responders; ++i) {
      benchmark::DoNotOptimize(ledger.record(responder(i), PortState::Open, before));
      const auto now = Clock::now();
      longest = std::max(longest, now - last);
      last = now;
    }
    state.counters["longest_us"] = std::chrono::duration<double, std::micro>(longest).count();
  }
}

// The array: 2^31 targets in 512 MiB, random ones.
void record_in_array(benchmark::State& state, Ahead ahead) {
  ReplyLedger ledger{std::uint64_t{1} << 31U};
  PortState before{};
  std::uint64_t i = 0;
  for (auto _ : state) {
    if (ahead == Ahead::Batch) {
      for (std::uint64_t j = i; j < i + kBatch; ++j) ledger.prefetch(mix64(j) >> 33U);
    }
    for (std::uint64_t j = i; j < i + kBatch; ++j) {
      benchmark::DoNotOptimize(ledger.record(mix64(j) >> 33U, PortState::Open, before));
    }
    i += kBatch;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(i));
}

BENCHMARK_CAPTURE(record_twice, one_by_one, Ahead::Nothing)
    ->RangeMultiplier(10)
    ->Range(10'000, 100'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(record_twice, prefetched, Ahead::Batch)
    ->RangeMultiplier(10)
    ->Range(10'000, 100'000'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(longest_pause)->Arg(100'000'000)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(record_in_array, one_by_one, Ahead::Nothing);
BENCHMARK_CAPTURE(record_in_array, prefetched, Ahead::Batch);

}  // namespace
}  // namespace trawl::control

BENCHMARK_MAIN();
