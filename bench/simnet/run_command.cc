#include "bench/simnet/run_command.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "bench/simnet/poll_loop.h"
#include "bench/simnet/population.h"
#include "bench/simnet/probe_record.h"
#include "bench/simnet/reply_flood.h"
#include "bench/simnet/responder.h"
#include "bench/simnet/router.h"
#include "dataplane/eal.h"
#include "dataplane/link.h"

namespace trawl::simnet {
namespace {

using dataplane::Eal;
using dataplane::Link;
using dataplane::LinkSpec;
using Steady = std::chrono::steady_clock;

std::atomic<bool> g_stop{false};

void on_signal(int) { g_stop.store(true, std::memory_order_relaxed); }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

// Writes the whole file or leaves the old one.
Result<void> replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = fmt::format("{}.{}", path, getpid());
  std::FILE* const file = std::fopen(fresh.c_str(), "w");
  bool done = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr) done = std::fclose(file) == 0 && done;
  done = done && std::rename(fresh.c_str(), path.c_str()) == 0;
  if (done) return {};
  std::remove(fresh.c_str());
  return fail(ExitCode::Output, fmt::format("cannot write {}", path));
}

std::string link_json(const Link& link) {
  const dataplane::LinkCounters counters = link.counters();
  return fmt::format(
      "{{\"driver\":\"{}\",\"mac\":\"{}\",\"rx_frames\":{},\"rx_missed\":{},\"rx_errors\":{},"
      "\"rx_no_buffer\":{},\"tx_frames\":{},\"tx_errors\":{}}}",
      link.driver(), link.mac().to_string(), counters.rx_frames, counters.rx_missed,
      counters.rx_errors, counters.rx_no_buffer, counters.tx_frames, counters.tx_errors);
}

// Everything that runs, in the order it has to be made.
struct Network {
  std::unique_ptr<Link> link;
  std::unique_ptr<Link> uplink;
  std::unique_ptr<Router> router;
  Counters counters;
};

Result<LinkSpec> parse_link(const char* option, const std::string& text) {
  auto spec = LinkSpec::parse(text);
  if (!spec) return fail(spec.error().code, fmt::format("{}: {}", option, spec.error().message));
  return spec;
}

Result<void> open_links(Network& network, const RunOptions& options) {
  auto spec = parse_link("--link", options.link);
  if (!spec) return tl::unexpected{spec.error()};
  auto uplink_spec = options.uplink.empty() ? spec : parse_link("--uplink", options.uplink);
  if (!uplink_spec) return tl::unexpected{uplink_spec.error()};
  dataplane::EalOptions eal;
  eal.polling_cpus = {options.cpu};
  eal.link = uplink_spec->needs_multiprocess() ? *uplink_spec : *spec;
  if (auto started = Eal::start(eal); !started) return started;
  auto link = Link::open(*spec, {});
  if (!link) return tl::unexpected{link.error()};
  network.link = std::move(*link);
  if (options.uplink.empty()) return {};
  auto uplink = Link::open(*uplink_spec, {});
  if (!uplink) return tl::unexpected{uplink.error()};
  network.uplink = std::move(*uplink);
  return {};
}

void make_router(Network& network, const PopulationOptions& population) {
  if (!network.uplink) return;
  network.router = std::make_unique<Router>(
      Router::Identity{network.link->mac(), network.uplink->mac(), *population.uplink_address},
      network.counters);
  for (const FixedHost& server : population.servers) network.router->resolve(server.address);
}

std::string stats_json(const Network& network, std::uint64_t waiting, double uptime_seconds) {
  return fmt::format(
      "{{\"schema\":\"trawl.simnet.v1\",\"uptime_s\":{:.3f},\"link\":{},{}"
      "\"replies_waiting\":{},\"counters\":{}}}\n",
      uptime_seconds, link_json(*network.link),
      network.uplink ? fmt::format("\"uplink\":{},", link_json(*network.uplink)) : std::string{},
      waiting, network.counters.to_json());
}

// Watches over the polling core until it is time to stop; writes the counters every second.
Result<void> supervise(const RunOptions& options, const Network& network, Steady::time_point begin,
                       const std::atomic<bool>& stop) {
  constexpr auto kStep = std::chrono::milliseconds{20};
  constexpr auto kStatsInterval = std::chrono::seconds{1};
  auto next_stats = begin;
  while (!stop.load(std::memory_order_relaxed)) {
    const auto now = Steady::now();
    if (options.max_runtime && now - begin >= *options.max_runtime) break;
    if (!options.stats_file.empty() && now >= next_stats) {
      next_stats = now + kStatsInterval;
      const double uptime = std::chrono::duration<double>(now - begin).count();
      const auto& counters = network.counters;
      std::uint64_t ended = 0;
      for (const Counter fate :
           {Counter::LostOut, Counter::LostOutBurst, Counter::DroppedOut, Counter::NetworkLimited,
            Counter::RateLimited, Counter::IcmpLimited, Counter::QueueOverflow,
            Counter::RepliesSent, Counter::DiscardedLinkDown}) {
        ended += counters.get(fate);
      }
      const std::uint64_t made = counters.get(Counter::RepliesMade);
      const std::uint64_t waiting = made > ended ? made - ended : 0;
      auto written = replace_file(options.stats_file, stats_json(network, waiting, uptime));
      if (!written) return written;
    }
    std::this_thread::sleep_for(kStep);
  }
  return {};
}

Result<void> answer_until_stopped(const RunOptions& options, Network& network,
                                  const Population& population) {
  auto responder = Responder::make(population, network.link->mac(), network.counters);
  if (!responder) return tl::unexpected{responder.error()};
  make_router(network, population.options());
  DelayQueue queue{responder->longest_delay(), options.queue_slots};
  std::optional<ProbeRecord> record;
  if (!options.seen_ports.empty()) {
    auto made = ProbeRecord::make(population.addresses(), options.seen_ports);
    if (!made) return tl::unexpected{made.error()};
    record = std::move(*made);
  }
  std::optional<ReplyFlood> flood;
  if (options.flood > 0) {
    auto made = ReplyFlood::make(options.flood);
    if (!made) return tl::unexpected{made.error()};
    flood = std::move(*made);
  }
  PollLoop loop{{.link = *network.link,
                 .uplink = network.uplink.get(),
                 .responder = *responder,
                 .router = network.router.get(),
                 .queue = queue,
                 .counters = network.counters,
                 .clock = TscClock::calibrate(),
                 .record = record ? &*record : nullptr,
                 .flood = flood ? &*flood : nullptr,
                 .naps = !options.spins}};
  const auto begin = Steady::now();
  Eal::launch(0, [&loop] {
    // It stands for many machines, none of which waits for this one's processor. A refusal is fine.
    constexpr int kNice = -10;
    (void)setpriority(PRIO_PROCESS, 0, kNice);
    prctl(PR_SET_TIMERSLACK, 1UL);
    loop.run(g_stop);
  });
  Result<void> result;
  if (!options.ready_file.empty()) {
    result = replace_file(options.ready_file, fmt::format("{}\n", getpid()));
  }
  if (result) result = supervise(options, network, begin, g_stop);
  g_stop.store(true, std::memory_order_relaxed);
  Eal::join();
  if (record) record->settle(network.counters);
  if (options.stats_file.empty()) return result;
  const double uptime = std::chrono::duration<double>(Steady::now() - begin).count();
  auto written = replace_file(options.stats_file, stats_json(network, loop.unsent(), uptime));
  return result ? written : result;
}

Result<void> check(const RunOptions& options, const Population& population) {
  const auto cpus = dataplane::allowed_cpus();
  if (std::find(cpus.begin(), cpus.end(), options.cpu) == cpus.end()) {
    return fail(ExitCode::Usage,
                fmt::format("--cpu {}: this process may not run there", options.cpu));
  }
  if (options.uplink.empty() != population.options().forward.empty()) {
    return fail(ExitCode::Usage, "--uplink and --forward need each other");
  }
  Ipv4Set forwarded;
  for (const Ipv4Prefix& prefix : population.options().forward) forwarded.add(prefix);
  if (forwarded.size() > Router::kMostNeighbours) {
    return fail(ExitCode::Usage,
                fmt::format("--forward: the uplink takes at most {} addresses, not {}",
                            Router::kMostNeighbours, forwarded.size()));
  }
  return {};
}

}  // namespace

Result<void> run_simnet(RunOptions options) {
  auto population = Population::make(std::move(options.population));
  if (!population) return tl::unexpected{population.error()};
  if (auto checked = check(options, *population); !checked) return checked;
  catch_signals();
  Result<void> result;
  {
    Network network;
    result = open_links(network, options);
    if (result) result = answer_until_stopped(options, network, *population);
  }
  Eal::stop();
  return result;
}

}  // namespace trawl::simnet
