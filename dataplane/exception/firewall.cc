#include "dataplane/exception/firewall.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

extern char** environ;

namespace trawl::dataplane {
namespace {

constexpr std::string_view kPrefix = "trawl_";

class MemoryFile {
 public:
  explicit MemoryFile(const char* name) noexcept : fd_{memfd_create(name, MFD_CLOEXEC)} {}
  ~MemoryFile() {
    if (fd_ >= 0) close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  void fill(const std::string& text) const noexcept {
    (void)!write(fd_, text.data(), text.size());
    lseek(fd_, 0, SEEK_SET);
  }
  [[nodiscard]] std::string read_all() const {
    std::string text;
    std::array<char, 4096> part{};
    ssize_t got = 0;
    while ((got = pread(fd_, part.data(), part.size(), static_cast<off_t>(text.size()))) > 0) {
      text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  int fd_;
};

// What nft(8) printed; its standard input is `script`.
Result<std::string> run_nft(std::vector<std::string> words, const std::string& script) {
  const MemoryFile in{"nft_in"};
  const MemoryFile out{"nft_out"};
  in.fill(script);
  words.insert(words.begin(), "nft");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDERR_FILENO);
  pid_t child = -1;
  // Where it is for root, whose folders the PATH of others may lack.
  int failed = ENOENT;
  for (const char* const path : {"/usr/sbin/nft", "/sbin/nft", "nft"}) {
    failed = posix_spawnp(&child, path, &actions, nullptr, arguments.data(), environ);
    if (failed == 0) break;
  }
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return fail(ExitCode::Device,
                fmt::format("nft can not be run ({}); install nftables", std::strerror(failed)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string said = out.read_all();
  if (status == 0) return said;
  return fail(ExitCode::Device, fmt::format("nft: {}", said.substr(0, said.find('\n'))));
}

std::string sanitised(std::string_view interface) {
  std::string name{interface};
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

std::string ranges_text(const ScanTraffic& traffic) {
  constexpr std::size_t kMost = 1024;
  std::string text;
  for (const auto& [first, last] : traffic.source_ranges(kMost)) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", first.to_string());
    if (first != last) text += fmt::format("-{}", last.to_string());
  }
  return text;
}

std::vector<unsigned> indices_of(const std::string& interface, VlanId vlan) {
  std::vector<unsigned> indices;
  std::vector<std::string> names{interface};
  if (vlan.tagged()) {
    std::ifstream file{"/proc/net/vlan/config"};
    const std::string config{std::istreambuf_iterator<char>{file}, {}};
    std::ranges::copy(vlan_interfaces(config, interface, vlan), std::back_inserter(names));
  }
  for (const std::string& name : names) {
    if (const unsigned index = if_nametoindex(name.c_str()); index != 0) indices.push_back(index);
  }
  return indices;
}

}  // namespace

std::string firewall_table_for(const std::string& interface) {
  return fmt::format("{}{}_{}", kPrefix, getpid(), sanitised(interface));
}

std::string firewall_script(const std::string& table, const ScanTraffic& traffic,
                            const std::vector<unsigned>& indices) {
  std::string interfaces;
  for (const unsigned index : indices) {
    interfaces += fmt::format("{}{}", interfaces.empty() ? "" : ", ", index);
  }
  return fmt::format(
      "table inet {} {{\n"
      "  chain replies {{\n"
      "    type filter hook prerouting priority raw; policy accept;\n"
      "    iif {{ {} }} {} daddr {{ {} }} meta l4proto {{ tcp, udp }} th dport {}-{} drop\n"
      "  }}\n"
      "}}\n",
      table, interfaces, traffic.is_v4() ? "ip" : "ip6", ranges_text(traffic), traffic.ports.first,
      traffic.ports.last);
}

Result<void> install_firewall_table(const std::string& table, const std::string& interface,
                                    const ScanTraffic& traffic) {
  const auto indices = indices_of(interface, traffic.vlan);
  auto done = run_nft({"-f", "-"}, firewall_script(table, traffic, indices));
  if (!done) return Failure{done.error()};
  return {};
}

bool has_firewall_tool() { return run_nft({"--version"}, {}).has_value(); }

bool remove_firewall_table(const std::string& table) {
  return run_nft({"delete", "table", "inet", table}, {}).has_value();
}

std::vector<std::string> firewall_tables_of(const std::string& interface) {
  std::vector<std::string> found;
  const auto listed = run_nft({"list", "tables", "inet"}, {});
  if (!listed) return found;
  std::istringstream lines{*listed};
  const std::string ending = fmt::format("_{}", sanitised(interface));
  std::string word, family, name;
  while (lines >> word >> family >> name) {
    if (word != "table" || !name.starts_with(kPrefix) || !name.ends_with(ending)) continue;
    const std::string_view pid{name.data() + kPrefix.size(),
                               name.size() - std::min(name.size(), kPrefix.size() + ending.size())};
    const bool number = !pid.empty() && std::ranges::all_of(pid, [](char c) {
      return std::isdigit(static_cast<unsigned char>(c)) != 0;
    });
    if (number) found.push_back(name);
  }
  return found;
}

// Lines such as "eth1.5        | 5  | eth1", under two lines of headings.
std::vector<std::string> vlan_interfaces(const std::string& config, const std::string& interface,
                                         VlanId vlan) {
  std::vector<std::string> found;
  std::istringstream lines{config};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string name, bar, id, bar2, below;
    fields >> name >> bar >> id >> bar2 >> below;
    if (fields && bar == "|" && bar2 == "|" && below == interface &&
        id == std::to_string(vlan.id())) {
      found.push_back(name);
    }
  }
  return found;
}

}  // namespace trawl::dataplane
