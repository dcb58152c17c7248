#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "bench/simnet/delay_queue.h"
#include "bench/simnet/responder.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

constexpr std::size_t kFrames = 4096;

// SYNs to addresses all over the prefix, as a survey sends them.
std::vector<TestFrame> syns() {
  std::vector<TestFrame> frames;
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    const Ipv4Address to{0xc6120000 + static_cast<std::uint32_t>(mix64(i) % 131072)};
    frames.push_back(tcp_frame({.to = to}, {.options = linux_options()}));
  }
  return frames;
}

// Per frame, with the share of live hosts in percent.
void answer(benchmark::State& state) {
  PopulationOptions options;
  options.live = static_cast<double>(state.range(0)) / 100;
  const Population population = Population::make(options).value();
  Counters counters;
  Responder responder =
      Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value();
  const std::vector<TestFrame> frames = syns();
  std::array<std::byte, 256> buffer{};
  std::size_t next = 0;
  for (auto _ : state) {
    const TestFrame& frame = frames[next++ % kFrames];
    std::copy_n(frame.bytes.begin(), 128, buffer.begin());
    benchmark::DoNotOptimize(responder.answer(buffer, frame.length, std::chrono::seconds{1}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(answer)->Arg(0)->Arg(2)->Arg(20)->Arg(100);

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
