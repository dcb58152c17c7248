#include "dataplane/kernel_interface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

namespace trawl::dataplane {
namespace {

std::string read_file(const char* path) {
  const std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Ipv4Address address_of(const sockaddr* address) noexcept {
  return Ipv4Address{ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr)};
}

// /proc/net/route prints addresses as the hexadecimal of their bytes in host order.
std::optional<std::uint32_t> parse_route_word(const std::string& text) noexcept {
  std::uint32_t raw = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), raw, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return ntohl(raw);
}

// /proc/net prints IPv6 addresses as 32 hexadecimal digits in the order of the wire.
std::optional<Ipv6Address> parse_hex_address(const std::string& text) noexcept {
  if (text.size() != 32) return std::nullopt;
  Uint128 value = 0;
  for (const std::size_t half : {std::size_t{0}, std::size_t{16}}) {
    std::uint64_t part = 0;
    const char* const stop = text.data() + half + 16;
    const auto [end, error] = std::from_chars(text.data() + half, stop, part, 16);
    if (error != std::errc{} || end != stop) return std::nullopt;
    value = value << 64U | part;
  }
  return Ipv6Address{value};
}

std::optional<unsigned> parse_hex(const std::string& text) noexcept {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

KernelInterface::Standing standing_of(unsigned flags) noexcept {
  constexpr unsigned kDeprecated = 0x20;  // IFA_F_DEPRECATED
  constexpr unsigned kTentative = 0x40;   // IFA_F_TENTATIVE
  if ((flags & kTentative) != 0) return KernelInterface::Standing::Tentative;
  if ((flags & kDeprecated) != 0) return KernelInterface::Standing::Deprecated;
  return KernelInterface::Standing::Preferred;
}

}  // namespace

KernelInterface KernelInterface::look_up(const std::string& name) {
  KernelInterface found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) == 0) {
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, freeifaddrs};
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
      if (name != at->ifa_name || at->ifa_addr == nullptr || at->ifa_netmask == nullptr) continue;
      if (at->ifa_addr->sa_family != AF_INET) continue;
      const Ipv4Address address = address_of(at->ifa_addr);
      const auto length = static_cast<unsigned>(std::popcount(address_of(at->ifa_netmask).value()));
      found.addresses.push_back(Assigned{address, Ipv4Prefix{address, length}});
    }
  }
  found.read_routes(read_file("/proc/thread-self/net/route"), name);
  found.read_arp(read_file("/proc/thread-self/net/arp"), name);
  found.read_addresses6(read_file("/proc/thread-self/net/if_inet6"), name);
  found.read_routes6(read_file("/proc/thread-self/net/ipv6_route"), name);
  return found;
}

void KernelInterface::read_routes(std::string_view text, std::string_view name) {
  std::istringstream lines{std::string{text}};
  std::string line;
  int widest = 33;
  while (std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string interface, destination, via, flags, ignored, mask;
    fields >> interface >> destination >> via >> flags >> ignored >> ignored >> ignored >> mask;
    if (!fields || interface != name) continue;
    const auto hop = parse_route_word(via);
    const auto bits = parse_route_word(mask);
    if (!hop || !bits) continue;
    const int length = std::popcount(*bits);
    if (*hop == 0 || length >= widest) continue;
    gateway_mac.reset();
    gateway = Ipv4Address{*hop};
    widest = length;
  }
}

void KernelInterface::read_arp(std::string_view text, std::string_view name) {
  std::istringstream lines{std::string{text}};
  std::string line;
  while (gateway && std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string address, type, flags, mac, mask, interface;
    fields >> address >> type >> flags >> mac >> mask >> interface;
    constexpr unsigned long kComplete = 0x2;  // ATF_COM; a permanent entry has more bits set.
    if (!fields || interface != name) continue;
    if ((std::strtoul(flags.c_str(), nullptr, 16) & kComplete) == 0) continue;
    if (Ipv4Address::parse(address) == gateway) gateway_mac = MacAddress::parse(mac);
  }
}

void KernelInterface::read_addresses6(std::string_view text, std::string_view name) {
  constexpr unsigned kLinkScope = 0x20;
  constexpr unsigned kDuplicate = 0x08;  // IFA_F_DADFAILED: another host has the address.
  std::istringstream lines{std::string{text}};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string address, index, length, scope, flags, interface;
    fields >> address >> index >> length >> scope >> flags >> interface;
    if (!fields || interface != name) continue;
    const auto value = parse_hex_address(address);
    const auto bits = parse_hex(length);
    const auto reach = parse_hex(scope);
    const auto state = parse_hex(flags);
    if (!value || !bits || *bits > Ipv6Address::kBits || !reach || !state) continue;
    if (*reach == kLinkScope || (*state & kDuplicate) != 0) continue;
    addresses6.push_back(Assigned6{*value, Ipv6Prefix{*value, *bits}, standing_of(*state)});
  }
}

Ipv6Address KernelInterface::source_for(const RankedSet<Ipv6Address>& targets) const {
  const Ipv6Prefix unique_local{Ipv6Address{Uint128{0xfc} << 120U}, 7};
  const Ipv6Address below{unique_local.first().value() - 1};
  const Ipv6Address above{unique_local.last().value() + 1};
  const bool local_targets = !targets.intersects({Ipv6Address{}, below}) &&
                             !targets.intersects({above, Ipv6Address{~Uint128{0}}});
  const auto rank = [&](const Assigned6& own) {
    return std::pair{own.standing, unique_local.contains(own.address) != local_targets};
  };
  const auto best =
      std::min_element(addresses6.begin(), addresses6.end(),
                       [&](const Assigned6& a, const Assigned6& b) { return rank(a) < rank(b); });
  return best->address;
}

void KernelInterface::read_routes6(std::string_view text, std::string_view name) {
  std::istringstream lines{std::string{text}};
  std::string line;
  unsigned widest = Ipv6Address::kBits + 1;
  while (std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string destination, length, source, source_length, via, metric, used, count, flags;
    std::string interface;
    fields >> destination >> length >> source >> source_length >> via >> metric >> used >> count >>
        flags >> interface;
    if (!fields || interface != name) continue;
    const auto hop = parse_hex_address(via);
    const auto bits = parse_hex(length);
    if (!hop || !bits || *bits > Ipv6Address::kBits) continue;
    if (*hop == Ipv6Address{} || *bits >= widest) continue;
    gateway6 = *hop;
    widest = *bits;
  }
}

}  // namespace trawl::dataplane
