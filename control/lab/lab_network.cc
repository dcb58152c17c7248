#include "control/lab/lab_network.h"

#include <dirent.h>
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <thread>

#include "control/lab/layout.h"
#include "control/lab/process.h"

namespace trawl::control {
namespace {

bool write_setting(const char* file, const char* value) {
  std::ofstream stream{file};
  stream << value << std::flush;
  return stream.good();
}

// The kernel of a lab namespace stays quiet: no IPv6, so no router or neighbour solicitations, and
// no forwarding of its own.
bool quieten_kernel() {
  // A kernel without IPv6 has nothing to turn off.
  write_setting("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
  write_setting("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  return write_setting("/proc/sys/net/ipv4/ip_forward", "0");
}

// A veth leaves checksums and segmentation to a NIC it does not have; what reads its frames raw
// would see wrong checksums and oversized frames.
bool finish_frames_in_software(const char* interface) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool done = true;
  for (const std::uint32_t command : {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM}) {
    ethtool_value value{command, 0};
    ifreq request{};
    std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    // Only the checksum must be ours; drivers without the others never needed them.
    if (ioctl(fd, SIOCETHTOOL, &request) != 0 && command == ETHTOOL_STXCSUM) done = false;
  }
  close(fd);
  return done;
}

// Both ends of a pair report a carrier a moment after they are brought up.
bool wait_until_running(const char* interface) {
  constexpr int kMostPolls = 500;
  constexpr auto kStep = std::chrono::milliseconds{10};
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  bool is_running = false;
  for (int i = 0; i < kMostPolls && !is_running; ++i) {
    if (i > 0) std::this_thread::sleep_for(kStep);
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) break;
    is_running = (request.ifr_flags & IFF_RUNNING) != 0;
  }
  close(fd);
  return is_running;
}

class Builder {
 public:
  Builder(LabState& state, std::string ip) : state_{state}, ip_{std::move(ip)} {}

  [[nodiscard]] Result<void> make_namespace(std::string_view suffix) {
    const std::string name = name_of(suffix);
    if (namespace_inode(name)) {
      return fail(ExitCode::Runtime,
                  fmt::format("namespace {0} exists but is not this lab's; choose another --name, "
                              "or remove it with 'ip netns del {0}'",
                              name));
    }
    if (auto noted = state_.will_make_namespace(name); !noted) return noted;
    if (auto made = ip({"netns", "add", name}); !made) return made;
    if (auto noted = state_.made_namespace(name); !noted) return noted;
    if (!run_in_namespace(name, quieten_kernel)) return refused("quieten the kernel of", name);
    return ip({"-n", name, "link", "set", "lo", "up"});
  }

  // A pair of interfaces, up, in one namespace or two.
  [[nodiscard]] Result<void> make_pair(std::string_view suffix, const char* interface,
                                       std::string_view peer_suffix, const char* peer) {
    const std::string left = name_of(suffix);
    const std::string right = name_of(peer_suffix);
    auto made = ip({"-n", left, "link", "add", interface, "type", "veth", "peer", "name", peer,
                    "netns", right});
    if (!made) return made;
    if (auto up = bring_up(left, interface); !up) return up;
    if (auto up = bring_up(right, peer); !up) return up;
    const auto runs = [](const std::string& where, const char* which) {
      return run_in_namespace(where, [which] { return wait_until_running(which); });
    };
    if (runs(left, interface) && runs(right, peer)) return {};
    return fail(ExitCode::Device,
                fmt::format("the link from {} to {} does not come up", left, right));
  }

  [[nodiscard]] Result<void> give_address(std::string_view suffix, const char* interface,
                                          std::string_view address, unsigned length,
                                          std::string_view gateway) {
    const std::string name = name_of(suffix);
    auto added =
        ip({"-n", name, "address", "add", fmt::format("{}/{}", address, length), "dev", interface});
    if (!added) return added;
    return ip(
        {"-n", name, "route", "add", "default", "via", std::string{gateway}, "dev", interface});
  }

  // The bridge that joins up1 and the server's pair ends.
  [[nodiscard]] Result<void> make_bridge() {
    const std::string sim = name_of("sim");
    auto made = ip({"-n", sim, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0"});
    if (!made) return made;
    if (auto up = ip({"-n", sim, "link", "set", "br0", "up"}); !up) return up;
    return ip({"-n", sim, "link", "set", "up1", "master", "br0"});
  }

  [[nodiscard]] Result<void> make_server(std::size_t recipe, const ServerNetwork& network) {
    const std::string suffix = server_suffix(recipe);
    if (auto made = make_namespace(suffix); !made) return made;
    auto paired = make_pair(suffix, "eth0", "sim", suffix.c_str());
    if (!paired) return paired;
    auto joined = ip({"-n", name_of("sim"), "link", "set", suffix, "master", "br0"});
    if (!joined) return joined;
    return give_address(suffix, "eth0", server_address(recipe), network.length, network.uplink);
  }

 private:
  [[nodiscard]] std::string name_of(std::string_view suffix) const {
    return namespace_name(state_.lab_name(), suffix);
  }
  [[nodiscard]] static Failure refused(const char* what, const std::string& where) {
    return fail(
        ExitCode::Device,
        fmt::format("cannot {} {}; this needs CAP_NET_ADMIN and CAP_SYS_ADMIN", what, where));
  }
  [[nodiscard]] Result<void> ip(std::initializer_list<std::string> words) const {
    Arguments arguments{ip_};
    arguments.insert(arguments.end(), words);
    auto done = run(arguments);
    if (!done) return tl::unexpected{done.error()};
    return {};
  }
  [[nodiscard]] Result<void> bring_up(const std::string& where, const char* interface) const {
    if (!run_in_namespace(where, [&] { return finish_frames_in_software(interface); })) {
      return refused("turn off checksum offload in", where);
    }
    return ip({"-n", where, "link", "set", interface, "up"});
  }

  LabState& state_;
  std::string ip_;
};

// Calls `use` with every process whose network namespace is `inode`.
template <typename Use>
void each_process_in(std::uint64_t inode, Use use) {
  DIR* const proc = opendir("/proc");
  if (proc == nullptr) return;
  while (const dirent* const entry = readdir(proc)) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 0 || pid == getpid()) continue;
    struct stat info {};
    if (stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &info) == 0 && info.st_ino == inode) {
      use(pid);
    }
  }
  closedir(proc);
}

// Whether the namespace is still the one that the lab made: another inode means that somebody made
// one of this name after ours had gone.
bool is_ours(const NamespaceId& id) {
  const auto inode = namespace_inode(id.name);
  return inode && (id.inode == 0 || *inode == id.inode);
}

// What ends may still have started something in between, so until nothing is left.
void kill_all_in(const NamespaceId& id) {
  constexpr int kMostRounds = 100;
  const auto inode = namespace_inode(id.name);
  if (!inode || !is_ours(id)) return;
  for (int round = 0; round < kMostRounds; ++round) {
    std::vector<ProcessId> found;
    each_process_in(*inode, [&](pid_t pid) {
      if (const auto process = find_process(pid)) found.push_back(*process);
    });
    if (found.empty()) return;
    kill_processes(found);
  }
}

}  // namespace

Result<void> make_network(LabState& state, const std::vector<std::size_t>& recipes) {
  auto ip = find_tool("ip", "iproute2");
  if (!ip) return tl::unexpected{ip.error()};
  Builder builder{state, *ip};
  const auto in_turn = [](auto... steps) {
    Result<void> done;
    ((done = done ? steps() : done), ...);
    return done;
  };
  auto done = in_turn([&] { return builder.make_namespace("scan"); },
                      [&] { return builder.make_namespace("sim"); },
                      [&] { return builder.make_pair("scan", "scan0", "sim", "sim0"); },
                      [&] {
                        return builder.give_address("scan", "scan0", kScannerAddress,
                                                    kScannerPrefixLength, kGatewayAddress);
                      });
  if (!done || recipes.empty()) return done;
  const ServerNetwork& network = server_network(recipes.back());
  done = in_turn([&] { return builder.make_pair("sim", "up0", "sim", "up1"); },
                 [&] { return builder.make_bridge(); });
  for (const std::size_t recipe : recipes) {
    if (done) done = builder.make_server(recipe, network);
  }
  return done;
}

void kill_namespace(const LabState& state, const std::string& suffix) {
  const std::string wanted = namespace_name(state.lab_name(), suffix);
  for (const NamespaceId& id : state.namespaces()) {
    if (id.name == wanted) kill_all_in(id);
  }
}

std::vector<pid_t> remove_network(const LabState& state) {
  std::vector<pid_t> left;
  const auto ip = find_tool("ip", "iproute2");
  const std::string scanner = namespace_name(state.lab_name(), "scan");
  for (const NamespaceId& id : state.namespaces()) {
    if (!is_ours(id)) continue;
    if (id.name == scanner) {
      each_process_in(*namespace_inode(id.name), [&](pid_t pid) { left.push_back(pid); });
    } else {
      kill_all_in(id);
    }
    if (ip) (void)run({*ip, "netns", "del", id.name});
  }
  return left;
}

}  // namespace trawl::control
