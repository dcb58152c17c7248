#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "bench/simnet/responder.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

constexpr std::size_t kBuffer = 2048;
constexpr std::string_view kGet = "GET / HTTP/1.0\r\n\r\n";

// What a scanner of banners sends to many ports, round by round: SYNs to all, then to each the
// acknowledgement with a request, then one of what came, then a reset. Each round goes to as many
// ports, so that as many conversations are under way.
class Scanner {
 public:
  Scanner(Responder& responder, std::uint32_t ports) : responder_{responder}, acks_(ports) {}

  // One frame and what is sent because of it; how many frames came back.
  std::uint64_t step() {
    constexpr std::array<std::uint8_t, 4> kFlags{wire::kSyn, wire::kAck, wire::kAck, wire::kRst};
    constexpr std::int64_t kNanosecondsPerFrame = 400;
    const std::string_view data = phase_ == 1 ? kGet : std::string_view{};
    now_ += std::chrono::nanoseconds{kNanosecondsPerFrame};
    write(kFlags[phase_], data);
    std::uint64_t back = 0;
    const Answer answer = responder_.answer(buffer_, length_, now_);
    if (answer.action == Action::Reply) back += take(answer.length);
    if (next_ % 16 == 0) back += timed();
    if (++next_ == acks_.size()) {
      next_ = 0;
      if (++phase_ == kFlags.size()) {
        phase_ = 0;
        ++round_;
      }
    }
    return back;
  }

 private:
  // In place, as a link delivers it, by hand: building frames must not weigh more than answering.
  void write(std::uint8_t flags, std::string_view data) {
    constexpr std::uint32_t kIsn = 1000;
    const Ipv4Address to{0xc6120200 + next_ % 100'000};
    const std::uint32_t sent =
        (phase_ > 0 ? 1U : 0U) + (phase_ > 1 ? static_cast<std::uint32_t>(kGet.size()) : 0U);
    const auto port = static_cast<std::uint16_t>(1024 + round_ * 64 + next_ / 100'000);
    const StreamSegment segment{.eth_to = kRouterMac,
                                .eth_from = kScannerMac,
                                .from = kScanner,
                                .to = to,
                                .from_port = port,
                                .to_port = 80,
                                .seq = kIsn + sent,
                                .ack = phase_ == 0 ? 0 : acks_[next_],
                                .flags = flags,
                                .window = 64240};
    std::memcpy(buffer_.data() + segment.payload_at(), data.data(), data.size());
    length_ = write_stream_segment(buffer_, segment, data.size());
  }
  std::uint64_t take(std::size_t length) {
    const std::byte* const tcp = buffer_.data() + wire::kEthernetSize + wire::kIpSize;
    const std::size_t header = (std::size_t{wire::read8(tcp + 12)} >> 4U) * 4;
    const std::size_t data = length - wire::kEthernetSize - wire::kIpSize - header;
    const bool is_syn = (wire::read8(tcp + 13) & wire::kSyn) != 0;
    acks_[next_] = wire::read32(tcp + wire::kTcpSequence) + static_cast<std::uint32_t>(data) +
                   (is_syn ? 1U : 0U);
    return 1;
  }
  std::uint64_t timed() {
    std::uint64_t back = 0;
    while (const auto answer = responder_.emit(buffer_, now_)) {
      benchmark::DoNotOptimize(answer->length);
      ++back;
    }
    return back;
  }

  Responder& responder_;
  std::vector<std::uint32_t> acks_;
  std::array<std::byte, kBuffer> buffer_{};
  std::size_t length_ = 0;
  std::uint32_t next_ = 0;
  std::size_t phase_ = 0;
  std::uint32_t round_ = 0;
  std::chrono::nanoseconds now_{std::chrono::seconds{1}};
};

// Per frame in, with so many conversations at once; `out` says how many came back for each.
void converse(benchmark::State& state) {
  PopulationOptions options;
  options.live = 1;
  options.open = {{80, 80, 1.0}};
  options.talk.limit = std::size_t{1} << 22U;
  if (!set_talk(options.talk,
                "ssh=0.2,http=0.3,tls=0.15,smtp=0.1,zero-window=0.05,reset=0.05,"
                "tarpit=0.03,syn-proxy=0.02")) {
    return state.SkipWithError("the options are wrong");
  }
  const Population population = Population::make(options).value();
  Counters counters;
  Responder responder =
      Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value();
  Scanner scanner{responder, static_cast<std::uint32_t>(state.range(0))};
  std::uint64_t out = 0;
  for (auto _ : state) out += scanner.step();
  state.SetItemsProcessed(state.iterations());
  state.counters["out"] = static_cast<double>(out) / static_cast<double>(state.iterations());
  state.counters["done"] = static_cast<double>(counters.get(Counter::ConversationsCompleted));
  state.counters["opened"] = static_cast<double>(counters.get(Counter::ConversationsOpened));
}
BENCHMARK(converse)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

}  // namespace
}  // namespace trawl::simnet

BENCHMARK_MAIN();
