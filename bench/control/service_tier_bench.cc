// Open ports through the service tier and their answers back, with a worker that answers at once:
// what handing on costs, without asking.

#include <benchmark/benchmark.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "control/pipeline/service_tier.h"

namespace trawl::control {
namespace {

constexpr std::size_t kBatch = 32;  // As replies come.
constexpr std::uint64_t kPorts = 200'000;

// Answers what came in a turn with the next one.
class AtOnce final : public ServiceWorker {
 public:
  AtOnce(service::Loop& loop, Hooks hooks) : loop_{loop}, hooks_{std::move(hooks)} {}
  void add(service::ServicePort port) override {
    ports_.push_back(std::move(port));
    if (ports_.size() > 1) return;
    (void)loop_.timer(service::Wait{0}, [this](const service::Event&) {
      for (const service::ServicePort& each : std::exchange(ports_, {})) {
        service::ServiceFinding finding;
        finding.outcome = service::ServiceFinding::Outcome::Silent;
        hooks_.done(each, std::move(finding));
      }
    });
  }
  void drop(const IpAddress& /*host*/) override {}

 private:
  service::Loop& loop_;
  Hooks hooks_;
  std::vector<service::ServicePort> ports_;
};

double seconds_of(clockid_t clock) {
  timespec used{};
  clock_gettime(clock, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

// `pause`: between batches, for ports that come one by one; 0 for as fast as they go.
void hand_on(benchmark::State& state) {
  const std::chrono::microseconds pause{state.range(0)};
  const std::uint64_t ports = pause.count() == 0 ? kPorts : kPorts / 100;
  double processor = 0;
  double own = 0;
  for (auto _ : state) {
    auto tier = ServiceTier::open({.threads = 1,
                                   .make = [](service::Loop& loop, ServiceWorker::Hooks hooks)
                                       -> Result<std::unique_ptr<ServiceWorker>> {
                                     return std::make_unique<AtOnce>(loop, std::move(hooks));
                                   }});
    if (!tier) return state.SkipWithError("no tier");
    std::vector<PortAnswer> answers(256);
    std::uint64_t offered = 0;
    std::uint64_t taken = 0;
    const double before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    const double own_before = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    while (taken < ports) {
      for (std::size_t i = 0; i < kBatch && offered < ports; ++i) {
        const OpenPort port{.ip = Ipv4Address{static_cast<std::uint32_t>(0xc6120000U + offered)},
                            .index = offered,
                            .port = 80};
        if (!(*tier)->offer(port)) break;
        ++offered;
      }
      taken += (*tier)->take(answers);
      (*tier)->wake();
      if (pause.count() > 0) std::this_thread::sleep_for(pause);
    }
    own += seconds_of(CLOCK_THREAD_CPUTIME_ID) - own_before;
    processor += seconds_of(CLOCK_PROCESS_CPUTIME_ID) - before;
  }
  const auto all = static_cast<double>(state.iterations()) * static_cast<double>(ports);
  state.counters["ports/s"] = benchmark::Counter(all, benchmark::Counter::kIsRate);
  state.counters["control_ns"] = 1e9 * own / all;
  state.counters["tier_ns"] = 1e9 * (processor - own) / all;
}
BENCHMARK(hand_on)->Arg(0)->Arg(200)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace
}  // namespace trawl::control

BENCHMARK_MAIN();
