#include "control/audit/report/xml_format.h"

#include <fmt/format.h>

#include "control/audit/report/calendar.h"
#include "control/audit/report/os_xml.h"
#include "control/audit/report/port_summary.h"
#include "control/audit/report/report_text.h"
#include "control/audit/report/service_text.h"
#include "control/audit/report/task_text.h"
#include "control/survey/output/nmap_xml_formatter.h"
#include "control/survey/output/text_writer.h"
#include "control/survey/version.h"
#include "nse/engine/output_value.h"

namespace trawl::control {
namespace {

// Of a failure in the footer, which has to stay short: a byte may become six.
constexpr std::size_t kLongestFailure = 80;

std::string attribute(std::string_view text) {
  std::string out;
  append_xml_attribute(out, text);
  return out;
}

std::string scan_info(const ScanInfo& scan) {
  const std::string flags = scan.scan_flags.empty()
                                ? std::string{}
                                : fmt::format(" scanflags=\"{}\"", attribute(scan.scan_flags));
  return fmt::format(
      "<scaninfo type=\"{}\"{} protocol=\"{}\" numservices=\"{}\" services=\"{}\"/>\n", scan.type,
      flags, name_of(scan.protocol), scan.ports.size(), ranges_text(scan.ports));
}

std::string host_start(const HostReport& report) {
  std::string text = report.interrupted ? fmt::format("{}\n<host", kInterruptedComment) : "<host";
  if (report.ports_scanned || report.timed_out || !report.traces.empty()) {
    text += fmt::format(" starttime=\"{}\" endtime=\"{}\"", unix_seconds(report.started),
                        unix_seconds(report.ended));
  }
  return text + (report.timed_out ? " timedout=\"true\">" : ">");
}

std::string addresses(const HostReport& report) {
  std::string text = fmt::format("<address addr=\"{}\" addrtype=\"{}\"/>\n", report.ip.to_string(),
                                 report.ip.is_v4() ? "ipv4" : "ipv6");
  if (!report.mac) return text;
  const std::string vendor = report.vendor.empty()
                                 ? std::string{}
                                 : fmt::format(" vendor=\"{}\"", attribute(report.vendor));
  return text +
         fmt::format("<address addr=\"{}\" addrtype=\"mac\"{}/>\n", mac_text(*report.mac), vendor);
}

std::string host_names(const HostReport& report) {
  std::string text = "<hostnames>\n";
  const auto add = [&text](std::string_view name, std::string_view type) {
    if (name.empty()) return;
    text += fmt::format("<hostname name=\"{}\" type=\"{}\"/>\n", attribute(name), type);
  };
  add(report.name, "user");
  add(report.reverse_name, "PTR");
  return text + "</hostnames>\n";
}

std::string extra_ports(const IgnoredState& state) {
  std::string text =
      fmt::format("<extraports state=\"{}\" count=\"{}\">\n", name_of(state.state), state.count);
  for (const IgnoredReason& reason : state.reasons) {
    text += fmt::format("<extrareasons reason=\"{}\" count=\"{}\" proto=\"{}\" ports=\"{}\"/>\n",
                        reason.word, reason.ports.size(), name_of(reason.protocol),
                        ranges_text(reason.ports));
  }
  return text + "</extraports>\n";
}

// Attributes in Nmap's order.
std::string service_element(const PortReport& port, const PortNames* names) {
  const ServiceText service = service_text(port, names);
  if (service.name.empty()) return {};
  std::string text = "<service";
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (!value.empty()) text += fmt::format(" {}=\"{}\"", name, attribute(value));
  };
  add("name", service.name);
  add("product", service.product);
  add("version", service.version);
  add("extrainfo", service.info);
  const service::ServiceFinding* const found = port.service.get();
  if (found != nullptr) {
    add("hostname", found->hostname);
    add("ostype", found->os);
    add("devicetype", found->device);
    add("servicefp", found->fingerprint);
    if (found->rpc) {
      text += fmt::format(" proto=\"rpc\" rpcnum=\"{}\" lowver=\"{}\" highver=\"{}\"",
                          found->rpc->number, found->rpc->low, found->rpc->high);
    }
  }
  if (service.is_tls) add("tunnel", "ssl");
  text += fmt::format(" method=\"{}\" conf=\"{}\"", service.is_probed ? "probed" : "table",
                      service.confidence);
  if (found == nullptr || found->cpes.empty()) return text + "/>";
  text += '>';
  for (const std::string_view cpe : cpes_of(*found)) {
    text += fmt::format("<cpe>{}</cpe>", attribute(cpe));
  }
  return text + "</service>";
}

std::string script_elements(std::span<const ScriptReport> scripts) {
  std::string text;
  for (const ScriptReport& script : scripts) text += nse::script_xml(script.id, script.output);
  return text;
}

std::string port_element(const PortReport& port, const PortNames* names) {
  std::string text = fmt::format(
      "<port protocol=\"{}\" portid=\"{}\"><state state=\"{}\" reason=\"{}\" reason_ttl=\"{}\"",
      name_of(port.protocol), port.number, name_of(port.state), port.reason.word, port.reason.ttl);
  if (port.reason.from) text += fmt::format(" reason_ip=\"{}\"", port.reason.from->to_string());
  text += "/>";
  if (port.protocol == PortProtocol::Ip) {
    const std::string_view name = name_of_port(names, port);
    text += '\n';
    if (!name.empty()) {
      text += fmt::format("<service name=\"{}\" conf=\"8\" method=\"table\"/>", attribute(name));
    }
  } else {
    text += service_element(port, names);
  }
  if (port.scripts) text += script_elements(*port.scripts);
  return text + "</port>\n";
}

std::string ports(const HostReport& report, const AuditRun& run, const PortNames* names) {
  const PortSummary summary = summarize_ports(report, run);
  std::string text = "<ports>";
  for (const IgnoredState& state : summary.ignored) text += extra_ports(state);
  for (const PortReport* port : summary.listed) text += port_element(*port, names);
  return text + "</ports>\n";
}

std::string trace_element(const TraceReport& trace) {
  std::string text = "<trace";
  if (trace.port != 0) text += fmt::format(" port=\"{}\"", trace.port);
  if (trace.port != 0 || trace.protocol == "icmp") {
    text += fmt::format(" proto=\"{}\"", trace.protocol);
  }
  text += ">\n";
  for (const HopReport& hop : trace.hops) {
    text += fmt::format("<hop ttl=\"{}\" ipaddr=\"{}\" rtt=\"{:.2f}\"", hop.ttl, hop.ip.to_string(),
                        hop.rtt.count());
    if (!hop.name.empty()) text += fmt::format(" host=\"{}\"", attribute(hop.name));
    text += "/>\n";
  }
  return text + "</trace>\n";
}

}  // namespace

std::string XmlFormat::header() const {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE nmaprun>\n";
  if (!run_.stylesheet.empty()) {
    text += fmt::format("<?xml-stylesheet href=\"{}\" type=\"text/xsl\"?>\n",
                        attribute(run_.stylesheet));
  }
  text += fmt::format(
      "<!-- {} -->\n"
      "<nmaprun scanner=\"nmap\" args=\"{}\" start=\"{}\" startstr=\"{}\" version=\"{}\" "
      "xmloutputversion=\"1.05\">\n",
      attribute(initiated_text(run_)), attribute(command_text(run_)), unix_seconds(run_.started),
      calendar_time(run_.started), kVersion);
  for (const ScanInfo& scan : run_.scans) {
    // Nmap's DTD has no word for the idle scan.
    if (scan.type != "idle") text += scan_info(scan);
  }
  return text + fmt::format(
                    "<verbose level=\"{}\"/>\n"
                    "<debugging level=\"{}\"/>\n",
                    run_.verbosity, run_.debugging);
}

std::string XmlFormat::host(const HostReport& report) const {
  if (!is_told(report, run_)) return {};
  constexpr std::string_view kStatus[] = {"unknown", "up", "down"};
  std::string text = fmt::format(
      "{}<status state=\"{}\" reason=\"{}\" reason_ttl=\"{}\"/>\n", host_start(report),
      kStatus[static_cast<std::size_t>(report.status)], report.reason.word, report.reason.ttl);
  text += addresses(report);
  const bool named = !report.name.empty() || !report.reverse_name.empty();
  if (report.status == HostStatus::Up || named) text += host_names(report);
  const bool has_ports = report.timed_out ? !report.ports.empty() : report.ports_scanned;
  if (has_ports) text += ports(report, run_, names_);
  text += os_elements(report, run_);
  if (!report.scripts.empty()) {
    text += fmt::format("<hostscript>{}</hostscript>", script_elements(report.scripts));
  }
  for (const TraceReport& trace : report.traces) text += trace_element(trace);
  if (report.times.srtt_us >= 0) {
    text += fmt::format("<times srtt=\"{}\" rttvar=\"{}\" to=\"{}\"/>\n", report.times.srtt_us,
                        report.times.rttvar_us, report.times.timeout_us);
  }
  return text + "</host>\n";
}

std::string XmlFormat::scripts(bool is_before, const std::vector<ScriptReport>& scripts) const {
  const std::string_view name = is_before ? "prescript" : "postscript";
  return fmt::format("<{0}>{1}</{0}>", name, script_elements(scripts));
}

std::string XmlFormat::task(const TaskNote& note) const { return task_element(note); }

std::string XmlFormat::hint(const HostReport& report) const {
  return fmt::format(
      "<hosthint><status state=\"up\" reason=\"{}\" reason_ttl=\"{}\"/>\n{}{}</hosthint>\n",
      report.reason.word, report.reason.ttl, addresses(report), host_names(report));
}

std::string XmlFormat::footer(const AuditTotals& totals) const {
  const std::string when = calendar_time(totals.now);
  const std::string failure{totals.is_running ? kNotEnded : totals.failure};
  const std::string exit = failure.empty()
                               ? std::string{"exit=\"success\""}
                               : fmt::format("exit=\"error\" errormsg=\"{}\"",
                                             attribute(failure.substr(0, kLongestFailure)));
  return fmt::format(
      "<runstats><finished time=\"{}\" timestr=\"{}\" summary=\"Nmap done at {}; {}\" "
      "elapsed=\"{:.2f}\" {}/><hosts up=\"{}\" down=\"{}\" total=\"{}\"/>\n"
      "</runstats>\n"
      "</nmaprun>\n",
      unix_seconds(totals.now), when, when, totals_text(totals), totals.elapsed.count(), exit,
      totals.up, totals.hosts - totals.up, totals.hosts);
}

}  // namespace trawl::control
