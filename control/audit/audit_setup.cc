#include "control/audit/audit_setup.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "control/audit/host_ports.h"
#include "control/audit/os_setup.h"
#include "control/audit/probe_options.h"
#include "control/audit/through/through_setup.h"
#include "control/audit/zombie_option.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using Warn = std::function<void(std::string_view)>;

bool is_tcp(ScanType type) noexcept { return protocol_of(type) == PortProtocol::Tcp; }

// Effective capabilities of this process; there is no wrapper in the C library.
bool has_net_raw() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return ::geteuid() == 0;
  return (data[0].effective & (1U << CAP_NET_RAW)) != 0;
}

AuditResult<void> check_scans(const AuditOptions& options, bool raw) {
  const bool no_ports = options.ping_only || options.list_only;
  if (no_ports && (!options.scans.empty() || (options.ping_only && options.list_only))) {
    return bad_value("-sL and -sn (skip port scan) are not valid with any other scan types");
  }
  if (no_ports && (options.ports.fast || options.ports.ports)) {
    return bad_value(
        "You cannot use -F (fast scan) or -p (explicit port selection) when not doing a port scan");
  }
  if (std::ranges::count_if(options.scans, is_tcp) > 1) {
    return bad_value(
        "You specified more than one type of TCP scan.  Please choose only one of -sA, -b, -sT, "
        "-sF, -sI, -sM, -sN, -sS, -sW, and -sX");
  }
  const bool has_ip = std::ranges::count(options.scans, ScanType::IpProtocol) > 0;
  if (has_ip && options.scans.size() > 1) {
    return bad_value(
        "Sorry, the IPProtoscan (-sO) must currently be used alone rather than combined with other "
        "scan types.");
  }
  const bool only_connect = std::ranges::all_of(
      options.scans, [](ScanType type) { return is_connection(kind_of(type)); });
  if (!raw && !only_connect) {
    return bad_value(
        "You requested a scan type which requires root privileges (CAP_NET_RAW); -sT does not.");
  }
  const auto scans = [&options](ScanType type) {
    return std::ranges::count(options.scans, type) > 0;
  };
  if (options.defeats_rst_limit && !scans(ScanType::Syn) && (no_ports || !options.scans.empty())) {
    return bad_value("Option --defeat-rst-ratelimit works only with a SYN scan (-sS)");
  }
  if (options.defeats_icmp_limit && !scans(ScanType::Udp)) {
    return bad_value("Option --defeat-icmp-ratelimit works only with a UDP scan (-sU)");
  }
  if (!raw && options.traceroute) {
    return bad_value("Traceroute has to be run as root (CAP_NET_RAW).");
  }
  if (!raw && options.fragment != 0) {
    return bad_value("Sorry, but fragscan requires root privileges.");
  }
  if (options.ipv6 && (options.fragment != 0 || options.random_targets)) {
    return bad_value(
        "Random targets, FTP bounce scan, and fragmentation are not supported with IPv6.");
  }
  return {};
}

void warn_of_ignored(const AuditOptions& options, bool raw, const Warn& warn) {
  const ProbeStyle& style = options.style;
  const bool wants_raw = options.decoys || style.bad_checksum || style.ttl || style.scan_flags ||
                         style.has_data || !style.ip_options.empty() ||
                         !options.spoof_mac.empty() || options.fragment != 0;
  const bool connects =
      !options.proxies.empty() || std::ranges::any_of(options.scans, [](ScanType type) {
        return is_connection(kind_of(type));
      });
  if (!options.zombie.empty() && (options.decoys || style.has_data || style.scan_flags)) {
    warn("Decoys (-D), data and --scanflags are not used by the idle scan.");
  }
  if (!wants_raw || (raw && !connects)) return;
  warn("You have specified some options that require raw socket access.");
  warn(raw ? "These options will not be honored for TCP Connect scan."
           : "These options will not be honored without the necessary privileges.");
}

void warn_of_servers(const AuditOptions& options, const Warn& warn) {
  const auto& servers = options.names.servers;
  const bool asks_servers = options.reverse_dns && !options.names.asks_system;
  if (!asks_servers || options.lists_interfaces || !servers || !servers->empty()) return;
  warn(
      "mass_dns: warning: Unable to determine any DNS servers. Reverse DNS is disabled. Try using "
      "--system-dns or specify valid servers with --dns-servers");
}

std::string_view flags_text(const AuditOptions& options, ScanType type) {
  static std::string text;  // Of the one --scanflags there can be.
  if (!options.style.scan_flags || !is_tcp(type) || is_connection(kind_of(type))) return {};
  constexpr std::string_view kNames[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
  text.clear();
  for (unsigned i = 0; i < 8; ++i) {
    if ((*options.style.scan_flags >> i & 1U) != 0) text += kNames[i];
  }
  return text;
}

AuditResult<void> add_scans(const AuditOptions& options, std::vector<ScanType> types,
                            const AuditTables& tables, AuditSetup& setup, PortChoice& choice,
                            const Warn& warn) {
  PortRequest request = options.ports;
  for (const ScanType type : types) {
    switch (protocol_of(type)) {
      case PortProtocol::Udp: request.udp = true; break;
      case PortProtocol::Sctp: request.sctp = true; break;
      case PortProtocol::Ip: request.ip = true; break;
      default: request.tcp = true; break;
    }
  }
  auto chosen = choose_ports(request, tables.services(), tables.protocols());
  if (!chosen) return tl::unexpected{chosen.error()};
  choice = std::move(*chosen);
  for (const std::string& warning : choice.warnings) warn(warning);
  choice.warnings.clear();
  std::mt19937_64 random{std::random_device{}()};
  setup.plan.types = types;
  for (const ScanType type : types) {
    const PortProtocol protocol = protocol_of(type);
    const std::vector<std::uint16_t>& ports = choice.of(protocol);
    if (ports.empty()) continue;
    setup.scans.push_back({.type = xml_name_of(type),
                           .scan_flags = flags_text(options, type),
                           .protocol = protocol,
                           .ports = ports});
    setup.plan.scans.push_back(scan_of_ports(type, ports, options, random));
  }
  return {};
}

}  // namespace

AuditResult<std::unique_ptr<AuditTables>> AuditTables::load(const AuditOptions& options) {
  auto services = ServiceTable::load(options.datadir, options.servicedb);
  if (!services) return tl::unexpected{services.error()};
  return std::unique_ptr<AuditTables>{
      new AuditTables{std::move(*services), ProtocolTable::load(options.datadir), options.datadir}};
}

std::string_view AuditTables::name(PortProtocol protocol, std::uint16_t number) const {
  if (protocol == PortProtocol::Ip) return protocols_.name(static_cast<std::uint8_t>(number));
  return services_.name(protocol, number);
}

bool may_send_raw(const AuditOptions& options) {
  if (options.is_privileged) return *options.is_privileged;
  if (std::getenv("NMAP_PRIVILEGED") != nullptr) return true;
  if (std::getenv("NMAP_UNPRIVILEGED") != nullptr) return false;
  return has_net_raw();
}

AuditResult<AuditSetup> set_up_audit(const AuditOptions& options, const AuditTables& tables,
                                     service::NameResolver& resolver, const Warn& warn) {
  if (auto checked = check_through(options); !checked) return tl::unexpected{checked.error()};
  const bool may_raw = may_send_raw(options);
  const bool raw = may_raw && options.proxies.empty();
  if (auto checked = check_scans(options, raw); !checked) return tl::unexpected{checked.error()};
  if (auto checked = check_os(options, raw); !checked) return tl::unexpected{checked.error()};
  warn_of_ignored(options, may_raw, warn);
  auto timing = timing_of(options);
  if (!timing) return tl::unexpected{timing.error()};
  warn_of_servers(options, warn);
  AuditSetup setup;
  setup.scans_ports = !options.ping_only && !options.list_only;
  AuditPlan& plan = setup.plan;
  plan.timing = *timing;
  plan.asks_neighbours = options.arp_ping && !options.through_kernel;
  plan.ignores_resets = options.ignores_resets;
  plan.random_ports = options.random_ports;
  plan.may_have_own_ports =
      !options.target_files.empty() || std::ranges::any_of(options.targets, [](const auto& target) {
        return target.find(':') != std::string::npos;
      });
  plan.defeats_rst_limit = options.defeats_rst_limit;
  plan.defeats_icmp_limit = options.defeats_icmp_limit;
  plan.reverse_dns = wants_reverse_dns(options);
  plan.names_downs = options.names_downs;
  plan.names = options.names;
  plan.style = options.style;
  PortChoice choice;
  if (setup.scans_ports) {
    std::vector<ScanType> types = options.scans;
    if (types.empty()) types.push_back(raw ? ScanType::Syn : ScanType::Connect);
    if (auto added = add_scans(options, std::move(types), tables, setup, choice, warn); !added) {
      return tl::unexpected{added.error()};
    }
  }
  if (!options.no_ping && (options.proxies.empty() || !options.pings.empty())) {
    auto discovery = discovery_probes(options, raw, tables, choice, warn);
    if (!discovery) return tl::unexpected{discovery.error()};
    for (const std::string& warning : choice.warnings) warn(warning);
    plan.discovery = std::make_shared<ProbeSet>(ScanType::Discovery, std::move(*discovery));
  }
  plan.excluded_ports = choice.excluded;
  const auto needs_raw = [](const ProbeSet& set) {
    return std::ranges::any_of(set.specs(),
                               [](const ProbeSpec& spec) { return !is_connection(spec.kind); });
  };
  plan.raw = (plan.discovery && needs_raw(*plan.discovery)) ||
             std::ranges::any_of(plan.scans, [&](const auto& scan) { return needs_raw(*scan); });
  // Targets may have ports of their own where nobody else has any.
  plan.raw = plan.raw || std::ranges::any_of(plan.types, [](ScanType type) {
               return !is_connection(kind_of(type));
             });
  plan.traceroute = options.traceroute;
  plan.raw = plan.raw || options.traceroute || (options.os.is_wanted && setup.scans_ports);
  if (!options.zombie.empty()) {
    auto zombie = find_zombie(options, tables, resolver, warn);
    if (!zombie) return tl::unexpected{zombie.error()};
    plan.zombie = std::move(*zombie);
  }
  if (!plan.raw) plan.asks_neighbours = false;
  if (auto styled = choose_addresses(options, tables, resolver, plan, warn); !styled) {
    return tl::unexpected{styled.error()};
  }
  if (auto chosen = choose_ways(options, resolver, plan, warn); !chosen) {
    return tl::unexpected{chosen.error()};
  }
  return setup;
}

}  // namespace trawl::control
