// What the kernel says of interfaces, addresses and routes; see proc(5), netdevice(7).
#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>

#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "control/audit/interface_list.h"
#include "dataplane/packet/route_table.h"

namespace trawl::control {
namespace {

constexpr unsigned kRouteIsUp = 1;                         // RTF_UP.
constexpr std::size_t kMostBytes = std::size_t{64} << 20;  // Of a file of the kernel's.
constexpr std::size_t kIpv6Digits = 32;

// The words of a line, one after the other.
class Words {
 public:
  explicit Words(std::string_view line) noexcept : rest_{line} {}

  // "" at the end.
  std::string_view next() noexcept {
    const std::size_t begin = std::min(rest_.find_first_not_of(" \t"), rest_.size());
    const std::size_t end = std::min(rest_.find_first_of(" \t", begin), rest_.size());
    const std::string_view word = rest_.substr(begin, end - begin);
    rest_.remove_prefix(end);
    return word;
  }
  template <typename Number>
  bool read(Number& number, int base) noexcept {
    const std::string_view word = next();
    const auto [stop, error] =
        std::from_chars(word.data(), word.data() + word.size(), number, base);
    return error == std::errc{} && stop == word.data() + word.size();
  }
  bool read(Ipv6Address& address) noexcept {
    const std::string_view word = next();
    if (word.size() != kIpv6Digits) return false;
    std::array<std::uint64_t, 2> halves{};
    for (std::size_t i = 0; i < halves.size(); ++i) {
      const char* const begin = word.data() + i * kIpv6Digits / 2;
      const auto [stop, error] = std::from_chars(begin, begin + kIpv6Digits / 2, halves[i], 16);
      if (error != std::errc{} || stop != begin + kIpv6Digits / 2) return false;
    }
    address = Ipv6Address{Uint128{halves[0]} << 64U | halves[1]};
    return true;
  }

 private:
  std::string_view rest_;
};

template <typename Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// "" for one that is not there: a kernel without IPv6 has no table of it.
std::string read_kernel_file(const char* path) {
  std::ifstream file{path, std::ios::binary};
  std::string text;
  std::array<char, 65536> piece;
  while (text.size() < kMostBytes && (file.read(piece.data(), piece.size()) || file.gcount() > 0)) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  return text;
}

ListedInterface::Kind kind_of(unsigned flags, bool is_ethernet) noexcept {
  using enum ListedInterface::Kind;
  if ((flags & IFF_LOOPBACK) != 0) return Loopback;
  if ((flags & IFF_POINTOPOINT) != 0) return PointToPoint;
  return is_ethernet && (flags & IFF_NOARP) == 0 ? Ethernet : Other;
}

ListedInterface read_interface(const ifaddrs& entry) {
  ListedInterface interface;
  interface.name = entry.ifa_name;
  const auto facts = dataplane::look_up_interface(interface.name);
  interface.kind = kind_of(entry.ifa_flags, facts && facts->is_ethernet);
  interface.is_up = (entry.ifa_flags & IFF_UP) != 0;
  if (facts) interface.mtu = facts->mtu;
  if (facts && interface.kind == ListedInterface::Kind::Ethernet) interface.mac = facts->mac;
  return interface;
}

Ipv4Address ipv4_of(const sockaddr* address) noexcept {
  sockaddr_in v4{};
  std::memcpy(&v4, address, sizeof v4);
  return Ipv4Address{ntohl(v4.sin_addr.s_addr)};
}

// Addresses of one label have the mask of its first, as ioctl(2) by names tells it to Nmap.
void add_ipv4_addresses(const ifaddrs* entries, std::vector<ListedInterface>& interfaces) {
  std::map<std::string, unsigned> prefixes;
  for (const ifaddrs* entry = entries; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    const std::string label = entry->ifa_name;
    const unsigned own =
        entry->ifa_netmask == nullptr
            ? 0U
            : static_cast<unsigned>(std::popcount(ipv4_of(entry->ifa_netmask).value()));
    const unsigned prefix = prefixes.try_emplace(label, own).first->second;
    for (ListedInterface& interface : interfaces) {
      if (interface.name != label.substr(0, label.find(':'))) continue;
      interface.v4.push_back({.ip = ipv4_of(entry->ifa_addr), .prefix = prefix});
    }
  }
}

}  // namespace

Result<std::vector<ListedInterface>> read_interfaces() {
  ifaddrs* entries = nullptr;
  if (::getifaddrs(&entries) != 0) {
    return fail(ExitCode::Runtime, fmt::format("the kernel's interfaces cannot be read: {}",
                                               std::system_category().message(errno)));
  }
  std::vector<ListedInterface> interfaces;
  for (const ifaddrs* entry = entries; entry != nullptr; entry = entry->ifa_next) {
    // A tunnel has no address of its link.
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family == AF_PACKET) {
      interfaces.push_back(read_interface(*entry));
    }
  }
  add_ipv4_addresses(entries, interfaces);
  ::freeifaddrs(entries);
  for (NamedAddress& named : parse_ipv6_addresses(read_kernel_file("/proc/net/if_inet6"))) {
    for (ListedInterface& interface : interfaces) {
      if (interface.name == named.device) interface.v6.push_back(named.address);
    }
  }
  return interfaces;
}

// "veth0 000012C6 00000000 0001 0 0 0 00FFFFFF": device, destination, gateway, flags, references,
// uses, metric, mask. Addresses are those of memory, in network order.
std::vector<ListedRoute> parse_ipv4_routes(std::string_view text) {
  std::vector<ListedRoute> routes;
  for_each_line(text, [&routes](std::string_view line) {
    Words words{line};
    const std::string_view device = words.next();
    std::uint32_t destination = 0;
    std::uint32_t gateway = 0;
    std::uint32_t mask = 0;
    unsigned flags = 0;
    std::uint64_t metric = 0;
    const bool is_read = words.read(destination, 16) && words.read(gateway, 16) &&
                         words.read(flags, 16) && !words.next().empty() && !words.next().empty() &&
                         words.read(metric, 10) && words.read(mask, 16);
    if (!is_read || (flags & kRouteIsUp) == 0) return;
    ListedRoute route{.destination = Ipv4Address{ntohl(destination)},
                      .prefix = static_cast<unsigned>(std::popcount(mask)),
                      .device = std::string{device},
                      .metric = static_cast<int>(metric),
                      .gateway = {}};
    if (gateway != 0) route.gateway = Ipv4Address{ntohl(gateway)};
    routes.push_back(std::move(route));
  });
  return routes;
}

// Destination, its prefix, source, its prefix, gateway, metric, references, uses, flags, device;
// all numbers are hexadecimal.
std::vector<ListedRoute> parse_ipv6_routes(std::string_view text) {
  std::vector<ListedRoute> routes;
  for_each_line(text, [&routes](std::string_view line) {
    Words words{line};
    Ipv6Address destination;
    Ipv6Address source;
    Ipv6Address gateway;
    std::array<unsigned, 2> prefixes{};
    std::uint32_t metric = 0;
    unsigned flags = 0;
    const bool is_read = words.read(destination) && words.read(prefixes[0], 16) &&
                         words.read(source) && words.read(prefixes[1], 16) && words.read(gateway) &&
                         words.read(metric, 16) && !words.next().empty() && !words.next().empty() &&
                         words.read(flags, 16);
    const std::string_view device = words.next();
    if (!is_read || device.empty() || prefixes[0] > Ipv6Address::kBits) return;
    if ((flags & kRouteIsUp) == 0) return;
    ListedRoute route{.is_v4 = false,
                      .destination = destination,
                      .prefix = prefixes[0],
                      .device = std::string{device},
                      .metric = static_cast<int>(metric),
                      .gateway = {}};
    if (gateway.value() != 0) route.gateway = gateway;
    routes.push_back(std::move(route));
  });
  return routes;
}

// Address, number of the interface, prefix, scope, flags, device; all numbers are hexadecimal.
std::vector<NamedAddress> parse_ipv6_addresses(std::string_view text) {
  std::vector<NamedAddress> addresses;
  for_each_line(text, [&addresses](std::string_view line) {
    Words words{line};
    Ipv6Address address;
    unsigned prefix = 0;
    const bool is_read = words.read(address) && !words.next().empty() && words.read(prefix, 16) &&
                         !words.next().empty() && !words.next().empty();
    const std::string_view device = words.next();
    if (!is_read || device.empty() || prefix > Ipv6Address::kBits) return;
    addresses.push_back({std::string{device}, {.ip = address, .prefix = prefix}});
  });
  return addresses;
}

Result<std::string> interface_list() {
  const auto interfaces = read_interfaces();
  if (!interfaces) return Failure{interfaces.error()};
  const std::vector<ListedRoute> routes =
      listed_routes(*interfaces, parse_ipv4_routes(read_kernel_file("/proc/net/route")),
                    parse_ipv6_routes(read_kernel_file("/proc/net/ipv6_route")));
  return interface_list_text(*interfaces, routes);
}

}  // namespace trawl::control
