#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bench/service/bench_namespace.h"
#include "bench/service/loop_cases.h"

namespace bench = trawl::service_bench;

// What the event loop of service/nsock/ costs: beside a minimal loop, with many connections at
// once, and after very many. Ends with 1 where a figure is missed.
int main(int argc, char** argv) {
  CLI::App app{"Measures the event loop of service/nsock in a network namespace of its own."};
  bench::CaseOptions throughput{.connections = 50'000};
  bench::CaseOptions hold{.connections = 10'000};
  bench::CaseOptions leaks{.connections = 1'000'000};
  bool is_small = false;
  app.add_option("--connections", leaks.connections, "Made one after the other, to find leaks");
  app.add_option("--held", hold.connections, "Held at once");
  app.add_option("--seconds", hold.seconds, "That they are held");
  app.add_option("--compared", throughput.connections, "Of each round beside the minimal loop");
  app.add_option("--rounds", throughput.rounds, "Of each loop, by turns");
  app.add_flag("--small", is_small, "A hundredth of all, to see that it works");
  CLI11_PARSE(app, argc, argv);
  if (is_small) {
    for (bench::CaseOptions* const options : {&throughput, &hold, &leaks}) {
      options->connections /= 100;
    }
    hold.seconds = 1;
  }
  if (const auto entered = bench::enter_lonely_network(); !entered) {
    fmt::print(stderr, "{}\n", entered.error().message);
    return static_cast<int>(entered.error().code);
  }
  bench::stay_on_processor(0);
  bool is_met = bench::compare_throughput(throughput);
  is_met = bench::compare_uring(throughput) && is_met;
  is_met = bench::hold_many(hold) && is_met;
  is_met = bench::pass_packets(hold) && is_met;
  is_met = bench::look_for_leaks(leaks) && is_met;
  return is_met ? 0 : 1;
}
