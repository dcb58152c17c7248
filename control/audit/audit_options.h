#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/audit/command_words.h"
#include "control/audit/engine/os_settings.h"
#include "control/audit/engine/probe_set.h"
#include "control/audit/engine/probe_writer.h"
#include "control/audit/engine/timing.h"
#include "control/audit/ports/port_choice.h"
#include "control/audit/through/bounce_server.h"
#include "control/audit/through/proxy_hop.h"
#include "control/scripts/script_options.h"
#include "service/dns/name_settings.h"

namespace trawl::control {

// What a command line of Nmap's asks of an audit, with no file read and nothing resolved.
struct AuditOptions {
  std::optional<std::string> resume_log;  // --resume, and then nothing else.

  // Targets.
  std::vector<std::string> targets;
  std::vector<std::string> target_files;  // "-" is standard input.
  std::vector<std::string> excludes;      // Comma-separated lists.
  std::vector<std::string> exclude_files;
  bool ipv6 = false;
  std::optional<std::uint64_t> random_targets;  // -iR: how many, 0 for no end.
  std::vector<std::string> scopes;              // Comma-separated lists.
  bool unique = false;
  bool resolve_all = false;
  bool randomize_hosts = false;
  bool reverse_dns = true;
  bool names_downs = false;  // -R
  service::NameSettings names;

  // Host discovery.
  struct Ping {
    char kind = 'E';    // As after -P.
    std::string ports;  // "" for the default.
  };
  std::vector<Ping> pings;  // None for the default.
  bool no_ping = false;     // -Pn
  bool arp_ping = true;
  bool ignores_resets = false;

  // Scans.
  std::string zombie;           // -sI: HOST or HOST:PORT.
  std::vector<ScanType> scans;  // None for the default.
  bool ping_only = false;       // -sn
  bool traceroute = false;
  bool list_only = false;  // -sL
  PortRequest ports;
  bool random_ports = true;
  bool defeats_rst_limit = false;   // --defeat-rst-ratelimit
  bool defeats_icmp_limit = false;  // --defeat-icmp-ratelimit
  std::string datadir;
  std::string servicedb;

  // Version detection (Nmap book, "Service and Application Version Detection").
  struct Version {
    bool is_wanted = false;    // -sV
    bool is_old_name = false;  // It was asked for as -sR.
    unsigned intensity = 7;    // 0 to 9
    bool is_traced = false;    // --version-trace
    bool all_ports = false;    // --allports
    bool is_strict = false;    // --strict-nmap
    unsigned parallelism = 3;  // Connections to a port at once.
    std::string database;      // --versiondb
  } version;

  ScriptOptions scripts;
  OsSettings os;
  bool is_aggressive = false;  // -A: -O -sV --traceroute, and scripts.

  // Through whom.
  std::vector<ProxyHop> proxies;       // --proxies, unresolved; none for no proxies.
  std::optional<BounceServer> bounce;  // -b, unresolved; scans have its type too.

  // Timing: what was said of it, whatever came first. A template is no more than the defaults.
  int timing_level = 3;
  struct TimingWords {
    std::optional<Moment> min_rtt, max_rtt, initial_rtt, host_timeout, scan_delay, max_scan_delay;
    std::optional<unsigned> max_retries, min_parallelism, max_parallelism;
    std::optional<unsigned> min_hostgroup, max_hostgroup;
    std::optional<double> min_rate, max_rate;
  } timing;

  // What probes look like.
  ProbeStyle style;
  std::size_t fragment = 0;
  std::string interface;
  std::string source;
  std::string spoof_mac;
  std::optional<std::string> decoys;
  bool through_kernel = false;        // --send-ip
  std::optional<bool> is_privileged;  // As the user says.

  // What comes out.
  struct Output {
    enum class Format { Normal, Xml, Grepable, Json, Kiddie };
    Format format = Format::Normal;
    std::string path;  // "-" is standard output.
  };
  std::vector<Output> outputs;
  bool appends = false;
  bool shows_reasons = false;
  bool only_open = false;
  bool traces_packets = false;
  bool lists_interfaces = false;  // --iflist: nothing else is done.
  std::string stylesheet;
  Moment stats_every{0};
  bool ignores_keys = false;
  int verbosity = 0;
  int debugging = 0;

  // The words as outputs tell them: options first, as getopt(3) leaves them.
  std::vector<std::string> command_line;
};

enum class AuditQuestion { Help, Version };

// Parses the words after the program's name. `program` is what errors call it. What trawl cannot do
// yet is refused by name.
[[nodiscard]] AuditResult<std::variant<AuditOptions, AuditQuestion>> parse_audit_options(
    std::span<const char* const> words, std::string_view program);

// The timing that the options ask for: the template's, with what was said besides.
[[nodiscard]] AuditResult<Timing> timing_of(const AuditOptions& options);

}  // namespace trawl::control
