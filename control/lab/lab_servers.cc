#include "control/lab/lab_servers.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "control/lab/layout.h"
#include "control/lab/process.h"

namespace trawl::control {
namespace {

struct Tool {
  const char* name;
  const char* package;
};
constexpr Tool kTools[] = {
    {"ip", "iproute2"},         {"nginx", "nginx-light"},         {"openssl", "openssl"},
    {"sshd", "openssh-server"}, {"ssh-keygen", "openssh-client"}, {"redis-server", "redis-server"}};

Result<std::string> tool(std::string_view name) {
  for (const Tool& known : kTools) {
    if (known.name == name) return find_tool(known.name, known.package);
  }
  return fail(ExitCode::Runtime, fmt::format("unknown tool {}", name));
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream stream{path};
  stream << text << std::flush;
  if (stream) return {};
  return fail(ExitCode::Runtime, fmt::format("cannot write {}", path));
}

Result<void> run_tool(std::string_view name, std::initializer_list<std::string> words) {
  auto path = tool(name);
  if (!path) return tl::unexpected{path.error()};
  Arguments arguments{*path};
  arguments.insert(arguments.end(), words);
  auto done = run(arguments);
  if (!done) return tl::unexpected{done.error()};
  return {};
}

// Shared by the sshd of every lab and of the machine. The mark says that a lab made it; neither its
// name nor the lock's is that of a lab. The lock is held from making the folder until an sshd runs.
constexpr const char* kSshdFolder = "/run/sshd";
constexpr const char* kSshdFolderIsOurs = "/run/trawl-lab/.made-run-sshd";
constexpr const char* kSshdLock = ".run-sshd";

// {0}: the lab's folder.
constexpr const char* kNginxConfig = R"(daemon off;
user www-data;
worker_processes 1;
pid {0}/nginx.pid;
error_log {0}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {0}/nginx-body;
  proxy_temp_path {0}/nginx-proxy;
  fastcgi_temp_path {0}/nginx-fastcgi;
  uwsgi_temp_path {0}/nginx-uwsgi;
  scgi_temp_path {0}/nginx-scgi;
  default_type text/plain;
  server {{
    listen 80 backlog=4096;
    location / {{ return 200 "trawl lab\n"; }}
  }}
  server {{
    listen 443 ssl backlog=4096;
    ssl_certificate {0}/tls.crt;
    ssl_certificate_key {0}/tls.key;
    location / {{ return 200 "trawl lab\n"; }}
  }}
}}
)";

constexpr const char* kSshdConfig = R"(Port 22
AddressFamily inet
HostKey {0}/ssh_host_ed25519_key
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication no
PermitRootLogin no
MaxStartups 100
)";

constexpr const char* kRedisConfig = R"(bind 0.0.0.0
port 6379
protected-mode no
daemonize no
save ""
appendonly no
dir {0}
)";

Result<Arguments> prepare_nginx(const LabState& state) {
  auto made = run_tool("openssl",
                       {"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "30", "-subj", "/CN=nginx.lab.test", "-keyout",
                        state.file("tls.key"), "-out", state.file("tls.crt")});
  if (!made) return tl::unexpected{made.error()};
  const std::string config = state.file("nginx.conf");
  auto written = write_file(config, fmt::format(kNginxConfig, state.folder()));
  if (!written) return tl::unexpected{written.error()};
  return tool("nginx").map([&](const std::string& path) {
    return Arguments{path, "-e", state.file("nginx.log"), "-c", config};
  });
}

Result<Arguments> prepare_sshd(const LabState& state) {
  // sshd insists on this folder, which its service would make.
  if (access(kSshdFolder, F_OK) != 0) {
    const std::ofstream mark{kSshdFolderIsOurs};
    mkdir(kSshdFolder, 0755);
  }
  const std::string key = state.file("ssh_host_ed25519_key");
  auto made = run_tool("ssh-keygen", {"-q", "-t", "ed25519", "-N", "", "-f", key});
  if (!made) return tl::unexpected{made.error()};
  const std::string config = state.file("sshd_config");
  auto written = write_file(config, fmt::format(kSshdConfig, state.folder()));
  if (!written) return tl::unexpected{written.error()};
  return tool("sshd").map([&](const std::string& path) {
    return Arguments{path, "-D", "-e", "-f", config};
  });
}

Result<Arguments> prepare_redis(const LabState& state) {
  const std::string config = state.file("redis.conf");
  auto written = write_file(config, fmt::format(kRedisConfig, state.folder()));
  if (!written) return tl::unexpected{written.error()};
  return tool("redis-server").map([&](const std::string& path) { return Arguments{path, config}; });
}

Result<Arguments> prepare(const Server& server, const LabState& state) {
  if (server.name == "nginx") return prepare_nginx(state);
  if (server.name == "sshd") return prepare_sshd(state);
  return prepare_redis(state);
}

// Whether something listens on `port` in the network namespace of `pid`.
bool is_listening(pid_t pid, unsigned port) {
  std::ifstream table{fmt::format("/proc/{}/net/tcp", pid)};
  const std::string wanted = fmt::format(":{:04X}", port);
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields{line};
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    fields >> number >> local >> remote >> state;
    constexpr const char* kListen = "0A";
    if (state == kListen && local.ends_with(wanted)) return true;
  }
  return false;
}

Result<void> wait_until_listening(const Server& server, const ProcessId& process,
                                  const std::string& log) {
  constexpr auto kPatience = std::chrono::seconds{10};
  constexpr auto kStep = std::chrono::milliseconds{20};
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::istringstream ports{std::string{server.ports}};
  for (std::string port; std::getline(ports, port, ',');) {
    const auto number = static_cast<unsigned>(std::strtoul(port.c_str(), nullptr, 10));
    while (!is_listening(process.pid, number)) {
      const bool has_ended = !is_alive(process);
      if (has_ended || std::chrono::steady_clock::now() > deadline) {
        return fail(ExitCode::Runtime,
                    fmt::format("{} {} on port {}: {}", server.name,
                                has_ended ? "ended before it listened" : "does not listen", port,
                                last_line_of(log)));
      }
      std::this_thread::sleep_for(kStep);
    }
  }
  return {};
}

}  // namespace

Result<void> check_server_tools() {
  for (const Tool& known : kTools) {
    auto path = find_tool(known.name, known.package);
    if (!path) return tl::unexpected{path.error()};
  }
  return {};
}

Result<void> start_servers(LabState& state) {
  const auto ip = tool("ip");
  if (!ip) return tl::unexpected{ip.error()};
  const LabLock sshd_folder{kSshdLock};
  for (const Server& server : kServers) {
    auto arguments = prepare(server, state);
    if (!arguments) return tl::unexpected{arguments.error()};
    Arguments command{*ip, "netns", "exec",
                      namespace_name(state.lab_name(), server.namespace_suffix)};
    command.insert(command.end(), arguments->begin(), arguments->end());
    const std::string log = state.file(fmt::format("{}.out", server.name));
    auto process = start_daemon(command, log);
    if (!process) return tl::unexpected{process.error()};
    if (auto noted = state.started(std::string{server.name}, *process); !noted) return noted;
    if (auto up = wait_until_listening(server, *process, log); !up) return up;
  }
  return {};
}

void remove_server_folders() {
  const LabLock sshd_folder{kSshdLock};
  // Any sshd, of another lab or of the machine, needs the folder for each connection.
  if (access(kSshdFolderIsOurs, F_OK) != 0 || is_running("sshd")) return;
  rmdir(kSshdFolder);
  unlink(kSshdFolderIsOurs);
}

}  // namespace trawl::control
