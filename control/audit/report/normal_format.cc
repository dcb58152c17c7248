#include "control/audit/report/normal_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "control/audit/report/calendar.h"
#include "control/audit/report/os_text.h"
#include "control/audit/report/port_summary.h"
#include "control/audit/report/report_text.h"
#include "control/audit/report/service_text.h"
#include "control/survey/text.h"
#include "control/survey/version.h"
#include "nse/engine/output_value.h"

namespace trawl::control {
namespace {

constexpr std::size_t kLongestFailure = 400;

bool shows_reasons(const AuditRun& run) {
  return run.shows_reasons || run.verbosity > 1 || run.debugging > 0;
}

// Seconds with two digits that count: "0.000015".
std::string latency(std::int64_t microseconds) {
  if (microseconds <= 0) return "0.00";
  const double seconds = static_cast<double>(microseconds) / 1e6;
  const int places = std::max(0, 1 - static_cast<int>(std::floor(std::log10(seconds))));
  return fmt::format("{:.{}f}", seconds, places);
}

// "7.672KB", "308B"
std::string byte_text(std::uint64_t bytes) {
  constexpr std::uint64_t kKilo = 1000;
  constexpr std::uint64_t kMega = kKilo * kKilo;
  constexpr std::uint64_t kGiga = kKilo * kMega;
  const auto in = [bytes](std::uint64_t unit, std::string_view name) {
    return fmt::format("{:.3f}{}", static_cast<double>(bytes) / static_cast<double>(unit), name);
  };
  if (bytes >= kGiga) return in(kGiga, "GB");
  if (bytes >= kMega) return in(kMega, "MB");
  return bytes >= kKilo ? in(kKilo, "KB") : fmt::format("{}B", bytes);
}

constexpr std::size_t kMostColumns = 5;
using Row = std::array<std::string, kMostColumns>;

std::string lines_of(std::span<const ScriptReport> scripts) {
  std::string text;
  for (const ScriptReport& script : scripts) {
    text += nse::script_lines(script.id, script.output.text);
  }
  return text;
}

// The rows with their columns as wide as the widest, but for the last; below each what is in
// `below`.
std::string table(const std::vector<Row>& rows, std::size_t columns,
                  const std::vector<std::string>& below) {
  std::array<std::size_t, kMostColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < columns; ++i) {
      text += row[i];
      text.append(widths[i] - row[i].size() + 1, ' ');
    }
    text += row[columns - 1];
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
    text += below[static_cast<std::size_t>(&row - rows.data())];
  }
  return text;
}

// "Not shown: 995 closed tcp ports (reset), 3 filtered tcp ports (no-response)"
std::string not_shown(const PortSummary& summary) {
  std::string text;
  for (const IgnoredState& state : summary.ignored) {
    const std::string_view plural = state.count == 1 ? "" : "s";
    for (const IgnoredReason& reason : state.reasons) {
      const bool protocol = reason.protocol == PortProtocol::Ip;
      text += fmt::format("{}{} {} {} {}{} ({})", text.empty() ? "Not shown: " : ", ",
                          reason.ports.size(), name_of(state.state),
                          protocol ? "n/a" : name_of(reason.protocol),
                          protocol ? "protocol" : "port", plural, reason.word);
    }
  }
  return text + '\n';
}

std::string port_table(const PortSummary& summary, const AuditRun& run, const PortNames* names) {
  const bool protocols = summary.protocols_only();
  Row heads{protocols ? "PROTOCOL" : "PORT", "STATE", "SERVICE"};
  std::size_t columns = 3;
  if (shows_reasons(run)) heads[columns++] = "REASON";
  if (run.detects_versions) heads[columns++] = "VERSION";
  std::vector<Row> rows{heads};
  std::vector<std::string> below{{}};
  for (const PortReport* port : summary.listed) {
    const ServiceText service = service_text(*port, names);
    Row row{protocols ? fmt::format("{}", port->number)
                      : fmt::format("{}/{}", port->number, name_of(port->protocol)),
            std::string{name_of(port->state)}, printable(service_column(service, "unknown"))};
    std::size_t column = 3;
    if (shows_reasons(run)) row[column++] = reason_text(port->reason);
    if (run.detects_versions) row[column] = printable(version_column(service));
    rows.push_back(std::move(row));
    below.push_back(port->scripts ? lines_of(*port->scripts) : std::string{});
  }
  return table(rows, columns, below);
}

// Services that nobody knows, for whoever wants to write a line for them.
std::string fingerprints(const PortSummary& summary) {
  std::vector<const PortReport*> unknown;
  for (const PortReport* port : summary.listed) {
    if (port->service && !port->service->fingerprint.empty()) unknown.push_back(port);
  }
  if (unknown.empty()) return {};
  const bool several = unknown.size() > 1;
  std::string text = fmt::format(
      "{} service{} unrecognized despite returning data. Whoever knows the service and its version "
      "can write a match line by the following fingerprint{}:\n",
      unknown.size(), several ? "s" : "", several ? "s" : "");
  for (const PortReport* port : unknown) {
    if (several) {
      text += "==============NEXT SERVICE FINGERPRINT (SUBMIT INDIVIDUALLY)==============\n";
    }
    text += fingerprint_lines(printable(port->service->fingerprint));
  }
  return text;
}

// Scripts look for it: versions or systems were asked for, and some host was there to be asked.
std::string_view detection_line(const AuditRun& run, const AuditTotals& totals) noexcept {
  const bool is_done = !totals.is_running && totals.failure.empty();
  if (!is_done || totals.up == 0) return "";
  if (run.detects_os) {
    return run.detects_versions ? "OS and Service detection performed.\n"
                                : "OS detection performed.\n";
  }
  return run.detects_versions ? "Service detection performed.\n" : "";
}

void add_hints(std::string& text, std::string_view one, std::string_view many,
               const std::vector<std::string_view>& hints) {
  if (hints.empty()) return;
  text +=
      fmt::format("{} {}: ", text.empty() ? "Service Info:" : ";", hints.size() == 1 ? one : many);
  for (std::size_t i = 0; i < hints.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", printable(hints[i]));
  }
}

// "Service Info: Hosts: a, b; OS: Linux; CPE: cpe:/o:linux:linux_kernel"
std::string service_info(const PortSummary& summary) {
  const HostHints hints = host_hints(summary.listed);
  std::string text;
  add_hints(text, "Host", "Hosts", hints.names);
  add_hints(text, "OS", "OSs", hints.systems);
  add_hints(text, "Device", "Devices", hints.devices);
  add_hints(text, "CPE", "CPE", hints.cpes);
  if (!text.empty()) text += '\n';
  return text;
}

std::string trace_title(const TraceReport& trace) {
  if (trace.protocol == "icmp") return "TRACEROUTE (using proto 1/icmp)\n";
  if (trace.port == 0) return "TRACEROUTE\n";  // A neighbour has no probes sent for it.
  return fmt::format("TRACEROUTE (using port {}/{})\n", trace.port, trace.protocol);
}

// Hops without an answer are one row, "2   ..." or "2   ... 5".
std::string trace_text(const TraceReport& trace) {
  std::vector<Row> rows{{"HOP", "RTT", "ADDRESS"}};
  std::size_t widest = rows[0][1].size();
  for (const HopReport& hop : trace.hops) {
    rows.push_back({fmt::format("{}", hop.ttl), fmt::format("{:.2f} ms", hop.rtt.count()),
                    address_text(hop.name, hop.ip)});
    widest = std::max(widest, rows.back()[1].size());
  }
  std::string text = fmt::format("\n{}", trace_title(trace));
  text += fmt::format("{:<3} {:<{}} {}\n", rows[0][0], rows[0][1], widest, rows[0][2]);
  unsigned before = 0;
  for (std::size_t i = 0; i < trace.hops.size(); ++i) {
    const unsigned ttl = trace.hops[i].ttl;
    if (ttl == before + 2) text += fmt::format("{:<3} ...\n", ttl - 1);
    if (ttl > before + 2) text += fmt::format("{:<3} ... {}\n", before + 1, ttl - 1);
    const Row& row = rows[i + 1];
    text += fmt::format("{:<3} {:<{}} {}\n", row[0], row[1], widest, row[2]);
    before = ttl;
  }
  return text;
}

}  // namespace

std::string NormalFormat::header() const { return fmt::format("# {}\n", initiated_text(run_)); }

std::string NormalFormat::status_lines(const HostReport& report, std::string_view shown) const {
  const bool reasons = shows_reasons(run_);
  const std::string received =
      reasons ? fmt::format(", received {}", reason_text(report.reason)) : std::string{};
  std::string text = fmt::format("Nmap scan report for {}", shown);
  if (report.status == HostStatus::Down) return fmt::format("{} [host down{}]\n", text, received);
  text += '\n';
  if (report.status == HostStatus::Up) {
    text += fmt::format("Host is up{}", received);
    if (report.times.srtt_us >= 0) {
      text += fmt::format(" ({}s latency)", latency(report.times.srtt_us));
    }
    text += ".\n";
  }
  if (!report.others.empty()) {
    text += fmt::format("Other addresses for {} (not scanned):", printable(report.shown_name()));
    for (const IpAddress& other : report.others) text += fmt::format(" {}", other.to_string());
    text += '\n';
  }
  if (!report.name.empty() && !report.reverse_name.empty() && report.name != report.reverse_name) {
    text += fmt::format("rDNS record for {}: {}\n", report.ip.to_string(),
                        printable(report.reverse_name));
  }
  if (report.ports_scanned && !report.timed_out && (run_.verbosity > 1 || run_.debugging > 0)) {
    const auto took =
        std::chrono::duration_cast<std::chrono::seconds>(report.ended - report.started);
    text += fmt::format("Scanned at {} for {}s\n", second_time(report.started), took.count());
  }
  return text;
}

std::string NormalFormat::ports(const HostReport& report, const PortSummary& summary,
                                std::string_view shown) const {
  std::string text;
  if (summary.listed.empty() && !report.ports.empty()) {
    const std::size_t count = report.ports.size();
    text = count == 1
               ? fmt::format("The 1 scanned port on {} is in an ignored state.\n", shown)
               : fmt::format("All {} scanned ports on {} are in ignored states.\n", count, shown);
  }
  text += summary.ignored.empty() ? "\n" : not_shown(summary);
  if (!summary.listed.empty()) text += port_table(summary, run_, names_);
  return text + fingerprints(summary);
}

std::string NormalFormat::host(const HostReport& report) const {
  if (!is_told(report, run_)) return {};
  const std::string shown = address_text(report.shown_name(), report.ip);
  std::string text = report.notes + host_start(report) + status_lines(report, shown);
  if (report.timed_out) {
    text += fmt::format("Skipping host {} due to host timeout\n", shown);
  }
  const bool has_ports = report.timed_out ? !report.ports.empty() : report.ports_scanned;
  const PortSummary summary = has_ports ? summarize_ports(report, run_) : PortSummary{};
  if (has_ports) text += ports(report, summary, shown);
  if (report.mac) {
    text += fmt::format("MAC Address: {} ({})\n", mac_text(*report.mac),
                        report.vendor.empty() ? std::string{"Unknown"} : printable(report.vendor));
  }
  text += os_text(report, run_);
  text += service_info(summary);
  if (!report.scripts.empty()) {
    text += fmt::format("\nHost script results:\n{}", lines_of(report.scripts));
  }
  for (const TraceReport& trace : report.traces) text += trace_text(trace);
  text += host_end(report);
  if (has_ports || !report.traces.empty() || !report.scripts.empty()) text += '\n';
  return text;
}

std::string NormalFormat::scripts(bool is_before, const std::vector<ScriptReport>& scripts) const {
  return fmt::format("{}-scan script results:\n{}", is_before ? "Pre" : "Post", lines_of(scripts));
}

std::string NormalFormat::host_start(const HostReport& report) const {
  if (!report.interrupted) return {};
  return fmt::format("{}{}\n", kInterruptedMark, report.ip.to_string());
}

std::string NormalFormat::footer(const AuditTotals& totals) const {
  std::string text;
  if (!totals.failure.empty()) {
    text = fmt::format("# Ended early: {}\n", printable(totals.failure).substr(0, kLongestFailure));
  }
  text += detection_line(run_, totals);
  return text + fmt::format("# Nmap done at {} -- {}{}{}\n", calendar_time(totals.now),
                            totals_text(totals), totals.is_running ? ", " : "",
                            totals.is_running ? kNotEnded : "");
}

std::string NormalFormat::complaint(std::string_view text) const {
  return fmt::format("{}\n", printable(text));
}

std::string NormalFormat::lone_text(std::string_view text) const { return std::string{text}; }

std::string ScreenFormat::lone_text(std::string_view text) const {
  return fmt::format("{}{}", header(), text);
}

std::string ScreenFormat::header() const {
  return fmt::format("Starting Nmap-compatible trawl {} at {}\n", kVersion,
                     clock_time(run().started));
}

std::string ScreenFormat::host_end(const HostReport& report) const {
  if (run().debugging == 0 || !report.ports_scanned || report.timed_out) return {};
  return fmt::format("Final times for host: srtt: {} rttvar: {}  to: {}\n", report.times.srtt_us,
                     report.times.rttvar_us, report.times.timeout_us);
}

std::string ScreenFormat::footer(const AuditTotals& totals) const {
  std::string text{detection_line(run(), totals)};
  text += fmt::format("Nmap done: {}\n", totals_text(totals));
  if (run().verbosity > 0 && totals.raw_packets_sent > 0) {
    text += fmt::format("           Raw packets sent: {} ({}) | Rcvd: {} ({})\n",
                        totals.raw_packets_sent, byte_text(totals.raw_bytes_sent),
                        totals.raw_packets_received, byte_text(totals.raw_bytes_received));
  }
  return text;
}

}  // namespace trawl::control
