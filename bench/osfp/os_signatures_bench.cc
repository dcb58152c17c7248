#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/hash.h"
#include "osfp/passive/signature_index.h"
#include "tests/osfp/passive/packets.h"

namespace trawl::osfp {
namespace {

constexpr std::size_t kPackets = 4096;
using Packets = std::vector<std::vector<std::byte>>;

// The stacks that a survey meets, in a random order, each from its own distance.
Packets mixed_packets() {
  const std::array<TestSynAck, 6> stacks{
      TestSynAck{.options = linux_options()},
      TestSynAck{.window = 28960, .options = linux_options()},
      TestSynAck{.window = 12345, .options = linux_options()},  // Linux at large, tried last.
      TestSynAck{
          .ttl = 128, .id = 9, .window = 65535, .options = {2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2}},
      TestSynAck{.window = 65535,
                 .options = {2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, 8, 10, 1, 1, 1, 1, 0, 0, 0, 9}},
      TestSynAck{.window = 777, .options = {2, 4, 5, 0xb4, 1, 1, 1, 0}}};  // Nobody's.
  Packets packets;
  for (std::size_t i = 0; i < kPackets; ++i) {
    const std::uint64_t draw = mix64(i);
    TestSynAck packet = stacks[draw % stacks.size()];
    packet.ttl = static_cast<std::uint8_t>(packet.ttl - (draw >> 32U) % 30);
    packets.push_back(ipv4_packet(packet));
  }
  return packets;
}

// From the bytes of one SYN-ACK to its facts.
void read_packet(benchmark::State& state) {
  const Packets packets = mixed_packets();
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(read_syn_ack(packets[next++ % kPackets]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_packet);

// From the facts to a hint, with the built-in signatures.
void find_signature(benchmark::State& state) {
  const SignatureIndex& index = builtin_signatures();
  std::vector<SynAckFacts> facts;
  for (const auto& packet : mixed_packets()) facts.push_back(read_syn_ack(packet).value());
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(index.find(facts[next++ % kPackets]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_signature);

// Both, which is what a survey pays for each open port.
void hint(benchmark::State& state) {
  const SignatureIndex& index = builtin_signatures();
  const Packets packets = mixed_packets();
  std::size_t next = 0;
  for (auto _ : state) {
    const auto facts = read_syn_ack(packets[next++ % kPackets]);
    benchmark::DoNotOptimize(index.find(*facts));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hint);

}  // namespace
}  // namespace trawl::osfp

BENCHMARK_MAIN();
