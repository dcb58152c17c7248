#include "control/nic/interface_facts.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "base/mac.h"
#include "dataplane/exception/interface_claim.h"

namespace trawl::control {
namespace {

// Questions to the kernel about one interface.
class Asker {
 public:
  explicit Asker(const std::string& name)
      : fd_{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}, name_{name} {}
  ~Asker() {
    if (fd_ >= 0) close(fd_);
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  [[nodiscard]] std::optional<ifreq> ask(unsigned long question, void* data = nullptr) const {
    ifreq request{};
    std::strncpy(request.ifr_name, name_.c_str(), IFNAMSIZ - 1);
    if (data != nullptr) request.ifr_data = static_cast<char*>(data);
    if (ioctl(fd_, question, &request) != 0) return std::nullopt;
    return request;
  }

 private:
  int fd_;
  std::string name_;
};

std::vector<std::string> addresses_of(const std::string& name) {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, freeifaddrs};
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (name != at->ifa_name || at->ifa_addr == nullptr || at->ifa_netmask == nullptr) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    int length = 0;
    if (at->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      sockaddr_in mask{};
      std::memcpy(&address, at->ifa_addr, sizeof address);
      std::memcpy(&mask, at->ifa_netmask, sizeof mask);
      inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
      length = std::popcount(mask.sin_addr.s_addr);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      sockaddr_in6 mask{};
      std::memcpy(&address, at->ifa_addr, sizeof address);
      std::memcpy(&mask, at->ifa_netmask, sizeof mask);
      inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
      for (const std::uint8_t byte : mask.sin6_addr.s6_addr) length += std::popcount(byte);
    } else {
      continue;
    }
    found.push_back(fmt::format("{}/{}", text.data(), length));
  }
  return found;
}

std::optional<InterfaceFacts> facts_of(const std::string& name) {
  const Asker asker{name};
  const auto flags = asker.ask(SIOCGIFFLAGS);
  if (!flags) return std::nullopt;
  InterfaceFacts facts;
  facts.name = name;
  facts.up = (flags->ifr_flags & IFF_UP) != 0 && (flags->ifr_flags & IFF_RUNNING) != 0;
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (asker.ask(SIOCETHTOOL, &driver)) {
    facts.driver.assign(driver.driver, strnlen(driver.driver, sizeof driver.driver));
  }
  const auto hardware = asker.ask(SIOCGIFHWADDR);
  if (hardware && hardware->ifr_hwaddr.sa_family == ARPHRD_ETHER) {
    MacAddress::Bytes bytes{};
    std::memcpy(bytes.data(), hardware->ifr_hwaddr.sa_data, bytes.size());
    facts.mac = MacAddress{bytes}.to_string();
  }
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (asker.ask(SIOCETHTOOL, &channels)) {
    facts.queues = std::max(1U, channels.rx_count + channels.combined_count);
  }
  facts.addresses = addresses_of(name);
  facts.xdp = dataplane::xdp_state(name);
  facts.owner = dataplane::claim_owner(name);
  return facts;
}

std::string first_word(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::string word;
  file >> word;
  return word;
}

}  // namespace

std::vector<InterfaceFacts> interface_facts() {
  std::vector<InterfaceFacts> found;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> names{if_nameindex(),
                                                                                if_freenameindex};
  for (const auto* at = names.get(); at != nullptr && at->if_index != 0; ++at) {
    if (auto facts = facts_of(at->if_name)) found.push_back(std::move(*facts));
  }
  return found;
}

std::vector<PciFacts> pci_facts(const std::string& folder) {
  constexpr std::string_view kNetwork = "0x02";  // The class of network controllers.
  std::vector<PciFacts> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator{folder, none}) {
    if (!first_word(entry.path() / "class").starts_with(kNetwork)) continue;
    const auto link = std::filesystem::read_symlink(entry.path() / "driver", none);
    const std::string driver = none ? "" : link.filename().string();
    if (driver != "vfio-pci" && driver != "uio_pci_generic" && driver != "igb_uio") continue;
    const auto id = [&](const char* file) {
      const std::string word = first_word(entry.path() / file);
      return word.starts_with("0x") ? word.substr(2) : word;
    };
    found.push_back({.address = entry.path().filename().string(),
                     .driver = driver,
                     .device = fmt::format("{}:{}", id("vendor"), id("device"))});
  }
  std::ranges::sort(found, {}, &PciFacts::address);
  return found;
}

}  // namespace trawl::control
