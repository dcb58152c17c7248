#include "control/audit/report/report_text.h"

#include <fmt/format.h>

#include "control/audit/report/calendar.h"
#include "control/survey/text.h"
#include "control/survey/version.h"

namespace trawl::control {
namespace {

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

std::string command_text(const AuditRun& run) {
  std::string text = run.program;
  for (const std::string& word : run.command_line) {
    const bool quoted = word.empty() || word.find_first_of(" \t\n\v\f\r") != std::string::npos;
    text += quoted ? " \"" : " ";
    for (const char c : word) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    if (quoted) text += '"';
  }
  return text;
}

std::string initiated_text(const AuditRun& run) {
  return fmt::format("Nmap trawl-{} scan initiated {} as: {}", kVersion, calendar_time(run.started),
                     printable(command_text(run)));
}

std::string totals_text(const AuditTotals& totals) {
  return fmt::format("{} ({} up) scanned in {:.2f} seconds",
                     counted(totals.hosts, "IP address", "IP addresses"),
                     counted(totals.up, "host", "hosts"), totals.elapsed.count());
}

std::string address_text(std::string_view name, const IpAddress& ip) {
  if (name.empty()) return ip.to_string();
  return fmt::format("{} ({})", printable(name), ip.to_string());
}

std::string ranges_text(std::span<const std::uint16_t> numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    const std::string_view comma = text.empty() ? "" : ",";
    text += last == i ? fmt::format("{}{}", comma, numbers[i])
                      : fmt::format("{}{}-{}", comma, numbers[i], numbers[last]);
    i = last + 1;
  }
  return text;
}

std::string reason_text(const Reason& reason) {
  std::string text{reason.word};
  if (reason.from) text += fmt::format(" from {}", reason.from->to_string());
  if (reason.ttl != 0) text += fmt::format(" ttl {}", reason.ttl);
  return text;
}

std::string mac_text(const MacAddress& mac) {
  std::string text = mac.to_string();
  for (char& c : text) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

}  // namespace trawl::control
