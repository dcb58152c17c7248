#include "control/audit/probe_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <random>
#include <utility>

#include "dataplane/packet/route_table.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using Warn = std::function<void(std::string_view)>;
using dataplane::wire::kAck;
using dataplane::wire::kSyn;

constexpr std::size_t kMostDecoys = 128;

void add(std::vector<ProbeSpec>& probes, const ProbeSpec& spec) {
  if (std::ranges::find(probes, spec) == probes.end()) probes.push_back(spec);
}

struct PingKind {
  PortProtocol protocol;
  ProbeKind kind;
  std::uint8_t flags;
  std::string_view default_ports;
};

std::optional<PingKind> ping_kind(char letter) noexcept {
  switch (letter) {
    case 'S': return PingKind{PortProtocol::Tcp, ProbeKind::Tcp, kSyn, "80"};
    case 'A': return PingKind{PortProtocol::Tcp, ProbeKind::Tcp, kAck, "80"};
    case 'U': return PingKind{PortProtocol::Udp, ProbeKind::Udp, 0, "40125"};
    case 'Y': return PingKind{PortProtocol::Sctp, ProbeKind::SctpInit, 0, "80"};
    case 'O': return PingKind{PortProtocol::Ip, ProbeKind::IpProtocol, 0, "1,2,4"};
    default: return std::nullopt;
  }
}

AuditResult<std::vector<ProbeSpec>> connect_probes(const AuditOptions& options,
                                                   const AuditTables& tables, PortChoice& choice,
                                                   const Warn& warn) {
  std::vector<ProbeSpec> probes;
  bool had_icmp = false;
  for (const AuditOptions::Ping& ping : options.pings) {
    const auto kind = ping_kind(ping.kind);
    if (kind && kind->kind != ProbeKind::Tcp) {
      return bad_value(fmt::format(
          "Sorry, -P{} requires root privileges (CAP_NET_RAW); -PS and -PA do not.", ping.kind));
    }
    had_icmp = had_icmp || !kind;
    const std::string_view list = !kind || ping.ports.empty() ? "80" : std::string_view{ping.ports};
    const auto ports =
        parse_discovery_ports(list, PortProtocol::Tcp, fmt::format("-P{}", ping.kind),
                              tables.services(), tables.protocols(), choice);
    if (!ports) return tl::unexpected{ports.error()};
    for (const std::uint16_t port : *ports) add(probes, {ProbeKind::Connect, 0, port});
  }
  if (had_icmp) warn("Warning:  You are not root -- using TCP pingscan rather than ICMP");
  if (options.pings.empty()) {
    add(probes, {ProbeKind::Connect, 0, 80});
    add(probes, {ProbeKind::Connect, 0, 443});
  }
  return probes;
}

AuditResult<void> add_ping(const AuditOptions::Ping& ping, const AuditOptions& options,
                           const AuditTables& tables, PortChoice& choice,
                           std::vector<ProbeSpec>& probes) {
  const auto kind = ping_kind(ping.kind);
  if (!kind) {
    if (ping.kind != 'E' && options.ipv6) {
      return bad_value("ICMP Timestamp and Address Mask pings are only valid for IPv4.");
    }
    add(probes, {ping.kind == 'E'   ? ProbeKind::IcmpEcho
                 : ping.kind == 'P' ? ProbeKind::IcmpTimestamp
                                    : ProbeKind::IcmpMask,
                 0, 0});
    return {};
  }
  const std::string_view list =
      ping.ports.empty() ? kind->default_ports : std::string_view{ping.ports};
  const auto ports = parse_discovery_ports(list, kind->protocol, fmt::format("-P{}", ping.kind),
                                           tables.services(), tables.protocols(), choice);
  if (!ports) return tl::unexpected{ports.error()};
  for (const std::uint16_t port : *ports) add(probes, {kind->kind, kind->flags, port});
  return {};
}

// "02:00:00:12:34:56", "0" for any, "0200" for its beginning, "apple" for one of its makers'.
AuditResult<MacAddress> parse_spoofed(std::string_view text, const AuditTables& tables) {
  std::random_device random;
  MacAddress::Bytes bytes{};
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  if (text == "0") {
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0xfcU) | 0x02U);  // Ours, of one station.
    return MacAddress{bytes};
  }
  std::string digits;
  for (const char c : text) {
    if (c != ':' && c != '-') digits += c;
  }
  const bool hex = digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (hex && !digits.empty() && digits.size() % 2 == 0 && digits.size() <= 12) {
    for (std::size_t i = 0; i < digits.size() / 2; ++i) {
      (void)std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, bytes[i], 16);
    }
    return MacAddress{bytes};
  }
  if (hex && digits.size() > 12) {
    return bad_value(fmt::format(
        "Bogus --spoof-mac value encountered ({}) -- only up to 6 bytes permitted", text));
  }
  const auto prefix = tables.vendors().first_prefix_of_vendor(text);
  if (!prefix) {
    return bad_value(fmt::format(
        "Could not parse as a prefix nor find as a vendor substring the given --spoof-mac "
        "argument: {}.  If you are giving hex digits, there must be an even number of them.",
        text));
  }
  const unsigned free_bits = 48 - 4 * prefix->digits;
  const std::uint64_t low = MacAddress{bytes}.to_integer() & ((std::uint64_t{1} << free_bits) - 1);
  return MacAddress::from_integer(prefix->value << free_bits | low);
}

// An address beyond special-purpose space, as an innocent one would look.
IpAddress random_decoy(std::mt19937_64& random) {
  for (;;) {
    const auto value = static_cast<std::uint32_t>(random());
    const std::uint32_t top = value >> 24U;
    if (top != 0 && top != 10 && top != 127 && top < 224) return Ipv4Address{value};
  }
}

bool is_own(const IpAddress& address) {
  auto routes = dataplane::RouteTable::open();
  const auto route = routes ? routes->find(address) : std::nullopt;
  return route && route->is_local;
}

tl::unexpected<AuditError> too_many_decoys() {
  return bad_value(fmt::format("You are only allowed {} decoys", kMostDecoys));
}

AuditResult<void> parse_decoys(const AuditOptions& options, service::NameResolver& resolver,
                               AuditPlan& plan) {
  const auto family = options.ipv6 ? AddressFamily::V6 : AddressFamily::V4;
  std::mt19937_64 random{std::random_device{}()};
  std::string_view rest = *options.decoys;
  for (bool has_more = true; has_more;) {
    const std::string word{rest.substr(0, rest.find(','))};
    has_more = word.size() < rest.size();
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (word == "ME" || word == "me" || word == "Me") {
      if (plan.own_place) return bad_value("Can only use 'ME' as a decoy once.");
      plan.own_place = plan.decoys.size();
    } else if (word.size() >= 3 && (word.starts_with("RND") || word.starts_with("rnd"))) {
      unsigned count = 1;
      const std::string_view number = std::string_view{word}.substr(3);
      if (!number.empty()) {
        const char* const end = number.data() + number.size();
        const auto [stop, error] = std::from_chars(number.data() + 1, end, count);
        if (number[0] != ':' || error != std::errc{} || stop != end || count == 0 || options.ipv6) {
          return bad_value(fmt::format("Bad 'rnd' decoy \"{}\"", word));
        }
      }
      if (count > kMostDecoys) return too_many_decoys();
      for (; count > 0; --count) plan.decoys.push_back(random_decoy(random));
    } else {
      const auto answer = resolver.resolve(word, family);
      if (answer.addresses.empty()) {
        return bad_value(fmt::format("Failed to resolve decoy host \"{}\"", word));
      }
      plan.decoys.push_back(answer.addresses.front());
    }
    if (plan.decoys.size() > kMostDecoys) return too_many_decoys();
  }
  // Unsaid, our own probes hide somewhere among them.
  if (!plan.own_place) plan.own_place = random() % (plan.decoys.size() + 1);
  return {};
}

}  // namespace

AuditResult<std::vector<ProbeSpec>> discovery_probes(const AuditOptions& options, bool raw,
                                                     const AuditTables& tables, PortChoice& choice,
                                                     const Warn& warn) {
  if (!raw) return connect_probes(options, tables, choice, warn);
  std::vector<ProbeSpec> probes;
  for (const AuditOptions::Ping& ping : options.pings) {
    if (auto added = add_ping(ping, options, tables, choice, probes); !added) {
      return tl::unexpected{added.error()};
    }
  }
  // ICMP first, as Nmap sends it.
  std::stable_partition(probes.begin(), probes.end(), [](const ProbeSpec& spec) {
    return spec.kind == ProbeKind::IcmpEcho || spec.kind == ProbeKind::IcmpTimestamp ||
           spec.kind == ProbeKind::IcmpMask;
  });
  if (options.pings.empty()) {
    probes = {{ProbeKind::IcmpEcho, 0, 0}, {ProbeKind::Tcp, kSyn, 443}, {ProbeKind::Tcp, kAck, 80}};
    if (!options.ipv6) probes.push_back({ProbeKind::IcmpTimestamp, 0, 0});
    const auto& excluded = choice.excluded_of(PortProtocol::Tcp);
    std::erase_if(probes, [&](const ProbeSpec& spec) {
      return spec.kind == ProbeKind::Tcp && std::ranges::binary_search(excluded, spec.number);
    });
  }
  return probes;
}

AuditResult<void> choose_addresses(const AuditOptions& options, const AuditTables& tables,
                                   service::NameResolver& resolver, AuditPlan& plan,
                                   const Warn& warn) {
  plan.network.interface = options.interface;
  plan.network.fragment = options.fragment;
  plan.network.through_kernel = options.through_kernel;
  if (!options.interface.empty() && !dataplane::look_up_interface(options.interface)) {
    return bad_value(
        fmt::format("I cannot figure out what source address to use for device {}, does it even "
                    "exist?",
                    options.interface));
  }
  if (options.style.source_port == 0) {
    warn("WARNING: a source port of zero may not work on all systems.");
  }
  if (!options.source.empty()) {
    warn(
        "WARNING: If -S is being used to fake your source address, you may also have to use -e "
        "<interface> and -Pn .  If you are using it to specify your real source address, you can "
        "ignore this warning.");
    const auto source = IpAddress::parse(options.source);
    if (!source || source->is_v4() == options.ipv6) {
      return bad_value(fmt::format("Failed to resolve/decode supposed IPv{} source address \"{}\"",
                                   options.ipv6 ? 6 : 4, options.source));
    }
    if (options.interface.empty() && !is_own(*source)) {
      return bad_value(
          "Could not figure out what device to send the packet out on with the source address you "
          "gave me!  If you are trying to sp00f your scan, this is normal, just give the -e eth0 "
          "or -e ppp0 or whatever.  Otherwise you can still use -e, but I find it kind of fishy.");
    }
    plan.network.source = *source;
  }
  if (!options.spoof_mac.empty()) {
    const auto mac = parse_spoofed(options.spoof_mac, tables);
    if (!mac) return tl::unexpected{mac.error()};
    plan.network.source_mac = *mac;
  }
  if (options.decoys) return parse_decoys(options, resolver, plan);
  return {};
}

}  // namespace trawl::control
