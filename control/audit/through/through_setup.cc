#include "control/audit/through/through_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace trawl::control {
namespace {

using Warn = std::function<void(std::string_view)>;

std::optional<IpAddress> resolve(service::NameResolver& resolver, const std::string& host,
                                 AddressFamily family) {
  if (const auto ip = IpAddress::parse(host)) {
    return ip->is_v4() == (family == AddressFamily::V4) ? ip : std::nullopt;
  }
  const auto answer = resolver.resolve(host, family);
  return answer.addresses.empty() ? std::nullopt : std::optional{answer.addresses.front()};
}

AuditResult<void> choose_proxies(const AuditOptions& options, service::NameResolver& resolver,
                                 AuditPlan& plan) {
  for (ProxyHop hop : options.proxies) {
    auto ip = resolve(resolver, hop.host, AddressFamily::V4);
    if (!ip) ip = resolve(resolver, hop.host, AddressFamily::V6);
    if (!ip) return bad_value(fmt::format("Cannot initialize proxy node {}", hop.text()));
    hop.ip = *ip;
    plan.proxies.push_back(hop);
  }
  for (std::size_t i = 0; i < plan.proxies.size(); ++i) {
    const bool is_last = i + 1 == plan.proxies.size();
    const bool to_v6 = is_last ? options.ipv6 : !plan.proxies[i + 1].ip.is_v4();
    if (to_v6 && plan.proxies[i].kind == ProxyHop::Kind::Socks4) {
      return bad_value(fmt::format("SOCKS 4 knows no IPv6: {} cannot connect to {}.",
                                   plan.proxies[i].text(),
                                   is_last ? "targets" : plan.proxies[i + 1].text()));
    }
  }
  return {};
}

// Each proxy adds a round trip or two, and one of them connects to targets itself.
void be_fair(const AuditOptions& options, Timing& timing, std::size_t hops) {
  constexpr Moment kFirst{500'000};
  constexpr Moment kEach{250'000};
  const Moment least = kFirst + kEach * (hops - 1);
  if (!options.timing.min_rtt) timing.min_rtt = std::max(timing.min_rtt, least);
  if (!options.timing.initial_rtt) timing.initial_rtt *= hops + 1;
  if (!options.timing.max_rtt) {
    timing.max_rtt = std::max({timing.max_rtt, timing.initial_rtt, timing.min_rtt});
  }
  timing.initial_rtt =
      std::clamp(timing.initial_rtt, std::min(timing.min_rtt, timing.max_rtt), timing.max_rtt);
}

AuditResult<void> choose_bounce(const AuditOptions& options, service::NameResolver& resolver,
                                AuditPlan& plan, const Warn& warn) {
  BounceServer server = *options.bounce;
  if (server.assumes_password) {
    warn(fmt::format("Assuming {} is a username, and using the default password: {}", server.user,
                     server.password));
  }
  if (!options.no_ping) {
    warn(
        "Hint: if your bounce scan target hosts aren't reachable from here, remember to use -Pn so "
        "we don't try and ping them prior to the scan");
  }
  const auto ip = resolve(resolver, server.host, AddressFamily::V4);
  if (!ip) {
    return bad_value(
        fmt::format("Failed to resolve FTP bounce proxy hostname/IP: {}", server.host));
  }
  server.ip = *ip;
  plan.bounce = server;
  return {};
}

}  // namespace

AuditResult<void> check_through(const AuditOptions& options) {
  if (options.bounce && options.ipv6) {
    return bad_value(
        "Random targets, FTP bounce scan, and fragmentation are not supported with IPv6.");
  }
  if (options.proxies.empty()) return {};
  const auto directly = [](std::string_view what) {
    return bad_value(
        fmt::format("{} does not go through --proxies: packets would leave for targets directly. "
                    "-sT, -PS and -Pn do.",
                    what));
  };
  for (const ScanType type : options.scans) {
    if (type != ScanType::Connect) {
      return directly(fmt::format("The {} scan", xml_name_of(type)));
    }
  }
  for (const AuditOptions::Ping& ping : options.pings) {
    if (ping.kind != 'S') return directly(fmt::format("-P{}", ping.kind));
  }
  if (options.traceroute) return directly("--traceroute");
  if (options.decoys) return directly("-D");
  if (options.style.source_port) {
    return bad_value("-g does not go with --proxies: each connection needs a port of its own.");
  }
  return {};
}

AuditResult<void> choose_ways(const AuditOptions& options, service::NameResolver& resolver,
                              AuditPlan& plan, const Warn& warn) {
  if (options.bounce) {
    if (auto chosen = choose_bounce(options, resolver, plan, warn); !chosen) return chosen;
  }
  if (options.proxies.empty()) return {};
  if (auto chosen = choose_proxies(options, resolver, plan); !chosen) return chosen;
  be_fair(options, plan.timing, plan.proxies.size());
  if (options.list_only) return {};
  warn(fmt::format("Everything goes through {} prox{}{}{}.", plan.proxies.size(),
                   plan.proxies.size() == 1 ? "y" : "ies",
                   plan.discovery ? "" : "; hosts count as up (-Pn)",
                   plan.reverse_dns ? "" : "; no reverse DNS"));
  return {};
}

}  // namespace trawl::control
