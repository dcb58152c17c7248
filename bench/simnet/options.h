#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/units.h"
#include "bench/simnet/path_options.h"
#include "bench/simnet/personality_set.h"
#include "bench/simnet/talk.h"

namespace trawl::simnet {

// Ports `first` to `last` are open on this share of the live hosts.
struct PortDensity {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  double share = 0;
};

// A host whose open ports are given instead of drawn; its other ports are closed.
struct FixedHost {
  Ipv4Address address;
  std::vector<std::uint16_t> open_ports;  // Sorted.
};

// What the simulated network looks like. Everything that is drawn depends on `seed` alone.
struct PopulationOptions {
  std::vector<Ipv4Prefix> prefixes;  // Empty: 198.18.0.0/15.
  std::uint64_t seed = 1;
  double live = 0.2;              // Share of the addresses that exist.
  std::vector<PortDensity> open;  // Later entries win; empty: 80, 443 and 22 as in the lab.
  double open_default = 0.01;     // Density of every port that `open` does not name.
  double drop = 0.3;              // Share of live hosts that do not reset closed ports.
  double unreachable = 0.02;      // Share of dead addresses the router reports.
  std::chrono::nanoseconds rtt_min{0};
  std::chrono::nanoseconds rtt_max{0};
  WayOptions way_in;   // To the hosts.
  WayOptions way_out;  // Back to the scanner.
  double limited = 0;  // Share of live hosts that answer at most `limited_rate`.
  PacketsPerSecond limited_rate = PacketsPerSecond::unlimited();
  NetworkRateOptions network_rate;      // Of all replies of a /24.
  NetworkRateOptions network_refusals;  // Of its resets and ICMP errors alone.
  StormOptions storm;
  ResetFirstOptions reset_first;
  double forged = 0;  // Share of all frames to the scanner that are forged, below 1.
  PacketsPerSecond icmp_rate = PacketsPerSecond::unlimited();  // Of the router's ICMP errors.
  std::vector<Ipv4Address> gateways;          // Empty: the third address of the first prefix.
  std::vector<Ipv4Address> silent;            // Addresses that never answer.
  std::vector<FixedHost> fixed;               // Simulated hosts with given ports.
  std::vector<Ipv4Prefix> forward;            // Routed to the uplink.
  std::optional<Ipv4Address> uplink_address;  // The router's own address on the uplink.
  std::vector<FixedHost> servers;     // Real hosts behind the uplink, known to the truth only.
  std::vector<PortDensity> udp_open;  // Later entries win; empty: 53, 123 and 161.
  double udp_open_default = 0.002;
  double udp_drop = 0.5;  // Share of live hosts that are silent about closed UDP ports.
  std::vector<PortDensity> udp_silent;  // Of these ports nobody hears, open or not.
  NetworkRateOptions host_icmp_rate;    // Of the ICMP errors of each host.
  std::optional<Ipv6Prefix> prefix6;    // Where the IPv6 hosts are; none without.
  std::uint64_t live6 = 1000;           // IPv6 hosts, about.
  TalkOptions talk;                     // How open TCP ports hold conversations.
  std::string families;                 // A file of signatures; "" for hosts of no family.
  double forwarded = 0;                 // Share of these hosts with ports on another machine.
  PersonalityOptions personality;       // Which operating systems the live hosts have.
  bool arp_all = false;                 // Answer ARP for every address, not only live ones.
};

// One option, with the same name on the command line and in a configuration file.
struct PopulationOption {
  const char* name;   // Without dashes.
  const char* value;  // What the help calls its value; "" marks a switch.
  const char* help;
  Result<void> (*apply)(PopulationOptions&, std::string_view value);
};

[[nodiscard]] std::span<const PopulationOption> population_options();

// Applies one option by name. Errors say what is wrong with the value, not where it came from.
[[nodiscard]] Result<void> apply_option(PopulationOptions& options, std::string_view name,
                                        std::string_view value);

// Reads "key = value" lines; '#' starts a comment. Fails with BadInput, naming file and line.
[[nodiscard]] Result<void> apply_config(PopulationOptions& options, std::string_view text,
                                        const std::string& file);
// The text of a configuration file. Fails with BadInput when it cannot be read.
[[nodiscard]] Result<std::string> read_config_file(const std::string& file);

// "80,443,8000-8010", or "-" for all of 1-65535; sorted, without repeats.
[[nodiscard]] Result<std::vector<std::uint16_t>> parse_ports(std::string_view text);

}  // namespace trawl::simnet
