#include "control/lab/lab_servers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "control/lab/lab_network.h"
#include "control/lab/layout.h"
#include "control/lab/process.h"
#include "control/lab/recipe.h"

namespace trawl::control {
namespace {

using Steady = std::chrono::steady_clock;

// Those that are starting at a time: databases and Erlang keep a CPU busy for seconds.
constexpr std::size_t kMostStarting = 8;
// Far more than any needs alone; many share the CPUs.
constexpr auto kPatience = std::chrono::seconds{120};
// The tables of sockets that tell whether a server listens cost the kernel milliseconds each.
constexpr auto kStep = std::chrono::milliseconds{20};
constexpr auto kSlowStep = std::chrono::milliseconds{200};
constexpr auto kQuickStart = std::chrono::seconds{1};

// The first process of a process namespace inherits what others leave behind, and some servers
// take a child that they did not start for a fault; so it is a shell that waits for the server.
constexpr const char* kInit = "/bin/sh \"$0\" & wait $!";

struct Starting {
  std::size_t recipe = 0;
  ProcessId process;
  std::string log;
  Steady::time_point started;
  Steady::time_point next_look;
};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

// The script of the recipe, with all that it may rely on before it.
Result<std::string> write_script(const Recipe& recipe, std::size_t index,
                                 const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::string path = fmt::format("{}/run.sh", folder);
  std::ofstream stream{path};
  stream << fmt::format(
      "name={}\naddress={}\nfolder={}\nhost={}.lab.test\nunpacked='{}'\nunpacked_folder={}\n",
      recipe.name, server_address(index), folder, recipe.name, join(recipe.unpacked),
      kUnpackedFolder);
  stream << recipe_prelude() << recipe.script << std::flush;
  if (stream) return path;
  return fail(ExitCode::Runtime, fmt::format("cannot write {}", path));
}

class Starter {
 public:
  Starter(LabState& state, std::string ip, std::string unshare)
      : state_{state}, ip_{std::move(ip)}, unshare_{std::move(unshare)} {}

  [[nodiscard]] bool is_full() const { return starting_.size() >= kMostStarting; }
  [[nodiscard]] bool is_idle() const { return starting_.empty(); }
  [[nodiscard]] std::vector<ServerFailure>& failures() { return failures_; }

  [[nodiscard]] Result<void> start(std::size_t index) {
    const Recipe& recipe = all_recipes()[index];
    if (std::string missing = what_is_missing(recipe); !missing.empty()) {
      failures_.push_back({index, std::move(missing)});
      return {};
    }
    const std::string folder = state_.file(recipe.name);
    const auto script = write_script(recipe, index, folder);
    if (!script) return tl::unexpected{script.error()};
    const Arguments command{ip_,
                            "netns",
                            "exec",
                            namespace_name(state_.lab_name(), server_suffix(index)),
                            unshare_,
                            "--mount",
                            "--pid",
                            "--ipc",
                            "--uts",
                            "--fork",
                            "--kill-child",
                            "--mount-proc",
                            "/bin/sh",
                            "-c",
                            kInit,
                            *script};
    const std::string log = fmt::format("{}.log", folder);
    auto process = start_daemon(command, log);
    if (!process) return tl::unexpected{process.error()};
    starting_.push_back({index, *process, log, Steady::now(), Steady::now()});
    return state_.started(recipe.name, *process);
  }

  // Takes those off the list that listen, and those that never will.
  [[nodiscard]] Result<void> look() {
    Result<void> noted;
    const auto now = Steady::now();
    std::erase_if(starting_, [&](Starting& server) {
      const auto age = now - server.started;
      if (now < server.next_look && is_alive(server.process)) return false;
      server.next_look = now + (age < kQuickStart ? kStep : kSlowStep);
      const std::string waiting = closed_port(server);
      if (waiting.empty()) return true;
      const bool has_ended = !is_alive(server.process);
      if (!has_ended && age < kPatience) return false;
      if (auto done = give_up(server, has_ended, waiting); !done) noted = done;
      return true;
    });
    return noted;
  }

 private:
  // "80/tcp": the first that is not open; empty when all are.
  [[nodiscard]] static std::string closed_port(const Starting& server) {
    for (const ListenPort& port : all_recipes()[server.recipe].listens) {
      if (is_listening(server.process.pid, port.transport, port.port)) continue;
      return fmt::format("{}/{}", port.port, port.transport);
    }
    return {};
  }

  [[nodiscard]] Result<void> give_up(const Starting& server, bool has_ended,
                                     const std::string& port) {
    kill_processes({server.process});
    kill_namespace(state_, server_suffix(server.recipe));
    failures_.push_back(
        {server.recipe,
         fmt::format("{} on {}: {}", has_ended ? "ended before it listened" : "does not listen",
                     port, last_line_of(server.log))});
    return state_.failed(all_recipes()[server.recipe].name);
  }

  LabState& state_;
  std::string ip_;
  std::string unshare_;
  std::vector<Starting> starting_;
  std::vector<ServerFailure> failures_;
};

}  // namespace

bool is_listening(pid_t pid, std::string_view transport, unsigned port) {
  const std::string wanted = fmt::format(":{:04X}", port);
  // TCP_LISTEN, and TCP_CLOSE for UDP sockets that are not connected.
  const std::string_view state_wanted = transport == "tcp" ? "0A" : "07";
  for (const char* const family : {"", "6"}) {
    std::istringstream table{text_of(fmt::format("/proc/{}/net/{}{}", pid, transport, family))};
    for (std::string line; std::getline(table, line);) {
      std::istringstream fields{line};
      std::string number;
      std::string local;
      std::string remote;
      std::string state;
      fields >> number >> local >> remote >> state;
      // 127.0.0.1 is 0100007F: the bytes of the address as this machine stores a number.
      constexpr std::size_t kIpv4Digits = 8;
      const bool is_loopback = local.find(':') == kIpv4Digits && local.substr(6, 2) == "7F";
      if (state == state_wanted && local.ends_with(wanted) && !is_loopback) return true;
    }
  }
  return false;
}

Result<std::vector<ServerFailure>> start_servers(LabState& state,
                                                 const std::vector<std::size_t>& recipes) {
  auto ip = find_tool("ip", "iproute2");
  if (!ip) return tl::unexpected{ip.error()};
  auto unshare = find_tool("unshare", "util-linux");
  if (!unshare) return tl::unexpected{unshare.error()};
  Starter starter{state, *ip, *unshare};
  auto next = recipes.begin();
  while (next != recipes.end() || !starter.is_idle()) {
    while (next != recipes.end() && !starter.is_full()) {
      if (auto started = starter.start(*next++); !started) return tl::unexpected{started.error()};
    }
    if (auto looked = starter.look(); !looked) return tl::unexpected{looked.error()};
    if (!starter.is_idle()) std::this_thread::sleep_for(kStep);
  }
  return std::move(starter.failures());
}

}  // namespace trawl::control
