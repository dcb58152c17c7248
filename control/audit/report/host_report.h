#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "control/audit/port_report.h"
#include "control/audit/report/os_report.h"
#include "control/audit/report/script_report.h"

namespace trawl::control {

enum class HostStatus : std::uint8_t { Unknown, Up, Down };

// One router on the way to a host, as traceroute saw it.
struct HopReport {
  unsigned ttl = 0;
  IpAddress ip;
  std::string name;  // Of its PTR record, "" for none.
  std::chrono::duration<double, std::milli> rtt{0};
};
struct TraceReport {
  std::string_view protocol = "tcp";  // "tcp", "udp", "sctp", "icmp"...
  std::uint16_t port = 0;             // 0 for those without.
  std::vector<HopReport> hops;        // In rising order; those without an answer are left out.
};

// The round trips of a host, in microseconds as Nmap's <times> has them.
struct HostTimes {
  std::int64_t srtt_us = -1;  // -1 when nothing was measured.
  std::int64_t rttvar_us = -1;
  std::int64_t timeout_us = 0;
};

// What an audit has to say of one host.
struct HostReport {
  IpAddress ip;
  std::string name;               // As the user gave it, "" for none.
  std::string reverse_name;       // Of its PTR record, "" for none.
  std::vector<IpAddress> others;  // Addresses of that name which were left alone.
  HostStatus status = HostStatus::Unknown;
  Reason reason{.word = "user-set"};

  std::optional<MacAddress> mac;  // Of a host on our link...
  std::string vendor;             // ...and who made it, "" when unknown.
  std::string notes;              // Lines of normal output that come before it.
  bool ports_scanned = false;
  bool interrupted = false;       // The audit was stopped; `ports` has what was found until then.
  bool timed_out = false;         // --host-timeout ended it; `ports` has what was found until then.
  std::vector<PortReport> ports;  // Every port that was asked for, by protocol and number.
  std::vector<TraceReport> traces;    // None or one.
  std::optional<OsReport> os;         // nullopt: it was not asked.
  std::vector<ScriptReport> scripts;  // Of host rules, in the order in which they ended.
  HostTimes times;
  std::chrono::system_clock::time_point started;
  std::chrono::system_clock::time_point ended;

  [[nodiscard]] std::string_view shown_name() const noexcept {
    return name.empty() ? reverse_name : name;
  }
};

// What the whole audit is, and came to.
struct AuditRun {
  std::string program;  // The name it was called by.
  std::vector<std::string> command_line;
  std::chrono::system_clock::time_point started;
  int verbosity = 0;
  int debugging = 0;
  std::vector<ScanInfo> scans;    // None for a list or a ping scan.
  bool shows_reasons = false;     // --reason
  bool only_open = false;         // --open
  bool detects_versions = false;  // -sV
  bool detects_os = false;        // -O
  bool guesses_os = false;        // --osscan-guess
  bool names_downs = false;       // Hosts that are down are told of too (-v, or -sL's "unknown").
  std::string stylesheet;         // href of the XML report, "" for none.

  // As -v and -d do.
  void set_levels(int new_verbosity, int new_debugging) noexcept {
    verbosity = new_verbosity;
    debugging = new_debugging;
    names_downs = new_verbosity > 0;
  }
};

struct AuditTotals {
  std::uint64_t hosts = 0;
  std::uint64_t up = 0;
  std::chrono::steady_clock::time_point started;
  std::chrono::system_clock::time_point now;               // The end, or so far...
  std::chrono::duration<double> elapsed{0};                // ...and how long it took until then.
  std::uint64_t raw_packets_sent = 0, raw_bytes_sent = 0;  // For -v; 0 when none were.
  std::uint64_t raw_packets_received = 0, raw_bytes_received = 0;
  std::string failure;      // Why it ended early ("interrupted"), "" when it did not.
  bool is_running = false;  // These are totals so far; --resume goes on with such a report.

  void tell_time() {
    now = std::chrono::system_clock::now();
    elapsed = std::chrono::steady_clock::now() - started;
  }
};

}  // namespace trawl::control
