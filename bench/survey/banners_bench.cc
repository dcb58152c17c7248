// The conversation engine against the simulated network's ports in one process, without links: a
// SYN to each, another to the silent, loss both ways, and conversations until all are over, in
// simulated time.
//
// `banners` a second are those of the engine's side alone: reading frames, conversations, writing
// frames. The rest says what came of it, by the network's own truth: `real` services found over
// those there are, `fake` ports called services over those there are, `extra` packets a fake.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "bench/simnet/responder.h"
#include "bench/simnet/talk.h"
#include "bench/survey/bench_plan.h"
#include "dataplane/conversation/conversation_engine.h"
#include "dataplane/conversation/segment_writer.h"
#include "dataplane/probe_template.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

namespace dp = dataplane;
using std::chrono::nanoseconds;

constexpr dp::ScanKey kKey{1, 6, 1, 8};
constexpr dp::PortRange kSourcePorts{.first = 61000, .last = 64999};
constexpr std::array<std::uint16_t, 4> kPorts{22, 25, 80, 443};
constexpr std::uint32_t kFirstHost = 0xc6120200;
constexpr std::size_t kFrame = 2048;
constexpr unsigned kBurst = 64;

PopulationOptions population(double loss) {
  PopulationOptions options;
  options.live = 1;
  options.open = {{1, 65535, 1.0}};
  options.way_in.loss = options.way_out.loss = loss;
  options.talk.limit = std::size_t{1} << 22U;
  // Of five open ports two are services, as in LZR's measurements; one in ten is on another's port.
  (void)set_talk(options.talk,
                 "ssh=0.1,http=0.2,tls=0.1,smtp=0.05,silent=0.1,mute-close=0.05,zero-window=0.1,"
                 "reset=0.1,tarpit=0.05,syn-proxy=0.15");
  (void)add_talk_ports(options.talk, "22=ssh:0.9,25=smtp:0.9,80=http:0.9,443=tls:0.9");
  return options;
}

// Of this thread: a busy machine does not change it.
nanoseconds processor_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

// What a survey of `targets` open ports finds.
class Survey {
 public:
  Survey(std::uint32_t targets, double loss)
      : targets_{targets},
        population_{Population::make(population(loss)).value()},
        responder_{
            Responder::make(population_, MacAddress::from_integer(kRouterMac), counters_).value()} {
    auto made = dp::ConversationEngine::make(plan_, cookies_, clock_, engine_counters_);
    engine_ = std::move(made.value());
    classes_.resize(targets);
    answered_.resize(targets);
  }

  void run() {
    constexpr std::uint32_t kTimesMore = 60'000;  // Milliseconds until everybody has fallen silent.
    constexpr nanoseconds kBetween{std::chrono::microseconds{64}};  // A million SYNs a second.
    for (std::uint32_t next = 0; next < targets_; next += kBurst) {
      for (std::uint32_t i = next; i < std::min(targets_, next + kBurst); ++i) send_syn(i);
      turn(kBetween);
    }
    // One more probe to those that said nothing, as a survey has it.
    for (int i = 0; i < 3000; ++i) turn(std::chrono::milliseconds{1});
    for (std::uint32_t i = 0; i < targets_; ++i) {
      if (!answered_[i]) send_syn(i);
    }
    for (std::uint32_t i = 0; i < kTimesMore && (i < 4000 || engine_->open() > 0); ++i) {
      turn(std::chrono::milliseconds{1});
    }
  }

  [[nodiscard]] double engine_seconds() const {
    return std::chrono::duration<double>{spent_}.count();
  }
  [[nodiscard]] std::uint64_t banners() const { return banners_; }
  [[nodiscard]] std::uint64_t segments() const { return received_; }
  void report(benchmark::State& state) const {
    std::uint64_t real = 0, found = 0, fake = 0, believed = 0, alike = 0;
    for (std::uint32_t i = 0; i < targets_; ++i) {
      const auto [address, port] = target(i);
      const Talk talk = population_.talk(population_.host(address), port);
      const bool service = classes_[i] == PortClass::Service;
      real += is_service(talk) ? 1 : 0;
      found += is_service(talk) && service ? 1 : 0;
      fake += is_fake(talk) ? 1 : 0;
      believed += is_fake(talk) && service ? 1 : 0;
      alike += classes_[i] == class_of(talk) ||
                       (class_of(talk) == PortClass::Middlebox && classes_[i] == PortClass::Unknown)
                   ? 1
                   : 0;
    }
    const auto ratio = [](std::uint64_t a, std::uint64_t b) {
      return static_cast<double>(a) / static_cast<double>(b);
    };
    state.counters["real"] = ratio(found, real);
    state.counters["fake"] = ratio(believed, fake);
    state.counters["alike"] = ratio(alike, targets_);
    state.counters["extra"] = ratio(counters_.get(Counter::FakeExtra), fake);
    state.counters["most"] = static_cast<double>(counters_.get(Counter::FakeExtraMost));
  }

 private:
  [[nodiscard]] static dp::Target target(std::uint32_t i) {
    return {
        Ipv4Address{kFirstHost + i / 4 % 100'000},
        static_cast<std::uint16_t>(i < 400'000 ? kPorts[i % 4] : 1024 + i / 400'000 * 4 + i % 4)};
  }
  [[nodiscard]] static std::uint32_t number_of(const dp::Target& target) {
    const std::uint32_t host = target.ip.value() - kFirstHost;
    for (std::uint32_t at = 0; at < 4; ++at) {
      if (kPorts[at] == target.port) return host * 4 + at;
    }
    const std::uint32_t offset = target.port - 1024U;
    return offset / 4 * 400'000 + host * 4 + offset % 4;
  }
  [[nodiscard]] Ticks now_us() const {
    return static_cast<Ticks>(std::chrono::duration_cast<std::chrono::microseconds>(now_).count());
  }

  void send_syn(std::uint32_t i) {
    const dp::Target to = target(i);
    dp::Cookie cookie{};
    cookies_.make({&to, 1}, {&cookie, 1});
    syn_.prepare(frame_.data());
    syn_.stamp(frame_.data(), head_, to, cookie, dp::ProbeStamp::encode(now_us(), 1));
    deliver(syn_.size().count());
  }
  // The frame in frame_ goes to the network; an answer comes back at once.
  void deliver(std::size_t size) {
    const Answer answer = responder_.answer(frame_, size, now_);
    if (answer.action == Action::Reply) keep(answer.length);
  }
  void keep(std::size_t size) {
    inbox_.emplace_back(frame_.begin(), frame_.begin() + static_cast<std::ptrdiff_t>(size));
  }

  // Time passes, hosts send what they have to, and all that came is dealt with.
  void turn(nanoseconds time) {
    now_ += time;
    while (const auto answer = responder_.emit(frame_, now_)) {
      if (answer->action == Action::Reply) keep(answer->length);
    }
    do {
      std::vector<std::vector<std::byte>> frames;
      frames.swap(inbox_);
      std::size_t at = 0;
      do {
        const std::size_t count = std::min<std::size_t>(kBurst, frames.size() - at);
        converse({frames.data() + at, count});
        at += count;
      } while (at < frames.size());
    } while (!inbox_.empty());
    take_banners();
  }
  void converse(std::span<const std::vector<std::byte>> frames) {
    const nanoseconds before = processor_time();
    std::size_t count = 0;
    for (const auto& frame : frames) count += dp::read_segment(frame, {}, segments_[count]) ? 1 : 0;
    engine_->receive(now_us(), {segments_.data(), count}, outbox_);
    engine_->tick(now_us(), outbox_);
    std::size_t out = 0;
    for (const auto& outgoing : outbox_.frames()) {
      std::byte* const into = written_[out].data();
      if (outgoing.kind == dp::BasicOutgoing<Ipv4Address>::Kind::Probe) {
        syn_.prepare(into);
        syn_.stamp(into, head_, outgoing.target, outgoing.cookie, outgoing.stamp);
        sizes_[out++] = syn_.size().count();
      } else {
        sizes_[out++] = writer_.write(into, head_, outgoing);
      }
    }
    outbox_.clear();
    spent_ += processor_time() - before;
    received_ += count;
    for (std::size_t i = 0; i < count; ++i) {
      if ((segments_[i].flags & dp::wire::kSyn) != 0)
        answered_[number_of(segments_[i].target)] = true;
    }
    for (std::size_t i = 0; i < out; ++i) {
      std::copy_n(written_[i].begin(), sizes_[i], frame_.begin());
      deliver(sizes_[i]);
    }
  }
  void take_banners() {
    std::array<dp::Banner*, kBurst> all{};
    while (const std::size_t count = engine_->slabs().take(all)) {
      for (std::size_t i = 0; i < count; ++i) {
        PortClass& known = classes_[number_of({all[i]->ip.v4(), all[i]->port})];
        if (known != PortClass::Service) known = all[i]->port_class;
        ++banners_;
      }
      engine_->slabs().give_back({all.data(), count});
    }
  }

  std::uint32_t targets_;
  Counters counters_;
  Population population_;
  Responder responder_;
  TscClock clock_ = TscClock::with_rate(1e6);
  dp::CookieMaker cookies_{kKey, kScanner, kSourcePorts};
  dp::TcpSynTemplate syn_{{MacAddress::from_integer(kScannerMac), kScanner}};
  dp::ProbeTemplate probe_{MacAddress::from_integer(kScannerMac), kScanner};
  std::uint64_t head_ = probe_.frame_head(MacAddress::from_integer(kRouterMac));
  std::shared_ptr<const dp::ConversationPlan> plan_ = survey_bench::bench_plan();
  dp::BasicSegmentWriter<Ipv4Address> writer_{MacAddress::from_integer(kScannerMac), {}, plan_};
  dp::CoreCounters engine_counters_;
  std::unique_ptr<dp::ConversationEngine> engine_;
  std::vector<PortClass> classes_;
  std::vector<bool> answered_;
  nanoseconds now_{std::chrono::seconds{10}};
  std::array<std::byte, kFrame> frame_{};
  std::vector<std::vector<std::byte>> inbox_;
  std::array<dp::BasicSegment<Ipv4Address>, kBurst> segments_;
  dp::BasicOutbox<Ipv4Address> outbox_;
  std::array<std::array<std::byte, kFrame>, dp::BasicOutbox<Ipv4Address>::kMost> written_;
  std::array<std::size_t, dp::BasicOutbox<Ipv4Address>::kMost> sizes_{};
  nanoseconds spent_{0};
  std::uint64_t banners_ = 0;
  std::uint64_t received_ = 0;
};

void survey(benchmark::State& state, double loss) {
  for (auto _ : state) {
    auto survey = std::make_unique<Survey>(static_cast<std::uint32_t>(state.range(0)), loss);
    survey->run();
    state.SetIterationTime(survey->engine_seconds());
    state.counters["banners"] = static_cast<double>(survey->banners()) / survey->engine_seconds();
    state.counters["segments"] = static_cast<double>(survey->segments()) / survey->engine_seconds();
    survey->report(state);
  }
}
BENCHMARK_CAPTURE(survey, without_loss, 0.0)->Arg(100'000)->UseManualTime()->Iterations(1);
BENCHMARK_CAPTURE(survey, with_loss, 0.01)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Iterations(1);

}  // namespace
}  // namespace trawl::simnet

BENCHMARK_MAIN();
