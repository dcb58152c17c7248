// stamp() over a burst of 64 frames, alone and with the cookies it needs.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "dataplane/probe_template.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kBurst = 64;
constexpr MacAddress kMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 1}};
constexpr Ipv4Address kSource{0xc6120001};

enum class Cookies { Given, Made };

void stamp(benchmark::State& state, Cookies kind) {
  const ProbeTemplate probe{kMac, kSource};
  const CookieMaker maker{ScanKey{1}, kSource, {61000, 64999}};
  alignas(64) std::array<std::array<std::byte, 128>, kBurst> frames{};
  for (auto& frame : frames) probe.prepare(frame);
  const std::uint64_t head = probe.frame_head(kMac);
  std::array<Target, kBurst> targets;
  std::array<Cookie, kBurst> cookies{};
  std::uint32_t ip = 0;
  for (auto _ : state) {
    for (Target& target : targets) target = {Ipv4Address{ip++ * 0x9e3779b9U}, 443};
    if (kind == Cookies::Made) maker.make(targets, cookies);
    for (std::size_t i = 0; i < kBurst; ++i) {
      probe.stamp(frames[i].data(), head, targets[i], cookies[i], ip);
    }
    benchmark::DoNotOptimize(frames);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
}

BENCHMARK_CAPTURE(stamp, given_cookies, Cookies::Given);
BENCHMARK_CAPTURE(stamp, made_cookies, Cookies::Made);

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
