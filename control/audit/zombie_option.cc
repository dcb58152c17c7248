#include "control/audit/zombie_option.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace trawl::control {
namespace {

constexpr std::uint16_t kDefaultPort = 80;
constexpr std::uint16_t kDefaultPingPort = 443;

// The first TCP port that host discovery asks.
std::uint16_t ping_port(const AuditOptions& options, const AuditTables& tables) {
  if (options.no_ping) return kDefaultPort;
  if (options.pings.empty()) return kDefaultPingPort;
  for (const char kind : {'S', 'A'}) {
    for (const AuditOptions::Ping& ping : options.pings) {
      if (ping.kind != kind || ping.ports.empty()) continue;
      PortChoice none;
      const auto ports = parse_discovery_ports(ping.ports, PortProtocol::Tcp, "-P",
                                               tables.services(), tables.protocols(), none);
      if (ports && !ports->empty()) return ports->front();
    }
  }
  return kDefaultPort;
}

}  // namespace

AuditResult<ZombieWords> parse_zombie(std::string_view text) {
  const std::size_t colon = text.find(':');
  ZombieWords words{.host = std::string{text.substr(0, colon)}, .port = {}};
  if (words.host.empty()) {
    return bad_value(fmt::format("Invalid IP ID zombie specification: {}", text));
  }
  if (colon == std::string_view::npos) return words;
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || stop != digits.data() + digits.size() || port == 0) {
    return bad_value(
        fmt::format("Invalid port number given in IP ID zombie specification: {}", text));
  }
  words.port = port;
  return words;
}

AuditResult<ZombieHost> find_zombie(const AuditOptions& options, const AuditTables& tables,
                                    service::NameResolver& resolver,
                                    const std::function<void(std::string_view)>& warn) {
  const auto words = parse_zombie(options.zombie);
  if (!words) return tl::unexpected{words.error()};
  if (options.ipv6) return bad_value("Sorry, the idle scan (-sI) does not support IPv6.");
  if (options.no_ping && options.fragment != 0) {
    return bad_value(
        "Fragscan only works with TCP, ICMP Timestamp or ICMP Mask (mtu=8) ping types or ACK, FIN, "
        "Maimon, NULL, SYN, Window, and XMAS scan types");
  }
  if (!options.no_ping) {
    warn(
        "WARNING: Many people use -Pn w/Idlescan to prevent pings from their true IP.  On the "
        "other hand, timing info Nmap gains from pings can allow for faster, more reliable scans.");
  }
  const auto answer = resolver.resolve(words->host, AddressFamily::V4);
  if (answer.addresses.empty()) {
    return bad_value(fmt::format("Could not resolve idle scan zombie host \"{}\"", words->host));
  }
  return ZombieHost{.ip = answer.addresses.front(),
                    .name = words->host,
                    .port = words->port ? *words->port : ping_port(options, tables)};
}

}  // namespace trawl::control
