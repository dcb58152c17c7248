#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"
#include "base/units.h"
#include "control/survey/banner_options.h"
#include "control/survey/os_hint_options.h"
#include "control/survey/os_options.h"
#include "control/survey/output/output_filter.h"
#include "control/survey/output/output_format.h"
#include "control/survey/output/state_set.h"
#include "control/survey/port_spec.h"
#include "control/survey/quantity.h"
#include "control/survey/rate_spec.h"
#include "control/survey/retry_mode.h"
#include "control/survey/service_options.h"
#include "control/survey/shard.h"
#include "dataplane/probe_kind.h"
#include "dataplane/vlan.h"

namespace trawl::control {

// Source ports of probes unless --source-port says otherwise: above 32768-60999, the range Linux
// takes the ports of its own connections from (ip_local_port_range), so that no reply to a probe
// belongs to a kernel socket and the other way round.
inline constexpr PortRange kDefaultSourcePorts{.first = 61000, .last = 64999};

// Everything the command line of `trawl survey` says, taken apart and checked for sense, with no
// file read and no device touched.
struct SurveyOptions {
  // What is probed. Target and exclude texts are parsed by make_survey_plan().
  std::vector<std::string> targets;
  std::vector<std::string> target_files;  // "-" is standard input; at most one of all files is.
  std::vector<std::uint16_t> ports;       // Sorted, each once; empty only for probes without ports.
  std::vector<std::string> excludes;
  std::vector<std::string> exclude_files;
  std::vector<std::string> allow_special;
  std::vector<std::string> blocklist_files;  // Read again while the survey runs; never "-".
  std::vector<std::string> opt_out_files;    // Likewise; trawl.conf names them.
  std::optional<TargetLimit> max_targets;
  Shard shard;
  unsigned probes = 1;  // To every target; 1...5.
  RetryMode retries = RetryMode::Responsive;
  std::chrono::nanoseconds retry_delay = std::chrono::seconds{1};
  std::string payload_file;   // "" for none; these two are of UDP probes alone.
  std::string payload_names;  // A list; read by make_survey_plan().

  // How it is sent.
  dataplane::ProbeKind probe = dataplane::ProbeKind::TcpSyn;
  std::string link;  // As written; "" only in a dry run.
  std::string tap;   // The interface that the kernel gets for the link; "" for none.
  RateSpec rate{PacketsPerSecond{10'000.0}};
  bool rate_given = false;               // `rate` was asked for, and is not the default.
  std::optional<RateSpec> max_rate;      // What trawl.conf allows; no sending goes faster.
  std::optional<RateSpec> network_rate;  // The most to any /24, or /64 of IPv6; a plain rate.
  std::string contact;                   // A URI, "" for none: who answers for the survey.
  std::vector<IpAddress> source_ips;     // Sorted, each once; empty: not said.
  std::uint8_t ttl = 64;
  dataplane::SynOptions syn_options = dataplane::SynOptions::Linux;
  bool resets = false;     // End the handshakes that probes began.
  dataplane::VlanId vlan;  // Untagged unless asked for.
  PortRange source_ports = kDefaultSourcePorts;
  std::optional<IpAddress> gateway;  // At most one of these two is set.
  std::optional<MacAddress> gateway_mac;
  std::vector<unsigned> lcores;  // CPUs in the order written; empty: not said.
  std::optional<Uint128> seed;   // Absent: a random one is drawn.
  std::chrono::nanoseconds cooldown = std::chrono::seconds{8};
  std::optional<std::chrono::nanoseconds> max_runtime;

  ServiceOptions services;  // What follows when a port is open.
  OsOptions os;             // Likewise, for its host.
  BannerOptions banners;    // Likewise, by the polling cores.
  OsHintOptions os_hints;   // What is made of SYN-ACKs.

  // What comes out.
  std::vector<OutputSpec> outputs{OutputSpec{}};  // At least one, and only one in a dry run.
  OutputFields fields;
  StateSet states = StateSet::open_only();  // Unless asked for: what the probe looks for.
  OutputFilter filter;                      // Holds beside `states`.
  std::string metadata;                     // "" for none, "-" is standard output.
  bool dry_run = false;
  bool status_json = false;
  bool quiet = false;  // Neither progress nor summary; errors only.
  bool verbose = false;

  std::string checkpoint;                        // "" for none.
  ByteCount memory = ByteCount::mebibytes(512);  // For what each target is known to be.
};

// Text to print to standard output before leaving with ExitCode::Done (--help, --version).
struct PrintAndExit {
  std::string text;
};

// Fails with Usage where --rate auto has nothing to go by: see RateController.
[[nodiscard]] Result<void> check_automatic_rate(const SurveyOptions& options);

// Parses the words after `trawl survey`. Fails with Usage: unknown options (the nearest is
// suggested), bad values, options that contradict each other, no targets, no ports, no link.
[[nodiscard]] Result<std::variant<SurveyOptions, PrintAndExit>> parse_survey_options(
    std::span<const char* const> args);

}  // namespace trawl::control
