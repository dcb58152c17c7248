#include "control/lab/lab_command.h"

#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "control/lab/lab.h"
#include "control/lab/lab_state.h"
#include "control/lab/recipe.h"
#include "control/lab/server_list.h"

namespace trawl::control {
namespace {

int finish(const Error& error) {
  fmt::print(stderr, "trawl: {}\n", error.message);
  return static_cast<int>(error.code);
}

int finish(const Result<void>& result) { return result ? 0 : finish(result.error()); }

// The last CPU this process may use: scanners start from the first.
unsigned last_allowed_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  unsigned last = 0;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return last;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) last = cpu;
  }
  return last;
}

CLI::App& add_command(CLI::App& app, const char* name, const char* help, std::string& lab) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.add_option("--name", lab, "Which lab, so that several can stand side by side")
      ->check([](const std::string& text) {
        return LabState::is_valid_name(text)
                   ? std::string{}
                   : std::string{"a lab's name is 1 to 16 letters, digits and dashes"};
      })
      ->type_name("NAME")
      ->capture_default_str();
  return command;
}

CLI::App& add_exec(CLI::App& app, std::string& lab, std::string& suffix) {
  CLI::App& command = add_command(app, "exec", "Run a command in the scanner's namespace", lab);
  command.add_option("--ns", suffix, "In another one: scan, sim, srv1... or a server's name")
      ->type_name("NAME")
      ->capture_default_str();
  command.footer("The command and its arguments follow --: trawl lab exec -- ping -c 1 198.18.0.2");
  return command;
}

void add_recipes_option(CLI::App& command, std::vector<std::string>& files) {
  command.add_option("--recipes", files, "Read more servers from a file (repeatable)")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

Result<void> read_recipes(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (auto added = add_recipes(file); !added) return added;
  }
  return {};
}

CLI::App& add_up(CLI::App& app, LabUpOptions& up) {
  CLI::App& command = add_command(app, "up", "Build the lab", up.name);
  command.add_option("--driver", up.driver, "How the simulated network drives its link")
      ->check(CLI::IsMember({"auto", "af_xdp", "af_packet"}))
      ->capture_default_str();
  command.add_flag("!--no-servers", up.with_servers, "Leave the real servers out");
  command
      .add_option("--servers", up.servers,
                  "Which of 'trawl lab servers': basic, default, all, or names with commas between")
      ->type_name("LIST")
      ->capture_default_str();
  add_recipes_option(command, up.recipes);
  command.add_option("--cpu", up.cpu, "The CPU the simulated network polls on")
      ->type_name("N")
      ->capture_default_str();
  command.allow_extras();
  command.footer(
      "All other options describe the simulated population, like --live 0.1 or --rtt 10-80;\n"
      "'trawl-simnet config --help' lists them.");
  return command;
}

int run_exec(const std::string& lab, const std::string& suffix,
             const std::vector<std::string>& command) {
  if (!command.empty()) return finish(lab_exec(lab, suffix, command));
  fmt::print(stderr, "trawl: name a command after --: trawl lab exec -- COMMAND...\n");
  return static_cast<int>(ExitCode::Usage);
}

}  // namespace

int lab_main(std::span<const char* const> arguments) {
  CLI::App app{"The sealed practice network: a scanner, a simulated network and real servers.",
               "trawl lab"};
  app.require_subcommand(1);
  std::string lab = "lab";
  LabUpOptions up;
  up.cpu = last_allowed_cpu();
  std::string suffix = "scan";
  const CLI::App& up_command = add_up(app, up);
  const CLI::App& down_command =
      add_command(app, "down", "Remove the lab, also a half-made one", lab);
  const CLI::App& status_command =
      add_command(app, "status", "Show what runs; exit code 0 only when all of it does", lab);
  CLI::App& truth_command =
      add_command(app, "truth", "Print what a perfect scanner would find", lab);
  truth_command.allow_extras();
  truth_command.footer(
      "Needs --ports LIST; takes --probe, --states, --format as 'trawl-simnet truth --help' says.");
  add_exec(app, lab, suffix);
  CLI::App& servers_command =
      *app.add_subcommand("servers", "List the real servers a lab can run and what each needs");
  bool is_json = false;
  servers_command.add_flag("--json", is_json, "One JSON object a line");
  add_recipes_option(servers_command, up.recipes);
  // Whatever follows -- is another program's. CLI11 wants its own words last first.
  const auto ours = std::find(arguments.begin(), arguments.end(), std::string_view{"--"});
  std::vector<std::string> words{std::make_reverse_iterator(ours), arguments.rend()};
  const auto theirs = ours == arguments.end() ? ours : ours + 1;
  const std::vector<std::string> command{theirs, arguments.end()};
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::Usage);
  }
  if (auto read = read_recipes(up.recipes); !read) return finish(read);
  if (up_command.parsed()) {
    up.population = up_command.remaining();
    const auto complete = lab_up(up);
    return complete ? (*complete ? 0 : 1) : finish(complete.error());
  }
  if (down_command.parsed()) return finish(lab_down(lab));
  if (status_command.parsed()) {
    const auto whole = lab_status(lab);
    return whole ? (*whole ? 0 : 1) : finish(whole.error());
  }
  if (truth_command.parsed()) return finish(lab_truth(lab, truth_command.remaining()));
  if (servers_command.parsed()) {
    return finish(print_servers(is_json ? ListFormat::JsonLines : ListFormat::Table));
  }
  return run_exec(lab, suffix, command);
}

}  // namespace trawl::control
