#include "control/audit/report/grepable_format.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/audit/report/calendar.h"
#include "control/audit/report/os_text.h"
#include "control/audit/report/port_summary.h"
#include "control/audit/report/report_text.h"
#include "control/audit/report/service_text.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::size_t kLongestFailure = 400;

// Slashes and commas part fields and ports.
std::string field(std::string_view text) {
  std::string out = printable(text);
  std::ranges::replace(out, '/', '|');
  std::ranges::replace(out, ',', ' ');
  return out;
}

// "# Ports scanned: TCP(2;22,80) UDP(0;) SCTP(0;) PROTOCOLS(0;)"
std::string scanned_line(const AuditRun& run) {
  constexpr std::string_view kNames[kPortProtocols] = {"TCP", "UDP", "SCTP", "PROTOCOLS"};
  std::string text = "# Ports scanned:";
  for (std::size_t i = 0; i < kPortProtocols; ++i) {
    const auto scan =
        std::ranges::find(run.scans, static_cast<PortProtocol>(i), &ScanInfo::protocol);
    const bool there = scan != run.scans.end();
    text += fmt::format(" {}({};{})", kNames[i], there ? scan->ports.size() : 0,
                        there ? ranges_text(scan->ports) : std::string{});
  }
  return text + '\n';
}

std::string ports_field(const HostReport& report, const AuditRun& run, const PortNames* names) {
  const PortSummary summary = summarize_ports(report, run);
  const bool protocols = summary.protocols_only();
  std::string text = protocols ? "Protocols: " : "Ports: ";
  bool first = true;
  for (const PortReport* port : summary.listed) {
    if (!first) text += ", ";
    first = false;
    const ServiceText service = service_text(*port, names);
    const std::string name = field(service_column(service, ""));
    text += protocols ? fmt::format("{}/{}/{}/", port->number, name_of(port->state), name)
                      : fmt::format("{}/{}/{}//{}//{}/", port->number, name_of(port->state),
                                    name_of(port->protocol), name, field(version_column(service)));
  }
  // Nmap names none where there are several.
  if (summary.ignored.size() == 1) {
    const IgnoredState& state = summary.ignored.front();
    text += fmt::format("\tIgnored State: {} ({})", name_of(state.state), state.count);
  }
  return text;
}

}  // namespace

std::string GrepableFormat::header() const {
  std::string text = fmt::format("# {}\n", initiated_text(run_));
  if (run_.verbosity > 0) text += scanned_line(run_);
  return text;
}

std::string GrepableFormat::host(const HostReport& report) const {
  if (!is_told(report, run_)) return {};
  constexpr std::string_view kStatus[] = {"Unknown", "Up", "Down"};
  const std::string who =
      fmt::format("Host: {} ({})\t", report.ip.to_string(), printable(report.reverse_name));
  std::string text;
  if (report.interrupted) text = fmt::format("{}{}\n", kInterruptedMark, report.ip.to_string());
  text += fmt::format("{}Status: {}\n", who, kStatus[static_cast<std::size_t>(report.status)]);
  if (report.timed_out) text += fmt::format("{}Status: Timeout\n", who);
  const bool has_ports = report.timed_out ? !report.ports.empty() : report.ports_scanned;
  if (has_ports)
    text += fmt::format("{}{}\n", who, ports_field(report, run_, names_) + os_fields(report));
  return text;
}

std::string GrepableFormat::footer(const AuditTotals& totals) const {
  std::string text;
  if (!totals.failure.empty()) {
    text = fmt::format("# Ended early: {}\n", printable(totals.failure).substr(0, kLongestFailure));
  }
  return text + fmt::format("# Nmap done at {} -- {}{}{}\n", calendar_time(totals.now),
                            totals_text(totals), totals.is_running ? ", " : "",
                            totals.is_running ? kNotEnded : "");
}

}  // namespace trawl::control
