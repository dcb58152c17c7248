#include "control/audit/report/json_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/audit/report/base64.h"
#include "control/audit/report/os_text.h"
#include "control/audit/report/port_summary.h"
#include "control/audit/report/report_text.h"
#include "control/audit/report/service_text.h"
#include "control/survey/output/text_writer.h"
#include "control/survey/text.h"
#include "control/survey/version.h"
#include "nse/engine/output_value.h"

namespace trawl::control {
namespace {

// Of a failure in the footer, which has to stay short: a byte may become six.
constexpr std::size_t kLongestFailure = 80;

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string timestamp(std::chrono::system_clock::time_point time) {
  std::array<char, TimestampWriter::kSize> text{};
  TimestampWriter{}.write(text.data(), time);
  return {text.data(), text.size()};
}

// ,"reason":"reset","ttl":64,"from":"198.18.0.1"
std::string reason_members(const Reason& reason) {
  std::string text = fmt::format(",\"reason\":{}", quoted(reason.word));
  if (reason.ttl != 0) text += fmt::format(",\"ttl\":{}", reason.ttl);
  if (reason.from) text += fmt::format(",\"from\":\"{}\"", reason.from->to_string());
  return text;
}

std::string names_member(const HostReport& report) {
  std::string list;
  const auto add = [&list](std::string_view name, std::string_view type) {
    if (name.empty()) return;
    list += fmt::format("{}{{\"name\":{},\"type\":\"{}\"}}", list.empty() ? "" : ",", quoted(name),
                        type);
  };
  add(report.name, "user");
  add(report.reverse_name, "ptr");
  return fmt::format(",\"names\":[{}]", list);
}

std::string link_members(const HostReport& report) {
  if (!report.mac) return {};
  std::string text = fmt::format(",\"mac\":\"{}\"", report.mac->to_string());
  if (!report.vendor.empty()) text += fmt::format(",\"vendor\":{}", quoted(report.vendor));
  return text;
}

// Bytes that are text of lines as they are, others in base64: they can be had back either way.
std::string response_member(std::string_view response) {
  const auto is_text = [](char c) {
    return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t';
  };
  if (std::ranges::all_of(response, is_text)) {
    return fmt::format(",\"response\":{}", quoted(response));
  }
  return fmt::format(",\"response_base64\":\"{}\"", base64(response));
}

// Which answer to which probe decided, by which line.
std::string why_member(const service::Evidence& why) {
  std::string text;
  const auto add = [&text](std::string_view member) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", member);
  };
  if (!why.probe.empty()) add(fmt::format("\"probe\":{}", quoted(why.probe)));
  if (!why.line_probe.empty()) add(fmt::format("\"line_probe\":{}", quoted(why.line_probe)));
  if (why.line != 0) add(fmt::format("\"line\":{}", why.line));
  if (!why.response.empty()) add(std::string_view{response_member(why.response)}.substr(1));
  return text.empty() ? text : fmt::format(",\"why\":{{{}}}", text);
}

// What version detection found, where the port was asked.
std::string detection_member(const PortReport& port, const ServiceText& service) {
  if (!port.service) return {};
  const service::ServiceFinding& found = *port.service;
  constexpr std::string_view kOutcomes[] = {"excluded", "silent",     "unknown", "soft-matched",
                                            "matched",  "tcpwrapped", "failed",  "incomplete"};
  std::string text =
      fmt::format(",\"detection\":{{\"outcome\":\"{}\",\"method\":\"{}\",\"confidence\":{}",
                  kOutcomes[static_cast<std::size_t>(found.outcome)],
                  service.is_probed ? "probed" : "table", service.confidence);
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (!value.empty()) text += fmt::format(",\"{}\":{}", name, quoted(value));
  };
  if (found.is_tls) add("tunnel", "ssl");
  add("product", service.product);
  add("version", service.version);
  add("info", service.info);
  add("hostname", found.hostname);
  add("os", found.os);
  add("device", found.device);
  if (!found.cpes.empty()) {
    std::string cpes;
    for (const std::string_view cpe : cpes_of(found)) {
      cpes += fmt::format("{}{}", cpes.empty() ? "" : ",", quoted(cpe));
    }
    text += fmt::format(",\"cpe\":[{}]", cpes);
  }
  if (found.rpc) {
    text += fmt::format(",\"rpc\":{{\"number\":{},\"low\":{},\"high\":{}}}", found.rpc->number,
                        found.rpc->low, found.rpc->high);
  }
  add("fingerprint", found.fingerprint);
  add("trouble", found.trouble);
  return text + why_member(found.evidence) + '}';
}

// A table has "value" where it says itself what it is, and its items with or without keys.
std::string structure_object(const nse::OutputValue& value) {
  if (!value.is_table) return quoted(value.text);
  std::string items;
  for (const nse::OutputItem& item : value.items) {
    items += items.empty() ? "{" : ",{";
    if (item.key) items += fmt::format("\"key\":{},", quoted(*item.key));
    items += fmt::format("\"value\":{}}}", structure_object(item.value));
  }
  return fmt::format("[{}]", items);
}

// ,"scripts":[{"id":"banner","output":"...","structure":...}]
std::string scripts_member(std::span<const ScriptReport> scripts) {
  std::string list;
  for (const ScriptReport& script : scripts) {
    list += fmt::format("{}{{\"id\":{},\"output\":{}", list.empty() ? "" : ",", quoted(script.id),
                        quoted(script.output.text));
    if (script.output.structure) {
      list += fmt::format(",\"structure\":{}", structure_object(*script.output.structure));
    }
    list += '}';
  }
  return list.empty() ? list : fmt::format(",\"scripts\":[{}]", list);
}

std::string port_object(const PortReport& port, const PortNames* names) {
  std::string text =
      fmt::format("{{\"port\":{},\"protocol\":\"{}\",\"state\":\"{}\"{}", port.number,
                  name_of(port.protocol), name_of(port.state), reason_members(port.reason));
  const ServiceText service = service_text(port, names);
  if (!service.name.empty()) text += fmt::format(",\"service\":{}", quoted(service.name));
  text += detection_member(port, service);
  if (port.scripts) text += scripts_member(*port.scripts);
  return text + '}';
}

std::string ignored_object(const IgnoredState& state) {
  std::string reasons;
  for (const IgnoredReason& reason : state.reasons) {
    reasons +=
        fmt::format("{}{{\"reason\":{},\"protocol\":\"{}\",\"count\":{},\"ports\":\"{}\"}}",
                    reasons.empty() ? "" : ",", quoted(reason.word), name_of(reason.protocol),
                    reason.ports.size(), ranges_text(reason.ports));
  }
  return fmt::format("{{\"state\":\"{}\",\"count\":{},\"reasons\":[{}]}}", name_of(state.state),
                     state.count, reasons);
}

std::string port_members(const HostReport& report, const AuditRun& run, const PortNames* names) {
  const PortSummary summary = summarize_ports(report, run);
  std::string text = ",\"ports\":[";
  for (const PortReport* port : summary.listed) {
    if (!text.ends_with('[')) text += ',';
    text += port_object(*port, names);
  }
  text += "],\"ignored\":[";
  for (const IgnoredState& state : summary.ignored) {
    if (!text.ends_with('[')) text += ',';
    text += ignored_object(state);
  }
  return text + ']';
}

std::string trace_member(const TraceReport& trace) {
  std::string text = ",\"trace\":{";
  if (trace.port != 0 || trace.protocol == "icmp") {
    text += fmt::format("\"protocol\":{},", quoted(trace.protocol));
  }
  if (trace.port != 0) text += fmt::format("\"port\":{},", trace.port);
  text += "\"hops\":[";
  for (const HopReport& hop : trace.hops) {
    if (!text.ends_with('[')) text += ',';
    text += fmt::format("{{\"ttl\":{},\"ip\":\"{}\"", hop.ttl, hop.ip.to_string());
    if (!hop.name.empty()) text += fmt::format(",\"name\":{}", quoted(hop.name));
    text += fmt::format(",\"rtt_ms\":{:.3f}}}", hop.rtt.count());
  }
  return text + "]}";
}

std::string times_member(const HostTimes& times) {
  if (times.srtt_us < 0) return {};
  return fmt::format(",\"times\":{{\"srtt_us\":{},\"rttvar_us\":{},\"timeout_us\":{}}}",
                     times.srtt_us, times.rttvar_us, times.timeout_us);
}

}  // namespace

std::string JsonFormat::header() const {
  std::string text = fmt::format(
      "{{\"schema\":\"trawl.v1\",\"record\":\"start\",\"start\":\"{}\","
      "\"version\":\"{}\",\"command\":[{}",
      timestamp(run_.started), kVersion, quoted(run_.program));
  for (const std::string& word : run_.command_line) text += fmt::format(",{}", quoted(word));
  return text + "]}\n";
}

std::string JsonFormat::host(const HostReport& report) const {
  if (!is_told(report, run_)) return {};
  constexpr std::string_view kStatus[] = {"unknown", "up", "down"};
  std::string text = fmt::format("{{\"schema\":\"trawl.v1\",\"record\":\"host\",\"ip\":\"{}\"{}",
                                 report.ip.to_string(), names_member(report));
  text += fmt::format(",\"status\":\"{}\"{}{}", kStatus[static_cast<std::size_t>(report.status)],
                      reason_members(report.reason), link_members(report));
  const bool scanned = report.ports_scanned || report.timed_out;
  if (scanned || !report.traces.empty()) {
    text += fmt::format(",\"start\":\"{}\",\"end\":\"{}\"", timestamp(report.started),
                        timestamp(report.ended));
  }
  if (report.interrupted) text += ",\"interrupted\":true";
  if (report.timed_out) text += ",\"timed_out\":true";
  if (scanned) text += port_members(report, run_, names_);
  text += os_member(report);
  text += scripts_member(report.scripts);
  if (!report.traces.empty()) text += trace_member(report.traces.front());
  return text + times_member(report.times) + "}\n";
}

std::string JsonFormat::scripts(bool is_before, const std::vector<ScriptReport>& scripts) const {
  return fmt::format("{{\"schema\":\"trawl.v1\",\"record\":\"{}\"{}}}\n",
                     is_before ? "prescript" : "postscript", scripts_member(scripts));
}

std::string JsonFormat::footer(const AuditTotals& totals) const {
  std::string text = fmt::format(
      "{{\"schema\":\"trawl.v1\",\"record\":\"run\",\"start\":\"{}\",\"end\":\"{}\","
      "\"elapsed_ms\":{:.0f},\"hosts\":{},\"up\":{},\"down\":{}",
      timestamp(run_.started), timestamp(totals.now), totals.elapsed.count() * 1e3, totals.hosts,
      totals.up, totals.hosts - totals.up);
  if (totals.raw_packets_sent != 0) {
    text += fmt::format(
        ",\"packets_sent\":{},\"bytes_sent\":{},\"packets_received\":{},\"bytes_received\":{}",
        totals.raw_packets_sent, totals.raw_bytes_sent, totals.raw_packets_received,
        totals.raw_bytes_received);
  }
  const std::string failure{totals.is_running ? kNotEnded : totals.failure};
  if (failure.empty()) return text + ",\"exit\":\"success\"}\n";
  // The space tells what is left of this line behind a host that was torn from that host's end.
  return text + fmt::format(",\"exit\":\"error\",\"error\":{}}}{}\n",
                            quoted(failure.substr(0, kLongestFailure)),
                            totals.is_running ? " " : "");
}

}  // namespace trawl::control
