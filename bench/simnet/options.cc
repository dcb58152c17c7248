#include "bench/simnet/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "bench/simnet/option_values.h"

namespace trawl::simnet {
namespace {

constexpr double kMostRttMs = 60'000;

Result<void> set_share(double& into, std::string_view text) {
  return parse_share(text).map([&](double share) { into = share; });
}

Result<void> add_densities(std::vector<PortDensity>& into, std::string_view text) {
  return each_piece(text, [&](std::string_view piece) -> Result<void> {
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      return bad(fmt::format("'{}' is not PORT=DENSITY, like 80=0.3", shown(piece)));
    }
    const auto range = parse_port_range(piece.substr(0, equals));
    if (!range) return tl::unexpected{range.error()};
    const auto share = parse_share(piece.substr(equals + 1));
    if (!share) return tl::unexpected{share.error()};
    into.push_back(PortDensity{range->first, range->last, *share});
    return {};
  });
}

Result<void> set_rtt(PopulationOptions& options, std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto low = parse_number<double>(text.substr(0, dash));
  const auto high =
      dash == std::string_view::npos ? low : parse_number<double>(text.substr(dash + 1));
  if (!low || !high || !(*low >= 0) || !(*high >= *low) || !(*high <= kMostRttMs)) {
    return bad(fmt::format("'{}' is not a time or a rising MIN-MAX in milliseconds, 0 to {:.0f}",
                           shown(text), kMostRttMs));
  }
  using Milliseconds = std::chrono::duration<double, std::milli>;
  options.rtt_min = std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds{*low});
  options.rtt_max = std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds{*high});
  return {};
}

Result<void> set_rate_limit(PopulationOptions& options, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return bad(fmt::format("'{}' is not SHARE=PPS, like 0.1=50", shown(text)));
  }
  const auto share = parse_share(text.substr(0, equals));
  if (!share) return tl::unexpected{share.error()};
  const auto rate = parse_rate(text.substr(equals + 1));
  if (!rate) return tl::unexpected{rate.error()};
  options.limited = *share;
  options.limited_rate = *rate;
  return {};
}

Result<void> add_host(std::vector<FixedHost>& into, std::string_view text) {
  const std::size_t colon = text.find(':');
  const auto address = parse_address(text.substr(0, colon));
  if (!address) return tl::unexpected{address.error()};
  FixedHost host{*address, {}};
  if (colon != std::string_view::npos) {
    auto ports = parse_ports(text.substr(colon + 1));
    if (!ports) return tl::unexpected{ports.error()};
    host.open_ports = std::move(*ports);
  }
  into.push_back(std::move(host));
  return {};
}

Result<void> add_address(std::vector<Ipv4Address>& into, std::string_view text) {
  return parse_address(text).map([&](Ipv4Address address) { into.push_back(address); });
}

Result<void> add_prefix(std::vector<Ipv4Prefix>& into, std::string_view text) {
  return parse_prefix(text).map([&](Ipv4Prefix prefix) { into.push_back(prefix); });
}

Result<void> set_seed(PopulationOptions& options, std::string_view text) {
  const auto value = parse_number<std::uint64_t>(text);
  if (!value) return bad(fmt::format("'{}' is not a number from 0 to 2^64-1", shown(text)));
  options.seed = *value;
  return {};
}

Result<void> set_forged(PopulationOptions& options, std::string_view text) {
  constexpr double kMost = 0.9999;
  const auto share = parse_share(text);
  if (!share) return tl::unexpected{share.error()};
  if (*share > kMost) {
    return bad(fmt::format("'{}' leaves no genuine replies; at most {} may be forged", shown(text),
                           kMost));
  }
  options.forged = *share;
  return {};
}

Result<void> set_prefix6(PopulationOptions& options, std::string_view text) {
  constexpr unsigned kLongest = 112;
  const auto prefix = Ipv6Prefix::parse(text);
  if (!prefix || prefix->length() > kLongest) {
    return bad(fmt::format("'{}' is not an IPv6 prefix of at most {} bits, like 2001:db8::/32",
                           shown(text), kLongest));
  }
  options.prefix6 = *prefix;
  return {};
}

Result<void> set_switch(bool& into, std::string_view text) {
  if (text != "true" && text != "false") {
    return bad(fmt::format("'{}' is neither true nor false", shown(text)));
  }
  into = text == "true";
  return {};
}

constexpr std::uint64_t kMostIpv6Hosts = std::uint64_t{1} << 22U;

using Options = PopulationOptions;
using Text = std::string_view;

constexpr std::array kOptions{
    PopulationOption{"prefix", "PREFIX", "Simulate the hosts of PREFIX (repeatable; 198.18.0.0/15)",
                     [](Options& o, Text t) { return add_prefix(o.prefixes, t); }},
    PopulationOption{"prefix6", "PREFIX", "Simulate IPv6 hosts scattered over PREFIX (none)",
                     [](Options& o, Text t) { return set_prefix6(o, t); }},
    PopulationOption{
        "live6", "NUMBER", "How many of them there are (1000)",
        [](Options& o, Text t) { return store(parse_whole(t, 1, kMostIpv6Hosts), o.live6); }},
    PopulationOption{"seed", "NUMBER", "Draw everything from this seed (1)",
                     [](Options& o, Text t) { return set_seed(o, t); }},
    PopulationOption{"live", "SHARE", "Share of the addresses that exist (0.2)",
                     [](Options& o, Text t) { return set_share(o.live, t); }},
    PopulationOption{"open", "PORT=DENSITY,...",
                     "Share of live hosts with PORT open (80=0.3,443=0.35,22=0.2)",
                     [](Options& o, Text t) { return add_densities(o.open, t); }},
    PopulationOption{"open-default", "DENSITY", "The same for every other port (0.01)",
                     [](Options& o, Text t) { return set_share(o.open_default, t); }},
    PopulationOption{"drop", "SHARE", "Share of live hosts silent about closed ports (0.3)",
                     [](Options& o, Text t) { return set_share(o.drop, t); }},
    PopulationOption{"unreachable", "SHARE",
                     "Share of dead addresses with an ICMP host-unreachable (0.02)",
                     [](Options& o, Text t) { return set_share(o.unreachable, t); }},
    PopulationOption{"udp-open", "PORT=DENSITY,...",
                     "Share of live hosts with UDP PORT open (53=0.05,123=0.05,161=0.03)",
                     [](Options& o, Text t) { return add_densities(o.udp_open, t); }},
    PopulationOption{"udp-open-default", "DENSITY", "The same for every other UDP port (0.002)",
                     [](Options& o, Text t) { return set_share(o.udp_open_default, t); }},
    PopulationOption{"udp-drop", "SHARE", "Share of live hosts silent about closed UDP ports (0.5)",
                     [](Options& o, Text t) { return set_share(o.udp_drop, t); }},
    PopulationOption{"udp-silent", "PORT=DENSITY,...",
                     "Share of live hosts that say nothing of UDP PORT, open or not (none)",
                     [](Options& o, Text t) { return add_densities(o.udp_silent, t); }},
    PopulationOption{"talk", "KIND=SHARE,...",
                     "Hold conversations: that share of the open ports is ssh, http, tls, smtp, "
                     "slow, big, mute-close, zero-window, reset, tarpit or syn-proxy, the rest "
                     "silent (none: ports answer SYNs only)",
                     [](Options& o, Text t) { return set_talk(o.talk, t); }},
    PopulationOption{"talk-ports", "PORT=SERVICE[:SHARE],...",
                     "That share (1) of the services on PORT is SERVICE",
                     [](Options& o, Text t) { return add_talk_ports(o.talk, t); }},
    PopulationOption{"talk-limit", "NUMBER",
                     "Hold so many conversations at once; the oldest make room (1048576)",
                     [](Options& o, Text t) { return set_talk_limit(o.talk, t); }},
    PopulationOption{"middlebox", "SHARE",
                     "Share of /24s where something answers SYNs to every port of every address "
                     "(0)",
                     [](Options& o, Text t) { return set_share(o.talk.middlebox, t); }},
    PopulationOption{"families", "FILE",
                     "Hosts are of the operating systems in FILE, signatures of SYN-ACKs as "
                     "data/os-signatures has them: each draws a family, then a signature (none)",
                     [](Options& o, Text t) -> Result<void> {
                       o.families = t;
                       return {};
                     }},
    PopulationOption{"forwarded", "SHARE",
                     "Share of these hosts half of whose ports are on another machine (0)",
                     [](Options& o, Text t) { return set_share(o.forwarded, t); }},
    PopulationOption{"personality", "FILE[:ENTRY|:random]",
                     "Live hosts answer as the OS of an entry of FILE, which is like nmap-os-db: "
                     "the one of this name or line, or one drawn for each (none)",
                     [](Options& o, Text t) { return set_personality(o.personality, t); }},
    PopulationOption{"personality-hosts", "FILE",
                     "Only the hosts in FILE do, which are live: ADDRESS LINE, the line of the "
                     "entry (all)",
                     [](Options& o, Text t) -> Result<void> {
                       o.personality.hosts = t;
                       return {};
                     }},
    PopulationOption{
        "personality-hops", "NUMBER", "How many routers are before these hosts, 0 to 30 (0)",
        [](Options& o, Text t) {
          return parse_whole(t, 0, PersonalityOptions::kMostHops).map([&](std::uint64_t n) {
            o.personality.hops = static_cast<std::uint8_t>(n);
          });
        }},
    PopulationOption{"rtt", "MIN-MAX", "Round-trip time of a host in ms, uniform (0)",
                     [](Options& o, Text t) { return set_rtt(o, t); }},
    PopulationOption{"loss-in", "SHARE", "Share of packets lost on the way to a host (0)",
                     [](Options& o, Text t) { return set_share(o.way_in.loss, t); }},
    PopulationOption{"loss-out", "SHARE", "Share of replies lost on the way back (0)",
                     [](Options& o, Text t) { return set_share(o.way_out.loss, t); }},
    PopulationOption{"loss-bursts-in", "MEAN,TIME[,bad=SHARE][,good=SHARE][,path]",
                     "Loss in bursts on the way to a host: MEAN of all, in bad spells of TIME on "
                     "average that a whole /24 (with path: everything) has at once",
                     [](Options& o, Text t) { return set_bursts(o.way_in.bursts, t); }},
    PopulationOption{"loss-bursts-out", "MEAN,TIME[,bad=SHARE][,good=SHARE][,path]",
                     "The same on the way back",
                     [](Options& o, Text t) { return set_bursts(o.way_out.bursts, t); }},
    PopulationOption{
        "bottleneck-in", "RATE[,queue=N][,burst=N]",
        "Let RATE packets/s (200k) or bits/s (100Mbit) through to the hosts; N packets "
        "or bytes wait, the rest is dropped",
        [](Options& o, Text t) { return set_bottleneck(o.way_in.bottleneck, t); }},
    PopulationOption{"bottleneck-out", "RATE[,queue=N][,burst=N]", "The same on the way back",
                     [](Options& o, Text t) { return set_bottleneck(o.way_out.bottleneck, t); }},
    PopulationOption{
        "steps-in", "TIME:RATE,...",
        "New rates of --bottleneck-in, counted from the first packet (5s:200k,10s:50k)",
        [](Options& o, Text t) { return set_steps(o.way_in.bottleneck, t); }},
    PopulationOption{"steps-out", "TIME:RATE,...", "New rates of --bottleneck-out",
                     [](Options& o, Text t) { return set_steps(o.way_out.bottleneck, t); }},
    PopulationOption{"rate-limit", "SHARE=PPS",
                     "That share of live hosts sends at most PPS replies",
                     [](Options& o, Text t) { return set_rate_limit(o, t); }},
    PopulationOption{"network-rate", "PPS[,burst=N]",
                     "Each /24 sends at most PPS replies, N at once (1)",
                     [](Options& o, Text t) { return set_network_rate(o.network_rate, t); }},
    PopulationOption{"network-refusals", "PPS[,burst=N]",
                     "The same for its resets and ICMP errors alone",
                     [](Options& o, Text t) { return set_network_rate(o.network_refusals, t); }},
    PopulationOption{"storm", "SHARE,COUNT[,TIME]",
                     "That share of live hosts repeats a SYN-ACK, up to COUNT times, TIME apart "
                     "(1ms)",
                     [](Options& o, Text t) { return set_storm(o.storm, t); }},
    PopulationOption{
        "reset-first", "SHARE[,MIN-MAX]",
        "That share of the open ports resets first and sends its SYN-ACK MIN to MAX ms "
        "later (1-50)",
        [](Options& o, Text t) { return set_reset_first(o.reset_first, t); }},
    PopulationOption{"forged", "SHARE",
                     "Share of the frames to the scanner that answer no probe, up to 0.9999 (0)",
                     [](Options& o, Text t) { return set_forged(o, t); }},
    PopulationOption{"icmp-rate", "PPS", "The router sends at most PPS ICMP errors",
                     [](Options& o, Text t) {
                       return parse_rate(t).map([&](PacketsPerSecond r) { o.icmp_rate = r; });
                     }},
    PopulationOption{"host-icmp-rate", "PPS[,burst=N]",
                     "Each host sends at most PPS ICMP errors, N at once (1)",
                     [](Options& o, Text t) { return set_network_rate(o.host_icmp_rate, t); }},
    PopulationOption{"gateway", "ADDRESS",
                     "An address of the router (repeatable; the third of the first prefix)",
                     [](Options& o, Text t) { return add_address(o.gateways, t); }},
    PopulationOption{"silent", "ADDRESS", "An address that never answers (repeatable)",
                     [](Options& o, Text t) { return add_address(o.silent, t); }},
    PopulationOption{"static", "ADDRESS:PORT,...", "A host with just these ports open (repeatable)",
                     [](Options& o, Text t) { return add_host(o.fixed, t); }},
    PopulationOption{"forward", "PREFIX", "Route PREFIX to the uplink (repeatable)",
                     [](Options& o, Text t) { return add_prefix(o.forward, t); }},
    PopulationOption{"uplink-address", "ADDRESS", "The router's own address on the uplink",
                     [](Options& o, Text t) {
                       return parse_address(t).map([&](Ipv4Address a) { o.uplink_address = a; });
                     }},
    PopulationOption{"server", "ADDRESS:PORT,...",
                     "A real host behind the uplink, for the truth (repeatable)",
                     [](Options& o, Text t) { return add_host(o.servers, t); }},
    PopulationOption{"arp-all", "", "Answer ARP for every address, not only for live ones",
                     [](Options& o, Text t) { return set_switch(o.arp_all, t); }},
};

}  // namespace

std::span<const PopulationOption> population_options() { return kOptions; }

Result<void> apply_option(PopulationOptions& options, std::string_view name,
                          std::string_view value) {
  const auto found = std::find_if(kOptions.begin(), kOptions.end(),
                                  [&](const PopulationOption& o) { return o.name == name; });
  if (found == kOptions.end()) return bad(fmt::format("there is no option '{}'", shown(name)));
  return found->apply(options, value);
}

Result<void> apply_config(PopulationOptions& options, std::string_view text,
                          const std::string& file) {
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return fail(ExitCode::BadInput,
                  fmt::format("{}:{}: '{}' is not key = value", file, number, shown(line)));
    }
    const std::string_view name = trim(line.substr(0, equals));
    const auto applied = apply_option(options, name, trim(line.substr(equals + 1)));
    if (!applied) {
      return fail(ExitCode::BadInput,
                  fmt::format("{}:{}: {}: {}", file, number, shown(name), applied.error().message));
    }
  }
  return {};
}

Result<std::string> read_config_file(const std::string& file) {
  std::ifstream stream{file, std::ios::binary};
  std::string text;
  std::getline(stream, text, '\0');  // Unlike a stream iterator, does not throw on a folder.
  if (!stream.eof()) {
    return fail(ExitCode::BadInput, fmt::format("cannot read the configuration file {}", file));
  }
  return text;
}

Result<std::vector<std::uint16_t>> parse_ports(std::string_view text) {
  std::vector<std::uint16_t> ports;
  const auto parsed = each_piece(text == "-" ? "1-65535" : text, [&](Text piece) -> Result<void> {
    const auto range = parse_port_range(piece);
    if (!range) return tl::unexpected{range.error()};
    for (std::uint32_t port = range->first; port <= range->last; ++port) {
      ports.push_back(static_cast<std::uint16_t>(port));
    }
    return {};
  });
  if (!parsed) return tl::unexpected{parsed.error()};
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

}  // namespace trawl::simnet
