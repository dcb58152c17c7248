// stamp() over a burst of 64 frames, alone and with the cookies it needs.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "dataplane/probe_template.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kBurst = 64;
constexpr MacAddress kMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 1}};
constexpr Ipv4Address kSource{0xc6120001};

enum class Cookies { Given, Made };

void stamp(benchmark::State& state, Cookies kind, ProbeKind probe_kind) {
  constexpr std::uint16_t kPorts[] = {443};
  const UdpPayload payload{.name = "",
                           .ports = {443},
                           .bytes = std::vector<std::byte>(48),
                           .slots = {{UdpField::Id32, 40}, {UdpField::Stamp, 44}},
                           .reply = {}};
  const auto payloads =
      std::make_shared<const UdpPayloads>(std::span{&payload, 1}, std::span{kPorts});
  const ProbeTemplate probe{probe_kind, {kMac, kSource}, payloads};
  const CookieMaker maker{ScanKey{1}, kSource, {61000, 64999}, probe_kind};
  alignas(64) std::array<std::array<std::byte, 128>, kBurst> frames{};
  probe.visit([&]<typename Probe>(const Probe& of_kind) {
    if constexpr (!std::is_same_v<Probe, UdpTemplate>) {
      for (auto& frame : frames) of_kind.prepare(frame.data());
    }
  });
  const std::uint64_t head = probe.frame_head(kMac);
  std::array<Target, kBurst> targets;
  std::array<Cookie, kBurst> cookies{};
  std::uint32_t ip = 0;
  for (auto _ : state) {
    for (Target& target : targets) target = {Ipv4Address{ip++ * 0x9e3779b9U}, 443};
    if (kind == Cookies::Made) maker.make(targets, cookies);
    probe.visit([&]<typename Probe>(const Probe& of_kind) {
      for (std::size_t i = 0; i < kBurst; ++i) {
        if constexpr (std::is_same_v<Probe, UdpTemplate>) {
          (void)of_kind.write(frames[i].data(), head, targets[i], cookies[i], ip);
        } else {
          of_kind.stamp(frames[i].data(), head, targets[i], cookies[i], ip);
        }
      }
    });
    benchmark::DoNotOptimize(frames);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
}

BENCHMARK_CAPTURE(stamp, given_cookies, Cookies::Given, ProbeKind::TcpSyn);
BENCHMARK_CAPTURE(stamp, made_cookies, Cookies::Made, ProbeKind::TcpSyn);
BENCHMARK_CAPTURE(stamp, tcp_ack, Cookies::Given, ProbeKind::TcpAck);
BENCHMARK_CAPTURE(stamp, icmp_echo, Cookies::Given, ProbeKind::IcmpEcho);
BENCHMARK_CAPTURE(stamp, udp_48_bytes, Cookies::Given, ProbeKind::Udp);
BENCHMARK_CAPTURE(stamp, icmp_timestamp, Cookies::Given, ProbeKind::IcmpTimestamp);

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
