#include "control/audit/report/report_format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <string_view>

#include "control/audit/report/calendar.h"
#include "control/survey/output/nmap_xml_formatter.h"
#include "control/survey/output/text_writer.h"
#include "control/survey/text.h"
#include "control/survey/version.h"

namespace trawl::control {
namespace {

std::tm local_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm broken{};
  localtime_r(&seconds, &broken);
  return broken;
}

// The words with a space between them; what holds a space is in quotes.
std::string command_text(const AuditRun& run) {
  std::string text = run.program;
  for (const std::string& word : run.command_line) {
    const bool quoted = word.empty() || word.find_first_of(" \t\n\"'") != std::string::npos;
    text += quoted ? fmt::format(" \"{}\"", word) : fmt::format(" {}", word);
  }
  return text;
}

// Whatever came from a name server or a user, fit for a terminal and for one line.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02X}", byte);
    }
  }
  return out;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// "3 IP addresses (1 host up) scanned in 0.01 seconds"
std::string totals_text(const AuditTotals& totals) {
  return fmt::format("{} ({} up) scanned in {:.2f} seconds",
                     counted(totals.hosts, "IP address", "IP addresses"),
                     counted(totals.up, "host", "hosts"), totals.elapsed.count());
}

std::string initiated(const AuditRun& run) {
  return fmt::format("Nmap trawl-{} scan initiated {} as: {}", kVersion, calendar_time(run.started),
                     printable(command_text(run)));
}

class NormalFormat : public ReportFormat {
 public:
  std::string header(const AuditRun& run) const override {
    return fmt::format("# {}\n", initiated(run));
  }
  std::string host(const HostReport& report) const override {
    const std::string ip = report.ip.to_string();
    const std::string name = printable(report.shown_name());
    std::string text = name.empty() ? fmt::format("Nmap scan report for {}\n", ip)
                                    : fmt::format("Nmap scan report for {} ({})\n", name, ip);
    if (!report.others.empty()) {
      text += fmt::format("Other addresses for {} (not scanned):", name);
      for (const IpAddress& other : report.others) text += fmt::format(" {}", other.to_string());
      text += '\n';
    }
    if (!report.name.empty() && !report.reverse_name.empty() &&
        report.name != report.reverse_name) {
      text += fmt::format("rDNS record for {}: {}\n", ip, printable(report.reverse_name));
    }
    return text;
  }
  std::string footer(const AuditTotals& totals) const override {
    return fmt::format("# Nmap done at {} -- {}\n", calendar_time(totals.now), totals_text(totals));
  }
};

class ScreenFormat final : public NormalFormat {
 public:
  std::string header(const AuditRun& run) const override {
    return fmt::format("Starting Nmap-compatible trawl {} at {}\n", kVersion,
                       clock_time(run.started));
  }
  std::string footer(const AuditTotals& totals) const override {
    return fmt::format("Nmap done: {}\n", totals_text(totals));
  }
};

class GrepableFormat final : public ReportFormat {
 public:
  std::string header(const AuditRun& run) const override {
    std::string text = fmt::format("# {}\n", initiated(run));
    if (run.verbosity > 0) {
      text += "# Ports scanned: TCP(0;) UDP(0;) SCTP(0;) PROTOCOLS(0;)\n";
    }
    return text;
  }
  std::string host(const HostReport& report) const override {
    constexpr std::string_view kStatus[] = {"Unknown", "Up", "Down"};
    const std::string_view name =
        report.reverse_name.empty() ? std::string_view{} : report.reverse_name;
    return fmt::format("Host: {} ({})\tStatus: {}\n", report.ip.to_string(), printable(name),
                       kStatus[static_cast<std::size_t>(report.status)]);
  }
  std::string footer(const AuditTotals& totals) const override {
    return fmt::format("# Nmap done at {} -- {}\n", calendar_time(totals.now), totals_text(totals));
  }
};

std::string attribute(std::string_view text) {
  std::string out;
  append_xml_attribute(out, text);
  return out;
}

class XmlFormat final : public ReportFormat {
 public:
  std::string header(const AuditRun& run) const override {
    return fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<!DOCTYPE nmaprun>\n"
        "<!-- {} -->\n"
        "<nmaprun scanner=\"nmap\" args=\"{}\" start=\"{}\" startstr=\"{}\" version=\"{}\" "
        "xmloutputversion=\"1.05\">\n"
        "<verbose level=\"{}\"/>\n"
        "<debugging level=\"{}\"/>\n",
        attribute(initiated(run)), attribute(command_text(run)), unix_seconds(run.started),
        calendar_time(run.started), kVersion, run.verbosity, run.debugging);
  }
  std::string host(const HostReport& report) const override {
    constexpr std::string_view kStatus[] = {"unknown", "up", "down"};
    std::string text = fmt::format(
        "<host><status state=\"{}\" reason=\"{}\" reason_ttl=\"{}\"/>\n"
        "<address addr=\"{}\" addrtype=\"{}\"/>\n",
        kStatus[static_cast<std::size_t>(report.status)], report.reason, report.reason_ttl,
        report.ip.to_string(), report.ip.is_v4() ? "ipv4" : "ipv6");
    if (!report.name.empty() || !report.reverse_name.empty()) {
      text += "<hostnames>\n";
      const auto add = [&text](std::string_view name, std::string_view type) {
        if (name.empty()) return;
        text += fmt::format("<hostname name=\"{}\" type=\"{}\"/>\n", attribute(name), type);
      };
      add(report.name, "user");
      add(report.reverse_name, "PTR");
      text += "</hostnames>\n";
    }
    return text + "</host>\n";
  }
  std::string footer(const AuditTotals& totals) const override {
    const std::string when = calendar_time(totals.now);
    return fmt::format(
        "<runstats><finished time=\"{}\" timestr=\"{}\" summary=\"Nmap done at {}; {}\" "
        "elapsed=\"{:.2f}\" exit=\"success\"/><hosts up=\"{}\" down=\"{}\" total=\"{}\"/>\n"
        "</runstats>\n"
        "</nmaprun>\n",
        unix_seconds(totals.now), when, when, totals_text(totals), totals.elapsed.count(),
        totals.up, totals.hosts - totals.up, totals.hosts);
  }
};

}  // namespace

std::string calendar_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%a %b %e %H:%M:%S %Y}", local_time(time));
}

std::string clock_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d %H:%M %Z}", local_time(time));
}

std::unique_ptr<ReportFormat> make_report_format(AuditOptions::Output::Format format) {
  switch (format) {
    case AuditOptions::Output::Format::Xml: return std::make_unique<XmlFormat>();
    case AuditOptions::Output::Format::Grepable: return std::make_unique<GrepableFormat>();
    case AuditOptions::Output::Format::Normal: break;
  }
  return std::make_unique<NormalFormat>();
}

std::unique_ptr<ReportFormat> make_screen_format() { return std::make_unique<ScreenFormat>(); }

}  // namespace trawl::control
