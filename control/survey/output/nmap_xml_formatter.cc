#include "control/survey/output/nmap_xml_formatter.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "control/survey/output/text_writer.h"
#include "control/survey/port_spec.h"
#include "control/survey/text.h"
#include "control/survey/version.h"

namespace trawl::control {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// "Fri Jan  2 03:04:05 2026", in UTC.
std::string calendar_time(NmapXmlFormatter::Clock::time_point time) {
  return fmt::format("{:%a %b %e %H:%M:%S %Y}",
                     fmt::gmtime(static_cast<std::time_t>(unix_seconds(time))));
}

// XML allows tab, line feed and carriage return of the control characters, and neither U+FFFE nor
// U+FFFF.
bool allowed_in_xml(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x20) return first == '\t' || first == '\n' || first == '\r';
  return character != "\xef\xbf\xbe" && character != "\xef\xbf\xbf";
}

void append_xml_character(std::string& out, std::string_view character) {
  if (!allowed_in_xml(character)) {
    out += kReplacement;
    return;
  }
  switch (character[0]) {
    case '&': out += "&amp;"; return;
    case '<': out += "&lt;"; return;
    case '>': out += "&gt;"; return;
    case '"': out += "&quot;"; return;
    case '\t': out += "&#x9;"; return;
    case '\n': out += "&#xa;"; return;
    case '\r': out += "&#xd;"; return;
    default: break;
  }
  // Control characters, too, which some terminals obey (ISO 6429).
  const auto last = static_cast<unsigned char>(character.back());
  if (character[0] == '\x7f' || (character.size() == 2 && character[0] == '\xc2' && last < 0xa0)) {
    fmt::format_to(std::back_inserter(out), "&#x{:x};", last);
    return;
  }
  const bool second_dash = character[0] == '-' && out.ends_with('-');
  out += second_dash ? "&#45;" : character;
}

// The words with a space between them; what holds a space is in quotes.
std::string join_command(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    const bool quoted = word.empty() || word.find_first_of(" \t\n\"'") != std::string::npos;
    if (quoted) line += '\'';
    line += word;
    if (quoted) line += '\'';
  }
  return line;
}

std::string_view host_state(const Verdict& verdict) noexcept {
  const bool answered = verdict.state != PortState::Unreachable || verdict.from == verdict.ip;
  return answered ? "up" : "unknown";
}

std::string_view port_state(PortState state) noexcept {
  return state == PortState::Unreachable ? "filtered" : to_string(state);
}

// The line that says what was asked for; Nmap writes none where probes have no port.
std::string scan_info(const RunDescription& run) {
  if (!has_ports(run.probe)) return {};
  const Protocol protocol = protocol_of(run.probe);
  std::string_view type = "syn";
  if (run.probe == dataplane::ProbeKind::TcpAck) type = "ack";
  if (protocol == Protocol::Udp) type = "udp";
  return fmt::format("<scaninfo type=\"{}\" protocol=\"{}\" numservices=\"{}\" services=\"{}\"/>\n",
                     type, to_string(protocol), run.ports.size(), format_ports(run.ports));
}

char* put_reason(char* out, const Verdict& verdict) noexcept {
  out = put(put(out, R"(" reason=")"), to_string(verdict.reason));
  return put_number(put(out, R"(" reason_ttl=")"), verdict.ttl);
}

char* put_port(char* out, const Verdict& verdict) noexcept {
  out = put(put(out, R"(<ports><port protocol=")"), to_string(verdict.protocol));
  out = put_number(put(out, R"(" portid=")"), verdict.port);
  out = put_reason(put(put(out, R"("><state state=")"), port_state(verdict.state)), verdict);
  if (verdict.from != verdict.ip) out = put_address(put(out, R"(" reason_ip=")"), verdict.from);
  return put(out, R"("/></port></ports>)");
}

// "" for a fact that says nothing of the service.
std::string service_element(const ServiceFact& fact) {
  if (fact.service.empty() && fact.fingerprint.empty() && !fact.is_tls) return {};
  std::string text = "<service";
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    fmt::format_to(std::back_inserter(text), " {}=\"", name);
    append_xml_attribute(text, value);
    text += '"';
  };
  add("name", fact.service.empty() ? "unknown" : std::string_view{fact.service});
  add("product", fact.product);
  add("version", fact.version);
  add("extrainfo", fact.info);
  add("hostname", fact.hostname);
  add("ostype", fact.os);
  add("devicetype", fact.device);
  add("servicefp", fact.fingerprint);
  if (fact.is_tls) add("tunnel", "ssl");
  // As Nmap: 10 of a service that was probed, 8 of one behind tcpwrapped, 3 of a guess.
  std::string_view confidence = fact.service.empty() ? "3" : "10";
  if (fact.port_class == PortClass::Resets) confidence = "8";
  add("method", fact.service.empty() ? "table" : "probed");
  add("conf", confidence);
  text += '>';
  for (const std::string& cpe : fact.cpes) {
    text += "<cpe>";
    append_xml_attribute(text, cpe);
    text += "</cpe>";
  }
  return text + "</service>";
}

// "" for a fact that says nothing of its host.
std::string os_element(const ServiceFact& fact) {
  if (fact.systems.empty() && fact.fingerprint.empty()) return {};
  std::string text = fmt::format(R"(<os><portused state="open" proto="{}" portid="{}"/>)",
                                 to_string(fact.protocol), fact.port);
  for (const ServiceFact::System& system : fact.systems) {
    text += "<osmatch name=\"";
    append_xml_attribute(text, system.name);
    fmt::format_to(std::back_inserter(text), "\" accuracy=\"{}\" line=\"{}\"/>", system.accuracy,
                   system.line);
  }
  if (!fact.fingerprint.empty()) {
    text += "<osfingerprint fingerprint=\"";
    append_xml_attribute(text, fact.fingerprint);
    text += "\"/>";
  }
  return text + "</os>";
}

// What a host element begins with.
std::string host_start(const ServiceFact& fact) {
  const std::string_view reason = fact.protocol == Protocol::Udp ? "udp-response" : "syn-ack";
  const std::uint64_t seconds = unix_seconds(fact.time);
  return fmt::format(
      "<host starttime=\"{}\" endtime=\"{}\"><status state=\"up\" reason=\"{}\" "
      "reason_ttl=\"0\"/><address addr=\"{}\" addrtype=\"{}\"/><hostnames></hostnames>",
      seconds, seconds, reason, fact.ip.to_string(), fact.ip.is_v4() ? "ipv4" : "ipv6");
}

}  // namespace

void append_xml_attribute(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    append_xml_character(out, length == 0 ? kReplacement : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

NmapXmlFormatter::NmapXmlFormatter(const RunDescription& run, NowFunction now)
    : started_{run.started}, now_{now} {
  std::string args;
  append_xml_attribute(args, join_command(run.command_line));
  header_ = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE nmaprun>\n"
      "<nmaprun scanner=\"nmap\" args=\"{}\" start=\"{}\" startstr=\"{}\" version=\"{}\" "
      "xmloutputversion=\"1.05\">\n"
      "{}"
      "<verbose level=\"0\"/>\n"
      "<debugging level=\"0\"/>\n",
      args, unix_seconds(started_), calendar_time(started_), kVersion, scan_info(run));
}

char* NmapXmlFormatter::write(char* out, const Verdict& verdict,
                              std::uint64_t /*before*/) noexcept {
  const std::uint64_t seconds = unix_seconds(verdict.time);
  out = put_number(put(out, R"(<host starttime=")"), seconds);
  out = put_number(put(out, R"(" endtime=")"), seconds);
  out = put_reason(put(put(out, R"("><status state=")"), host_state(verdict)), verdict);
  out = put_address(put(out, R"("/><address addr=")"), verdict.ip);
  out = put(put(out, R"(" addrtype=")"), verdict.ip.is_v4() ? "ipv4" : "ipv6");
  out = put(out, R"("/><hostnames></hostnames>)");
  if (verdict.protocol != Protocol::Icmp) out = put_port(out, verdict);
  if (verdict.rtt_us) {
    // The first sample of a round-trip time sets all of them; the timeout is their sum as Nmap's.
    const std::uint64_t rtt = *verdict.rtt_us;
    out = put_number(put(out, R"(<times srtt=")"), rtt);
    out = put_number(put(out, R"(" rttvar=")"), rtt);
    out = put_number(put(out, R"(" to=")"), std::max<std::uint64_t>(5 * rtt, 100'000));
    out = put(out, R"("/>)");
  }
  return put(out, "</host>\n");
}

std::string NmapXmlFormatter::fact_record(const ServiceFact& fact, std::uint64_t /*before*/) {
  if (fact.source == ServiceFact::Source::Os) {
    const std::string os = os_element(fact);
    return os.empty() ? os : fmt::format("{}{}</host>\n", host_start(fact), os);
  }
  const std::string service = service_element(fact);
  if (service.empty()) return {};
  const std::string_view reason = fact.protocol == Protocol::Udp ? "udp-response" : "syn-ack";
  return fmt::format(
      "{}<ports><port protocol=\"{}\" portid=\"{}\"><state state=\"open\" reason=\"{}\" "
      "reason_ttl=\"0\"/>{}</port></ports></host>\n",
      host_start(fact), to_string(fact.protocol), fact.port, reason, service);
}

std::string NmapXmlFormatter::footer(std::uint64_t records) const {
  const auto now = now_();
  const double elapsed = std::max(0.0, std::chrono::duration<double>(now - started_).count());
  return fmt::format(
      "<runstats><finished time=\"{}\" timestr=\"{}\" summary=\"trawl survey: {} findings in "
      "{:.2f} "
      "seconds\" elapsed=\"{:.2f}\"/><hosts up=\"{}\" down=\"0\" total=\"{}\"/>\n"
      "</runstats>\n"
      "</nmaprun>\n",
      unix_seconds(now), calendar_time(now), records, elapsed, elapsed, records, records);
}

}  // namespace trawl::control
