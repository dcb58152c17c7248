#include "control/audit/report/os_xml.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "control/audit/report/calendar.h"
#include "control/audit/report/os_text.h"
#include "control/survey/output/nmap_xml_formatter.h"

namespace trawl::control {
namespace {

std::string attribute(std::string_view text) {
  std::string out;
  append_xml_attribute(out, text);
  return out;
}

std::string class_element(const osfp::OsClass& one, unsigned accuracy) {
  std::string text = fmt::format("<osclass type=\"{}\" vendor=\"{}\" osfamily=\"{}\"",
                                 attribute(one.type), attribute(one.vendor), attribute(one.family));
  if (!one.generation.empty()) text += fmt::format(" osgen=\"{}\"", attribute(one.generation));
  text += fmt::format(" accuracy=\"{}\">", accuracy);
  for (const std::string& cpe : one.cpes) text += fmt::format("<cpe>{}</cpe>", attribute(cpe));
  return text + "</osclass>\n";
}

std::string match_element(const OsMatchReport& match) {
  std::string text = fmt::format("<osmatch name=\"{}\" accuracy=\"{}\" line=\"{}\">\n",
                                 attribute(match.name), match.accuracy, match.line);
  for (const osfp::OsClass& one : match.classes) text += class_element(one, match.accuracy);
  return text + "</osmatch>\n";
}

std::string os_element(const OsReport& os, const AuditRun& run) {
  std::string text = "<os>";
  const auto used = [&text](const std::optional<std::uint16_t>& port, std::string_view state,
                            std::string_view protocol) {
    if (!port) return;
    text += fmt::format("<portused state=\"{}\" proto=\"{}\" portid=\"{}\"/>\n", state, protocol,
                        *port);
  };
  used(os.open_tcp, "open", "tcp");
  used(os.closed_tcp, "closed", "tcp");
  used(os.closed_udp, "closed", "udp");
  for (const OsMatchReport& match : os.matches) text += match_element(match);
  if (const std::string shown = os_fingerprint(os, run); !shown.empty()) {
    text += fmt::format("<osfingerprint fingerprint=\"{}\"/>\n", attribute(shown));
  }
  return text + "</os>\n";
}

std::string hexadecimal(const std::vector<std::uint32_t>& values) {
  std::string text;
  for (const std::uint32_t value : values) {
    text += fmt::format("{}{:X}", text.empty() ? "" : ",", value);
  }
  return text;
}

std::string numbers_element(std::string_view name, const std::optional<OsReport::Numbers>& of) {
  if (!of) return {};
  std::string text = fmt::format("<{} class=\"{}\"", name, attribute(of->kind));
  if (!of->values.empty()) text += fmt::format(" values=\"{}\"", hexadecimal(of->values));
  return text + "/>\n";
}

// The DTD has no other place for it.
std::string ports_script(const OsReport& os) {
  if (os.ports.empty()) return {};
  std::string lines;
  for (const OsPortReport& port : os.ports) lines += os_port_text(port) + '\n';
  return fmt::format("<hostscript><script id=\"os-per-port\" output=\"{}\"/></hostscript>\n",
                     attribute(lines));
}

}  // namespace

std::string os_elements(const HostReport& report, const AuditRun& run) {
  if (!report.os || report.os->state == OsState::Skipped) return {};
  const OsReport& os = *report.os;
  std::string text = os_element(os, run);
  if (os.uptime) {
    text += fmt::format("<uptime seconds=\"{}\" lastboot=\"{}\"/>\n", os.uptime->count(),
                        calendar_time(os.last_boot));
  }
  if (os.distance) text += fmt::format("<distance value=\"{}\"/>\n", *os.distance);
  if (os.sequence) {
    text += fmt::format("<tcpsequence index=\"{}\" difficulty=\"{}\" values=\"{}\"/>\n",
                        os.sequence->index, attribute(os.sequence->difficulty),
                        hexadecimal(os.sequence->values));
  }
  return text + numbers_element("ipidsequence", os.ip_ids) +
         numbers_element("tcptssequence", os.stamps) + ports_script(os);
}

}  // namespace trawl::control
