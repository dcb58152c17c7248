// parse() of the frames a survey gets: SYN-ACK with a Linux host's options, reset, ICMP error.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "dataplane/reply.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

void parse(benchmark::State& state, const Frame& frame) {
  const ReplyParser parser{kOurs, {61000, 64999}};
  ReplyClaim claim;
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame.data());
    benchmark::DoNotOptimize(parser.parse(frame, claim));
    benchmark::DoNotOptimize(claim);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(parse, syn_ack, tcp_frame({.options = {2, 4, 5, 0xb4, 4, 2,  8, 10, 1, 1,
                                                         1, 1, 0, 0,    0, 42, 1, 3,  3, 7}}));
BENCHMARK_CAPTURE(parse, reset, tcp_frame({.flags = kFlagRst | kFlagAck}));
BENCHMARK_CAPTURE(parse, icmp_error, icmp_error(3, 1, quoted_probe()));
BENCHMARK_CAPTURE(parse, other_address, tcp_frame({}, {.to = kPeer}));

}  // namespace
}  // namespace trawl::dataplane

BENCHMARK_MAIN();
