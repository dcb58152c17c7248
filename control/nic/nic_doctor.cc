#include "control/nic/nic_doctor.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "dataplane/exception/firewall.h"
#include "dataplane/exception/interface_claim.h"
#include "dataplane/exception/scan_filter.h"
#include "dataplane/exception/xdp_program.h"

namespace trawl::control {
namespace {

// The capabilities in effect, a bit each (proc(5), CapEff); all where they are not told.
std::uint64_t capabilities() {
  std::ifstream file{"/proc/self/status"};
  std::string word;
  while (file >> word) {
    if (word != "CapEff:") continue;
    std::uint64_t bits = 0;
    file >> std::hex >> bits;
    return bits;
  }
  return ~std::uint64_t{0};
}

void check_capabilities(Diagnosis& found) {
  constexpr std::pair<unsigned, const char*> kNeeded[] = {{12, "CAP_NET_ADMIN"},
                                                          {13, "CAP_NET_RAW"}};
  const std::uint64_t have = capabilities();
  for (const auto& [bit, name] : kNeeded) {
    if ((have >> bit & 1U) != 0) continue;
    found.lacking.push_back(fmt::format(
        "{} is missing; run as root, or give the capability to trawl with setcap(8)", name));
  }
}

void check_hugepages(Diagnosis& found) {
  const std::filesystem::path folder{"/sys/kernel/mm/hugepages"};
  std::error_code none;
  std::string sizes;
  for (const auto& entry : std::filesystem::directory_iterator{folder, none}) {
    unsigned long free = 0;
    std::ifstream{entry.path() / "free_hugepages"} >> free;
    if (free == 0) continue;
    const std::string name = entry.path().filename().string();  // hugepages-2048kB
    sizes += fmt::format("{}{} of {}", sizes.empty() ? "" : ", ", free,
                         name.substr(std::min(name.find('-') + 1, name.size())));
  }
  found.notes.push_back(sizes.empty()
                            ? "no hugepages are free: packets lie in ordinary pages, which costs "
                              "some speed; 'sysctl vm.nr_hugepages=256' gives 512 MiB"
                            : fmt::format("hugepages free: {}", sizes));
}

void check_xdp(Diagnosis& found) {
  if (auto works = dataplane::try_scan_filter(); works) {
    found.notes.push_back("XDP: the kernel has AF_XDP sockets and takes the scan's program");
  } else {
    found.notes.push_back(
        fmt::format("XDP: {}; surveys use af_packet, which is slower", works.error().message));
  }
  if (!dataplane::has_firewall_tool()) {
    found.notes.push_back(
        "nft is missing: over af_packet the kernel resets connections that probes open; install "
        "nftables");
  }
}

void mend(const std::string& interface, Diagnosis& found) {
  if (const int owner = dataplane::claim_owner(interface); owner != 0) {
    found.notes.push_back(fmt::format("{}: in use by process {}", interface, owner));
    return;
  }
  auto mended = dataplane::mend_interface(interface);
  std::move(mended.begin(), mended.end(), std::back_inserter(found.mended));
  const auto state = dataplane::xdp_state(interface);
  if (std::ranges::count(state.programs, dataplane::kScanFilterName) != 0) {
    found.left.push_back(
        fmt::format("{0}: the XDP program of an ended trawl stays; 'ip link set "
                    "{0} xdp off' takes it away",
                    interface));
  }
  for (const std::string& table : dataplane::firewall_tables_of(interface)) {
    found.left.push_back(
        fmt::format("{}: the firewall table of an ended trawl stays; 'nft delete "
                    "table inet {}' takes it away",
                    interface, table));
  }
}

}  // namespace

ExitCode Diagnosis::code() const noexcept {
  if (!lacking.empty()) return ExitCode::Device;
  return left.empty() ? ExitCode::Done : ExitCode::Runtime;
}

Diagnosis examine(const std::vector<std::string>& interfaces) {
  Diagnosis found;
  check_capabilities(found);
  found.mended = dataplane::mend_leftovers();
  for (const std::string& interface : interfaces) mend(interface, found);
  check_xdp(found);
  check_hugepages(found);
  return found;
}

}  // namespace trawl::control
