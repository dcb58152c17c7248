#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/simnet/options.h"
#include "bench/simnet/population.h"
#include "bench/simnet/run_command.h"
#include "bench/simnet/truth.h"

namespace trawl::simnet {
namespace {

constexpr std::size_t kDefaultQueueSlots = std::size_t{1} << 18U;
constexpr std::size_t kMostQueueSlots = std::size_t{1} << 28U;

// The population options of one subcommand as they were given.
struct PopulationArguments {
  std::string config;
  // By option, in the order of population_options().
  std::vector<std::vector<std::string>> values =
      std::vector<std::vector<std::string>>(population_options().size());
  std::vector<char> switches = std::vector<char>(population_options().size(), 0);

  void add_to(CLI::App& command) {
    command.add_option("--config", config, "Read population options from FILE, as key = value")
        ->type_name("FILE");
    const auto options = population_options();
    for (std::size_t i = 0; i < options.size(); ++i) {
      const std::string name = fmt::format("--{}", options[i].name);
      if (options[i].value[0] == '\0') {
        command
            .add_flag_callback(
                name, [this, i] { switches[i] = 1; }, options[i].help)
            ->group("Population");
      } else {
        command.add_option(name, values[i], options[i].help)
            ->type_name(options[i].value)
            ->allow_extra_args(false)
            ->group("Population");
      }
    }
  }

  // What the configuration file says; it may be a pipe, which can be read only once.
  [[nodiscard]] Result<std::string> read_config() const {
    return config.empty() ? Result<std::string>{} : read_config_file(config);
  }

  [[nodiscard]] Result<PopulationOptions> parse() const {
    const auto text = read_config();
    return text ? parse(*text) : tl::unexpected{text.error()};
  }

  // The configuration file first, so that the command line has the last word.
  [[nodiscard]] Result<PopulationOptions> parse(std::string_view config_text) const {
    PopulationOptions parsed;
    if (auto read = apply_config(parsed, config_text, config); !read) {
      return tl::unexpected{read.error()};
    }
    const auto options = population_options();
    for (std::size_t i = 0; i < options.size(); ++i) {
      std::vector<std::string> given = values[i];
      if (switches[i] != 0) given.emplace_back("true");
      for (const std::string& value : given) {
        if (auto applied = options[i].apply(parsed, value); !applied) {
          return fail(applied.error().code,
                      fmt::format("--{}: {}", options[i].name, applied.error().message));
        }
      }
    }
    return parsed;
  }
};

struct TruthArguments {
  std::string probe = "tcp-syn";
  std::string ports;
  std::string states;  // "": what the probe looks for.
  std::string format = "jsonl";
};

Result<void> parse_states(const std::string& text, TruthRequest& request) {
  request.findings.reset();
  if (text == "all") {
    request.findings.set();
    return {};
  }
  if (text.empty()) {
    request.findings.set(static_cast<std::size_t>(sought(request.probe)));
    return {};
  }
  for (const std::string& name : CLI::detail::split(text, ',')) {
    const auto found = std::find(kFindings.begin(), kFindings.end(), name);
    if (found == kFindings.end()) {
      return fail(ExitCode::Usage, fmt::format("--states: '{}' is none of {}, all", name,
                                               "open, closed, unreachable, unfiltered, up"));
    }
    request.findings.set(static_cast<std::size_t>(found - kFindings.begin()));
  }
  return {};
}

Result<void> print_truth(const PopulationArguments& population_arguments,
                         const TruthArguments& arguments) {
  auto options = population_arguments.parse();
  if (!options) return tl::unexpected{options.error()};
  const auto population = Population::make(std::move(*options));
  if (!population) return tl::unexpected{population.error()};
  TruthRequest request;
  const auto probe = std::find(kTruthProbes.begin(), kTruthProbes.end(), arguments.probe);
  request.probe = static_cast<TruthProbe>(probe - kTruthProbes.begin());
  if (arguments.ports.empty() && has_ports(request.probe)) {
    return fail(ExitCode::Usage, "--ports is missing: give the ports asked for, like 80,443");
  }
  const auto ports = parse_ports(has_ports(request.probe) ? arguments.ports : "0");
  if (!ports) return fail(ExitCode::Usage, fmt::format("--ports: {}", ports.error().message));
  request.ports = *ports;
  request.format = arguments.format == "csv" ? TruthFormat::Csv : TruthFormat::Jsonl;
  if (auto parsed = parse_states(arguments.states, request); !parsed) return parsed;
  return write_truth(*population, request, stdout);
}

// Checks the options and prints them as a configuration file: that of --config, then the others.
Result<void> print_config(const PopulationArguments& arguments) {
  const auto text = arguments.read_config();
  if (!text) return tl::unexpected{text.error()};
  auto options = arguments.parse(*text);
  if (!options) return tl::unexpected{options.error()};
  if (const auto made = Population::make(std::move(*options)); !made) {
    return tl::unexpected{made.error()};
  }
  fmt::print("{}{}", *text, text->empty() || text->ends_with('\n') ? "" : "\n");
  const auto known = population_options();
  for (std::size_t i = 0; i < known.size(); ++i) {
    for (const std::string& value : arguments.values[i])
      fmt::print("{} = {}\n", known[i].name, value);
    if (arguments.switches[i] != 0) fmt::print("{} = true\n", known[i].name);
  }
  if (std::fflush(stdout) == 0) return {};
  return fail(ExitCode::Output, "cannot write the configuration");
}

void add_run(CLI::App& command, RunOptions& run) {
  command.add_option("--link", run.link, "Where the scanner is: interface, PCI address or vdev")
      ->required()
      ->type_name("LINK");
  command.add_option("--uplink", run.uplink, "Where the real hosts of --forward are")
      ->type_name("LINK");
  command.add_option("--cpu", run.cpu, "Poll on this CPU")->type_name("N")->capture_default_str();
  command.add_flag("--spin", run.spins, "Never nap, not even when idle");
  command.add_option("--queue-slots", run.queue_slots, "Room for delayed replies, 128 bytes each")
      ->check(CLI::Range(std::size_t{1}, kMostQueueSlots))
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option_function<std::string>(
          "--seen",
          [&run](const std::string& text) {
            auto ports = parse_ports(text);
            if (!ports) throw CLI::ValidationError{"--seen", ports.error().message};
            run.seen_ports = std::move(*ports);
          },
          "Count TCP probes that come twice, a bit for each address and each of PORTS")
      ->type_name("PORTS");
  command
      .add_option("--flood", run.flood,
                  "Send the first N replies over and over while no probe comes")
      ->check(CLI::Range(std::size_t{1}, kMostQueueSlots))
      ->type_name("N");
  command
      .add_option("--stats-file", run.stats_file,
                  "Write counters as JSON every second and at the end")
      ->type_name("FILE");
  command
      .add_option("--ready-file", run.ready_file, "Write the process id once frames are answered")
      ->type_name("FILE");
  command
      .add_option_function<double>(
          "--max-runtime",
          [&run](double seconds) { run.max_runtime = std::chrono::duration<double>{seconds}; },
          "Stop by itself after this time")
      ->check([](const std::string& text) {
        double seconds = 0;
        return CLI::detail::lexical_cast(text, seconds) && seconds > 0
                   ? std::string{}
                   : fmt::format("'{}' is not a number of seconds above 0", text);
      })
      ->type_name("SECONDS");
}

int finish(const Result<void>& result) {
  if (result) return static_cast<int>(ExitCode::Done);
  fmt::print(stderr, "trawl-simnet: {}\n", result.error().message);
  return static_cast<int>(result.error().code);
}

int simnet_main(int argc, const char* const* argv) {
  CLI::App app{"A simulated network that answers ARP, TCP, UDP and ICMP from a seed.",
               "trawl-simnet"};
  app.require_subcommand(1);
  RunOptions run;
  run.queue_slots = kDefaultQueueSlots;
  PopulationArguments run_population;
  PopulationArguments truth_population;
  PopulationArguments config_population;
  TruthArguments truth;
  CLI::App& run_command = *app.add_subcommand("run", "Answer on a link until stopped");
  add_run(run_command, run);
  run_population.add_to(run_command);
  CLI::App& truth_command =
      *app.add_subcommand("truth", "Print what a perfect scanner would find, sorted");
  truth_command
      .add_option("--probe", truth.probe, "tcp-syn, tcp-ack, icmp-echo, icmp-timestamp or udp")
      ->check(CLI::IsMember(std::vector<std::string>(kTruthProbes.begin(), kTruthProbes.end())))
      ->type_name("KIND")
      ->capture_default_str();
  truth_command
      .add_option("--ports", truth.ports,
                  "Ports asked for: 80,443,8000-8010 or - for all; none with ICMP")
      ->type_name("PORTS");
  truth_command
      .add_option(
          "--states", truth.states,
          "open, closed, unreachable, unfiltered, up (a list) or all (what the probe seeks)")
      ->type_name("STATES");
  truth_command.add_option("--format", truth.format, "jsonl or csv")
      ->check(CLI::IsMember({"jsonl", "csv"}))
      ->capture_default_str();
  truth_population.add_to(truth_command);
  CLI::App& config_command = *app.add_subcommand(
      "config", "Check population options and print them as a file for --config");
  config_population.add_to(config_command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
  }
  if (truth_command.parsed()) return finish(print_truth(truth_population, truth));
  if (config_command.parsed()) return finish(print_config(config_population));
  const auto population = run_population.parse();
  if (!population) return finish(tl::unexpected{population.error()});
  run.population = *population;
  return finish(run_simnet(std::move(run)));
}

}  // namespace
}  // namespace trawl::simnet

int main(int argc, char** argv) { return trawl::simnet::simnet_main(argc, argv); }
