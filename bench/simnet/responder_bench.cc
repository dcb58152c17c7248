#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "bench/simnet/delay_queue.h"
#include "bench/simnet/responder.h"
#include "tests/simnet/frames.h"
#include "tests/simnet/os_entries.h"

namespace trawl::simnet {
namespace {

constexpr std::size_t kFrames = 1024;
constexpr std::size_t kSlot = 128;

// SYNs to addresses all over the prefix, as a survey sends them, packed as a link delivers them.
struct Syns {
  std::array<std::array<std::byte, kSlot>, kFrames> bytes;
  std::size_t length = 0;

  Syns() {
    for (std::uint32_t i = 0; i < kFrames; ++i) {
      const Ipv4Address to{0xc6120000 + static_cast<std::uint32_t>(mix64(i) % 131072)};
      const TestFrame frame = tcp_frame({.to = to}, {.options = linux_options()});
      std::copy_n(frame.bytes.begin(), kSlot, bytes[i].begin());
      length = frame.length;
    }
  }
};

void answer_with(benchmark::State& state, const PopulationOptions& options) {
  const Population population = Population::make(options).value();
  Counters counters;
  Responder responder =
      Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value();
  const Syns syns;
  std::array<std::byte, 2 * kSlot> buffer{};
  std::size_t next = 0;
  for (auto _ : state) {
    std::copy_n(syns.bytes[next++ % kFrames].begin(), kSlot, buffer.begin());
    benchmark::DoNotOptimize(responder.answer(buffer, syns.length, std::chrono::seconds{1}));
  }
  state.SetItemsProcessed(state.iterations());
}

// Per frame, with the share of live hosts in percent.
void answer(benchmark::State& state) {
  PopulationOptions options;
  options.live = static_cast<double>(state.range(0)) / 100;
  answer_with(state, options);
}
BENCHMARK(answer)->Arg(0)->Arg(2)->Arg(20)->Arg(100);

// The same where every host answers as an OS.
void answer_as_os(benchmark::State& state) {
  const TemporaryFile file{fmt::format("{}{}", kPoints, kCommon)};
  PopulationOptions options;
  options.live = 1;
  options.personality.file = file.path();
  answer_with(state, options);
}
BENCHMARK(answer_as_os);

// The same with 20 % live and everything on the path configured.
void answer_impaired(benchmark::State& state) {
  PopulationOptions options;
  options.way_in.loss = 0.01;
  options.way_in.bursts = {.mean = 0.01, .bad_spell = std::chrono::milliseconds{100}};
  options.way_in.bottleneck = {.per_second = 1e9, .queue = 1e6, .burst = 1e6};
  options.way_out = options.way_in;
  options.network_rate = {PacketsPerSecond{1e6}, 1e6};
  answer_with(state, options);
}
BENCHMARK(answer_impaired);

// One forged frame.
void forge(benchmark::State& state) {
  PopulationOptions options;
  options.live = 1;
  options.forged = 0.99;
  const Population population = Population::make(options).value();
  Counters counters;
  Responder responder =
      Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value();
  TestFrame frame = tcp_frame({.to = Ipv4Address{0xc6120100}}, {});
  benchmark::DoNotOptimize(responder.answer(frame.buffer(), frame.length, std::chrono::seconds{1}));
  std::array<std::byte, kSlot> buffer{};
  for (auto _ : state) benchmark::DoNotOptimize(responder.forger().write(buffer));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(forge);

// A reply in and out, with as many waiting as 1 M replies/s at 20 ms.
void delay(benchmark::State& state) {
  constexpr std::size_t kWaiting = 20'000;
  constexpr std::int64_t kNanosecondsPerReply = 1000;
  DelayQueue queue{std::chrono::milliseconds{20}, 1U << 18U};
  std::array<std::byte, 2048> out{};
  const std::span frame = std::span{out}.first(74);
  std::int64_t now = 0;
  for (auto _ : state) {
    now += kNanosecondsPerReply;
    const auto due = static_cast<std::int64_t>(mix64(static_cast<std::uint64_t>(now)) % 20'000'000);
    benchmark::DoNotOptimize(queue.push(frame, std::chrono::nanoseconds{now + due}));
    if (queue.size() > kWaiting / 2) {
      benchmark::DoNotOptimize(queue.pop(out, std::chrono::nanoseconds{now}));
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(delay);

}  // namespace
}  // namespace trawl::simnet

BENCHMARK_MAIN();
