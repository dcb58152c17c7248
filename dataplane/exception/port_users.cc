#include "dataplane/exception/port_users.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

namespace trawl::dataplane {
namespace {

std::optional<std::uint32_t> parse_hex(std::string_view text) noexcept {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

IpAddress from_bytes6(const in6_addr& bytes) noexcept {
  Uint128 value = 0;
  for (const std::uint8_t byte : bytes.s6_addr) value = value << 8U | byte;
  return Ipv6Address{value};
}

// "0100007F" or 32 digits: words of the address as it lies in memory, each in host order.
std::optional<IpAddress> parse_address(std::string_view text) noexcept {
  constexpr std::size_t kDigits = 8;
  if (text.size() == kDigits) {
    const auto word = parse_hex(text);
    return word ? std::optional<IpAddress>{Ipv4Address{ntohl(*word)}} : std::nullopt;
  }
  if (text.size() != 4 * kDigits) return std::nullopt;
  Uint128 value = 0;
  for (std::size_t at = 0; at < text.size(); at += kDigits) {
    const auto word = parse_hex(text.substr(at, kDigits));
    if (!word) return std::nullopt;
    value = value << 32U | ntohl(*word);
  }
  return IpAddress{Ipv6Address{value}};  // A mapped one is of IPv4.
}

bool is_any(const IpAddress& address) noexcept {
  return address == IpAddress{} || address == IpAddress{Ipv6Address{}};
}

}  // namespace

std::vector<BoundSocket> parse_bound_sockets(std::string_view text, Protocol protocol) {
  constexpr std::uint32_t kTimeWait = 6;
  std::vector<BoundSocket> found;
  std::istringstream lines{std::string{text}};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string number, local, remote, state;
    fields >> number >> local >> remote >> state;
    const std::size_t colon = local.find(':');
    if (!fields || colon == std::string::npos) continue;
    const auto address = parse_address(std::string_view{local}.substr(0, colon));
    const auto port = parse_hex(std::string_view{local}.substr(colon + 1));
    const auto status = parse_hex(state);
    if (!address || !port || *port == 0 || *port > 0xffff || !status) continue;
    if (protocol == Protocol::Tcp && *status == kTimeWait) continue;
    found.push_back({protocol, *address, static_cast<std::uint16_t>(*port)});
  }
  return found;
}

bool is_disturbed(const BoundSocket& bound, const ScanTraffic& traffic,
                  const std::vector<IpAddress>& kernel) {
  if (!traffic.ports.contains(bound.port)) return false;
  const bool any = is_any(bound.address);
  // A socket of IPv6 for any address takes IPv4, too.
  if (any && bound.address.is_v4() && !traffic.is_v4()) return false;
  return std::ranges::any_of(traffic.sources, [&](const IpAddress& source) {
    return any ? std::ranges::binary_search(kernel, source) : source == bound.address;
  });
}

std::optional<BoundSocket> find_disturbed(const ScanTraffic& traffic) {
  const auto kernel = kernel_addresses();
  constexpr std::pair<const char*, Protocol> kTables[] = {{"tcp", Protocol::Tcp},
                                                          {"tcp6", Protocol::Tcp},
                                                          {"udp", Protocol::Udp},
                                                          {"udp6", Protocol::Udp}};
  for (const auto& [name, protocol] : kTables) {
    std::ifstream file{std::string{"/proc/thread-self/net/"} + name};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    for (const BoundSocket& bound : parse_bound_sockets(text, protocol)) {
      if (is_disturbed(bound, traffic, kernel)) return bound;
    }
  }
  return std::nullopt;
}

std::vector<IpAddress> kernel_addresses() {
  std::vector<IpAddress> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, freeifaddrs};
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    if (at->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, at->ifa_addr, sizeof address);
      found.emplace_back(Ipv4Address{ntohl(address.sin_addr.s_addr)});
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, at->ifa_addr, sizeof address);
      found.push_back(from_bytes6(address.sin6_addr));
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace trawl::dataplane
