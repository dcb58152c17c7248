#include "control/lab/lab.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

#include "control/lab/lab_network.h"
#include "control/lab/lab_servers.h"
#include "control/lab/lab_state.h"
#include "control/lab/layout.h"
#include "control/lab/process.h"
#include "control/lab/recipe.h"

namespace trawl::control {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

// Indices into all_recipes(), ascending.
using Recipes = std::vector<std::size_t>;

constexpr const char* kSimnet = "simnet";
constexpr std::string_view kBasic = "basic";
constexpr std::string_view kAll = "all";
constexpr const char* kConfigFile = "simnet.conf";
constexpr const char* kStatsFile = "simnet.json";
constexpr const char* kReadyFile = "simnet.ready";

struct Setting {
  const char* key;
  const char* value;
};

// What the network looks like unless an option says otherwise.
constexpr Setting kPopulation[] = {{"prefix", "198.18.0.0/15"},
                                   {"seed", "1"},
                                   {"live", "0.2"},
                                   {"open", "80=0.3,443=0.35,22=0.2"},
                                   {"open-default", "0.01"},
                                   {"drop", "0.3"},
                                   {"unreachable", "0.02"},
                                   {"rtt", "1-20"}};

fs::path own_folder() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return self.parent_path();
}

Result<std::string> find_simnet() {
  const fs::path folder = own_folder();
  for (const fs::path& file : {folder / "bench/simnet/trawl-simnet", folder / "trawl-simnet",
                               folder / "../libexec/trawl/trawl-simnet"}) {
    if (access(file.c_str(), X_OK) == 0) return file.lexically_normal().string();
  }
  return fail(
      ExitCode::Runtime,
      fmt::format("trawl-simnet is not next to trawl in {}; build or install it", folder.string()));
}

// Creating namespaces and veth pairs needs both.
Result<void> check_privileges() {
  constexpr unsigned kNetAdmin = 12;
  constexpr unsigned kSysAdmin = 21;
  std::ifstream status{"/proc/self/status"};
  std::uint64_t capabilities = 0;
  for (std::string word; status >> word;) {
    if (word == "CapEff:") status >> std::hex >> capabilities;
  }
  const std::uint64_t needed = (std::uint64_t{1} << kNetAdmin) | (std::uint64_t{1} << kSysAdmin);
  if ((capabilities & needed) == needed) return {};
  return fail(ExitCode::Device,
              "the lab makes network namespaces, which needs CAP_NET_ADMIN and CAP_SYS_ADMIN; run "
              "it as root");
}

// The values that a configuration in the form of trawl-simnet gives `key`, in their order.
std::vector<std::string> values_of(const std::string& config, std::string_view key) {
  const auto trim = [](std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
    return text.substr(0, text.find_last_not_of(kBlank) + 1);
  };
  std::vector<std::string> values;
  std::istringstream lines{config};
  for (std::string line; std::getline(lines, line);) {
    const std::string_view setting = std::string_view{line}.substr(0, line.find('#'));
    const std::size_t equals = setting.find('=');
    if (equals == std::string_view::npos || trim(setting.substr(0, equals)) != key) continue;
    values.emplace_back(trim(setting.substr(equals + 1)));
  }
  return values;
}

// "80,443", or none for a server that has UDP alone.
std::string tcp_ports_of(std::size_t recipe) {
  std::string ports;
  for (const ListenPort& listen : all_recipes()[recipe].listens) {
    if (listen.transport != "tcp") continue;
    ports += fmt::format("{}{}", ports.empty() ? "" : ",", listen.port);
  }
  return ports;
}

// Writes the configuration that run and truth share.
Result<void> write_population(const LabState& state, const std::string& simnet,
                              const LabUpOptions& options, const Recipes& recipes) {
  Arguments command{simnet, "config"};
  command.insert(command.end(), options.population.begin(), options.population.end());
  auto given = run(command);
  if (!given) return tl::unexpected{given.error()};
  const std::string path = state.file(kConfigFile);
  std::ofstream stream{path};
  for (const Setting& setting : kPopulation) {
    if (!values_of(*given, setting.key).empty()) continue;
    stream << setting.key << " = " << setting.value << '\n';
  }
  stream << "gateway = " << kGatewayAddress << '\n';
  // The scanner, and the network and broadcast addresses of its link.
  for (const char* const silent : {"198.18.0.0", "198.18.0.1", "198.18.0.3"}) {
    stream << "silent = " << silent << '\n';
  }
  if (!recipes.empty()) {
    const ServerNetwork& network = server_network(recipes.back());
    stream << "forward = " << network.prefix << "\nuplink-address = " << network.uplink << '\n';
    for (const std::size_t recipe : recipes) {
      const std::string ports = tcp_ports_of(recipe);
      if (!ports.empty()) stream << "server = " << server_address(recipe) << ':' << ports << '\n';
    }
  }
  stream << *given << std::flush;
  if (!stream) return fail(ExitCode::Runtime, fmt::format("cannot write {}", path));
  auto checked = run({simnet, "config", "--config", path});
  if (!checked) return tl::unexpected{checked.error()};
  return {};
}

std::string scanner_link(const std::string& driver) {
  // The ring has to hold what arrives while the polling core is held up for some milliseconds.
  if (driver == "af_packet") {
    return "net_af_packet0,iface=sim0,qdisc_bypass=1,blocksz=65536,framesz=2048,framecnt=16384";
  }
  if (driver == "af_xdp") return "net_af_xdp0,iface=sim0";
  return "sim0";
}

Result<void> start_simnet(LabState& state, const std::string& simnet, const LabUpOptions& options,
                          bool has_servers) {
  constexpr auto kPatience = std::chrono::seconds{20};
  constexpr auto kStep = std::chrono::milliseconds{10};
  const auto ip = find_tool("ip", "iproute2");
  if (!ip) return tl::unexpected{ip.error()};
  Arguments command{*ip,
                    "netns",
                    "exec",
                    namespace_name(state.lab_name(), "sim"),
                    simnet,
                    "run",
                    "--link",
                    scanner_link(options.driver),
                    "--config",
                    state.file(kConfigFile),
                    "--cpu",
                    std::to_string(options.cpu),
                    "--stats-file",
                    state.file(kStatsFile),
                    "--ready-file",
                    state.file(kReadyFile)};
  if (has_servers) {
    command.insert(command.end(), {"--uplink", "net_af_packet1,iface=up0,qdisc_bypass=1"});
  }
  const std::string log = state.file("simnet.log");
  auto process = start_daemon(command, log);
  if (!process) return tl::unexpected{process.error()};
  if (auto noted = state.started(kSimnet, *process); !noted) return noted;
  const auto deadline = Steady::now() + kPatience;
  while (!fs::exists(state.file(kReadyFile))) {
    const bool has_ended = !is_alive(*process);
    if (has_ended || Steady::now() > deadline) {
      return fail(ExitCode::Device,
                  fmt::format("the simulated network {}: {}",
                              has_ended ? "ended" : "did not start in time", last_line_of(log)));
    }
    std::this_thread::sleep_for(kStep);
  }
  return {};
}

bool is_whole(const LabState& state) {
  const auto& processes = state.processes();
  const auto& namespaces = state.namespaces();
  return !processes.empty() && !namespaces.empty() && processes.back().name == kSimnet &&
         std::all_of(processes.begin(), processes.end(),
                     [](const LabProcess& process) { return is_alive(process.id); }) &&
         std::all_of(namespaces.begin(), namespaces.end(),
                     [](const NamespaceId& id) { return namespace_inode(id.name) == id.inode; });
}

void take_down(LabState& state) {
  constexpr auto kPatience = std::chrono::milliseconds{3000};
  std::vector<ProcessId> servers;
  for (const LabProcess& process : state.processes()) {
    if (process.name == kSimnet) {
      end_process(process.id, kPatience);
    } else {
      servers.push_back(process.id);
    }
  }
  // What they would write when asked to end goes with the lab.
  kill_processes(servers);
  for (const pid_t pid : remove_network(state)) {
    fmt::print(stderr,
               "trawl: process {} still runs in the scanner's namespace, now without a link\n",
               pid);
  }
  state.remove();
}

// Which recipes the options ask for. Those that are not installed are a failure when they are named
// or basic; of the default ones and of all, the ones that are there make the lab.
Result<Recipes> choose(const LabUpOptions& options) {
  if (!options.with_servers) return Recipes{};
  auto chosen = choose_recipes(all_recipes(), options.servers);
  if (!chosen) return chosen;
  std::size_t missing = 0;
  for (const std::size_t recipe : *chosen) {
    const std::string reason = what_is_missing(all_recipes()[recipe]);
    if (reason.empty()) continue;
    if (options.servers != kAll) return fail(ExitCode::Runtime, reason);
    ++missing;
  }
  if (missing == 0) return chosen;
  std::erase_if(*chosen, [](std::size_t i) { return !what_is_missing(all_recipes()[i]).empty(); });
  fmt::print(stderr, "{} servers are not installed; 'trawl lab servers' lists what they need\n",
             missing);
  return chosen;
}

// False when the lab is up without some of its servers.
Result<bool> build(LabState& state, const std::string& simnet, const LabUpOptions& options,
                   const Recipes& recipes) {
  if (auto made = state.create(); !made) return tl::unexpected{made.error()};
  if (auto written = write_population(state, simnet, options, recipes); !written) {
    return tl::unexpected{written.error()};
  }
  if (auto made = make_network(state, recipes); !made) return tl::unexpected{made.error()};
  const auto failures = start_servers(state, recipes);
  if (!failures) return tl::unexpected{failures.error()};
  for (const ServerFailure& failure : *failures) {
    const std::string text =
        fmt::format("{} {}", all_recipes()[failure.recipe].name, failure.reason);
    if (options.servers == kBasic) return fail(ExitCode::Runtime, text);
    fmt::print(stderr, "trawl: {}\n", text);
  }
  // Last, so that a lab whose simulated network runs is whole.
  auto started = start_simnet(state, simnet, options, !recipes.empty());
  if (!started) return tl::unexpected{started.error()};
  return failures->empty();
}

void print_welcome(const LabState& state, const LabUpOptions& options, const Recipes& recipes) {
  std::string networks;
  std::string allowed;
  std::string targets;
  for (const std::string& network : values_of(text_of(state.file(kConfigFile)), "prefix")) {
    networks += (networks.empty() ? "" : ", ") + network;
    allowed += fmt::format(" --allow-special {}", network);
    targets += fmt::format(" {}", network);
  }
  const std::string lab = options.name == "lab" ? "" : fmt::format(" --name {}", options.name);
  const std::string trawl = (own_folder() / "trawl").string();
  fmt::print(stderr,
             "lab '{}' is up; nothing in it can reach any other network\n"
             "  scanner  {} on scan0 in namespace {}\n"
             "  network  {} behind {}, simulated\n",
             options.name, kScannerAddress, namespace_name(options.name, "scan"), networks,
             kGatewayAddress);
  for (const std::size_t recipe : recipes) {
    const std::string& name = all_recipes()[recipe].name;
    if (std::find(state.failures().begin(), state.failures().end(), name) !=
        state.failures().end()) {
      continue;
    }
    std::string ports;
    for (const ListenPort& listen : all_recipes()[recipe].listens) {
      ports += fmt::format("{}{}{}", ports.empty() ? "" : ",", listen.port,
                           listen.transport == "udp" ? "/udp" : "");
    }
    fmt::print(stderr, "  server   {} ports {}: {}\n", server_address(recipe), ports, name);
  }
  fmt::print(stderr,
             "try: {0} lab exec{1} -- {0} survey --link scan0 -p 80,443,22"
             "{2}{3}\n"
             "     {0} lab truth{1} --ports 80,443,22\n"
             "     {0} lab down{1}\n",
             trawl, lab, allowed, targets);
}

// The counters that are not 0 of the JSON that trawl-simnet writes.
void print_counters(std::string_view json) {
  constexpr std::string_view kCounters = "\"counters\":{";
  const std::size_t start = json.find(kCounters);
  if (start == std::string_view::npos) return;
  json = json.substr(start + kCounters.size());
  json = json.substr(0, json.find('}'));
  while (!json.empty()) {
    const std::size_t end = std::min(json.find(','), json.size());
    const std::string_view pair = json.substr(0, end);
    json.remove_prefix(std::min(end + 1, json.size()));
    const std::size_t colon = pair.find("\":");
    if (colon == std::string_view::npos || pair.ends_with(":0")) continue;
    fmt::print("counter    {} {}\n", pair.substr(1, colon - 1), pair.substr(colon + 2));
  }
}

// The end of the namespace's name, where a server is named.
std::string suffix_of(const std::string& name) {
  const auto& recipes = all_recipes();
  const auto found = std::find_if(recipes.begin(), recipes.end(),
                                  [&](const Recipe& recipe) { return recipe.name == name; });
  if (found == recipes.end()) return name;
  return server_suffix(static_cast<std::size_t>(found - recipes.begin()));
}

Error not_up(const std::string& name) {
  const std::string option = name == "lab" ? "" : fmt::format(" --name {}", name);
  return fail(ExitCode::Runtime,
              fmt::format("lab '{}' is not up; build it with 'trawl lab up{}'", name, option))
      .value();
}

}  // namespace

Result<bool> lab_up(const LabUpOptions& options) {
  if (auto allowed = check_privileges(); !allowed) return tl::unexpected{allowed.error()};
  const auto recipes = choose(options);
  if (!recipes) return tl::unexpected{recipes.error()};
  const auto simnet = find_simnet();
  if (!simnet) return tl::unexpected{simnet.error()};
  const LabLock lock{options.name};
  LabState state{options.name};
  if (state.load()) {
    if (is_whole(state)) {
      fmt::print(stderr, "lab '{}' is already up\n", options.name);
      return state.failures().empty();
    }
    fmt::print(stderr, "removing what is left of an earlier lab '{}'\n", options.name);
    take_down(state);
    state = LabState{options.name};
  }
  auto built = build(state, *simnet, options, *recipes);
  if (!built) {
    take_down(state);
    return built;
  }
  print_welcome(state, options, *recipes);
  return built;
}

Result<void> lab_down(const std::string& name) {
  if (auto allowed = check_privileges(); !allowed) return allowed;
  const LabLock lock{name};
  LabState state{name};
  if (!state.load()) {
    fmt::print(stderr, "lab '{}' is not up\n", name);
    return {};
  }
  take_down(state);
  fmt::print(stderr, "lab '{}' is down\n", name);
  return {};
}

Result<bool> lab_status(const std::string& name) {
  LabState state{name};
  if (!state.load()) {
    fmt::print("lab '{}' is not up\n", name);
    return false;
  }
  const bool whole = is_whole(state);
  fmt::print("lab '{}' is {}\n", name, whole ? "up" : "incomplete; 'trawl lab down' removes it");
  for (const NamespaceId& id : state.namespaces()) {
    fmt::print("namespace  {}{}\n", id.name,
               namespace_inode(id.name) == id.inode ? "" : "  missing");
  }
  for (const LabProcess& process : state.processes()) {
    fmt::print("process    {} {}{}\n", process.id.pid, process.name,
               is_alive(process.id) ? "" : "  not running");
  }
  for (const std::string& server : state.failures()) {
    fmt::print("failed     {}: {}\n", server, last_line_of(state.file(server + ".log")));
  }
  print_counters(text_of(state.file(kStatsFile)));
  return whole && state.failures().empty();
}

Error lab_truth(const std::string& name, const std::vector<std::string>& arguments) {
  const auto simnet = find_simnet();
  if (!simnet) return simnet.error();
  LabState state{name};
  if (!state.load()) return not_up(name);
  Arguments command{*simnet, "truth", "--config", state.file(kConfigFile)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return become(command);
}

Error lab_exec(const std::string& name, const std::string& suffix,
               const std::vector<std::string>& command) {
  if (auto allowed = check_privileges(); !allowed) return allowed.error();
  LabState state{name};
  const std::string wanted = namespace_name(name, suffix_of(suffix));
  if (!state.load()) return not_up(name);
  const auto& known = state.namespaces();
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const NamespaceId& id) { return id.name == wanted; });
  if (found == known.end() || namespace_inode(wanted) != found->inode) {
    return fail(ExitCode::Usage,
                fmt::format("--ns {}: lab '{}' has no such namespace", suffix, name))
        .value();
  }
  const auto ip = find_tool("ip", "iproute2");
  if (!ip) return ip.error();
  Arguments all{*ip, "netns", "exec", wanted};
  all.insert(all.end(), command.begin(), command.end());
  return become(all);
}

}  // namespace trawl::control
