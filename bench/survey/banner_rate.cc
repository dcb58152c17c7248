// Holds conversations with every port of a network at the other end of a link, on one polling
// thread, as fast as both go; this thread only takes the banners and gives them back. Prints, as
// JSON, how long that took and what processor time it cost.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/units.h"
#include "bench/survey/bench_plan.h"
#include "dataplane/eal.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"

namespace trawl::survey_bench {
namespace {

namespace dp = dataplane;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr dp::ScanKey kKey{1, 6, 1, 8};
constexpr dp::PortRange kSourcePorts{.first = 61000, .last = 64999};
constexpr auto kLongest = 120s;

struct Arguments {
  std::string link;
  std::string prefix;
  std::vector<std::uint16_t> ports;
  std::string source = "198.18.0.1";
  std::string gateway = "198.18.0.2";
  unsigned cpu = 0;
  double rate = 0;
};

// Of a thread of this process.
struct ThreadTime {
  double seconds = 0;
  double system = 0;  // Of them in the kernel, to the tick.
};

// That of the thread which took most, besides this one: the polling thread.
ThreadTime polling_time() {
  ThreadTime most;
  const auto self = std::to_string(gettid());
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    if (task.path().filename() == self) continue;
    std::uint64_t nanoseconds = 0;
    std::ifstream{task.path() / "schedstat"} >> nanoseconds;
    const double seconds = static_cast<double>(nanoseconds) / 1e9;
    if (seconds <= most.seconds) continue;
    std::string stat;
    std::getline(std::ifstream{task.path() / "stat"}, stat);
    // Behind the name: state, ten fields, utime, stime.
    std::istringstream fields{stat.substr(stat.rfind(')') + 2)};
    std::string field;
    for (int i = 0; i < 13; ++i) fields >> field;
    most = {seconds, std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK))};
  }
  return most;
}

dp::Sweep whole(const Arguments& arguments, std::uint64_t& targets) {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse(arguments.prefix));
  auto space =
      std::make_shared<const dp::TargetSpace>(RankedSet<Ipv4Address>{set}, arguments.ports);
  targets = space->size();
  return {.space = std::move(space),
          .order = {targets, 1, 2},
          .first = 0,
          .last = targets,
          .attempt = 1,
          .skip = {}};
}

dp::ScanPlan make_plan(const Arguments& arguments, MacAddress mac) {
  const Ipv4Address ours = *Ipv4Address::parse(arguments.source);
  return {
      .cookies = {kKey, ours, kSourcePorts},
      .probe = {mac, ours},
      .parser = {ours, kSourcePorts},
      .guard = dp::SwappableGuard{dp::EgressGuard{{}}},
      .neighbours = std::move(*dp::Neighbours::make(
          {.on_link = {}, .gateway = Ipv4Address::parse(arguments.gateway), .gateway_mac = {}})),
      .clock = TscClock::calibrate(),
      .mac = mac,
      .source = ours,
      .rate = arguments.rate > 0 ? PacketsPerSecond{arguments.rate} : PacketsPerSecond::unlimited(),
      .max_runtime = kLongest,
      .conversations = bench_plan(),
      .shares_cpu = true};
}

// What came, and when a tenth and nine tenths of it had.
struct Harvest {
  std::uint64_t targets = 0;
  std::uint64_t services = 0;
  std::uint64_t banners = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;  // From the first probe to the last banner.
  double tenth = 0;
  double nine_tenths = 0;
};

class Taker {
 public:
  Taker(dp::Scanner& scanner, std::uint64_t targets) : scanner_{scanner} {
    harvest_.targets = targets;
  }

  Harvest run() {
    const auto begun = steady_clock::now();
    auto last = begun;
    while (steady_clock::now() - last < 3s && steady_clock::now() - begun < kLongest) {
      while (scanner_.take_replies(replies_) > 0) {
      }
      const std::size_t count = scanner_.take_banners(banners_);
      if (count == 0) {
        std::this_thread::sleep_for(500us);
        continue;
      }
      last = steady_clock::now();
      note({banners_.data(), count}, std::chrono::duration<double>{last - begun}.count());
      scanner_.give_back({banners_.data(), count});
      if (harvest_.banners == harvest_.targets) break;
    }
    return harvest_;
  }

 private:
  void note(std::span<dp::Banner* const> banners, double at) {
    for (const dp::Banner* const banner : banners) {
      harvest_.services += banner->port_class == PortClass::Service ? 1U : 0U;
      harvest_.bytes += banner->length;
    }
    const std::uint64_t had = harvest_.banners;
    harvest_.banners += banners.size();
    const auto passes = [&](std::uint64_t tenths) {
      const std::uint64_t mark = harvest_.targets * tenths / 10;
      return had < mark && harvest_.banners >= mark;
    };
    if (passes(1)) harvest_.tenth = at;
    if (passes(9)) harvest_.nine_tenths = at;
    harvest_.seconds = at;
  }

  dp::Scanner& scanner_;
  Harvest harvest_;
  std::vector<dp::Reply> replies_ = std::vector<dp::Reply>(4096);
  std::vector<dp::Banner*> banners_ = std::vector<dp::Banner*>(1024);
};

Result<void> measure(const Arguments& arguments) {
  auto spec = dp::LinkSpec::parse(arguments.link);
  if (!spec) return tl::unexpected{spec.error()};
  if (auto up = dp::Eal::start({.polling_cpus = {arguments.cpu}, .link = *spec}); !up) return up;
  auto link = dp::Link::open(*spec, {.senders = dp::senders_for(1, true)});
  if (!link) return tl::unexpected{link.error()};
  auto scanner = dp::Scanner::make(make_plan(arguments, (*link)->mac()), **link, 1);
  if (!scanner) return tl::unexpected{scanner.error()};
  std::uint64_t targets = 0;
  (*scanner)->begin_sweep(whole(arguments, targets));
  const ThreadTime before = polling_time();
  (*scanner)->start();
  const Harvest got = Taker{**scanner, targets}.run();
  const ThreadTime after = polling_time();
  timespec own{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
  (*scanner)->stop();
  const auto counters = (*scanner)->counters();
  const auto count = [&](dp::Counter counter) {
    return counters[static_cast<std::size_t>(counter)];
  };
  const double middle = got.nine_tenths - got.tenth;
  fmt::print(
      "{{\"targets\":{},\"banners\":{},\"services\":{},\"bytes\":{},\"seconds\":{:.4f},"
      "\"middle_rate\":{:.0f},\"polling_cpu_s\":{:.4f},\"polling_system_s\":{:.2f},"
      "\"control_cpu_s\":{:.4f},\"rx_frames\":{},\"talk_frames\":{},\"table_full\":{},"
      "\"no_slab\":{},\"ring_full\":{},\"tx_waits\":{}}}\n",
      got.targets, got.banners, got.services, got.bytes, got.seconds,
      middle > 0 ? static_cast<double>(got.targets) * 0.8 / middle : 0.0,
      after.seconds - before.seconds, after.system - before.system,
      static_cast<double>(own.tv_sec) + static_cast<double>(own.tv_nsec) / 1e9,
      count(dp::Counter::RxFrames), count(dp::Counter::TalkFrames),
      count(dp::Counter::TalkTableFull), count(dp::Counter::TalkNoSlab),
      count(dp::Counter::TalkRingFull), count(dp::Counter::TxRingFull));
  return {};
}

int banner_rate_main(int argc, const char* const* argv) {
  CLI::App app{"Converses with every port of a network over a link and tells the rate as JSON",
               "banner-rate"};
  Arguments arguments;
  app.add_option("--link", arguments.link, "The link, as `trawl survey` names it")->required();
  app.add_option("--prefix", arguments.prefix, "Whose addresses are asked")->required();
  app.add_option("--ports", arguments.ports, "Their ports")->required()->delimiter(',');
  app.add_option("--cpu", arguments.cpu, "Of the polling thread");
  app.add_option("--rate", arguments.rate, "Packets a second; 0 is no limit");
  CLI11_PARSE(app, argc, argv);
  const auto done = measure(arguments);
  dp::Eal::stop();
  if (done) return 0;
  fmt::print(stderr, "banner-rate: {}\n", done.error().message);
  return static_cast<int>(done.error().code);
}

}  // namespace
}  // namespace trawl::survey_bench

int main(int argc, char** argv) { return trawl::survey_bench::banner_rate_main(argc, argv); }
