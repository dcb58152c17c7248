#include "control/audit/report/os_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/audit/report/calendar.h"
#include "control/survey/output/text_writer.h"
#include "control/survey/text.h"
#include "osfp/active/scan_text.h"

namespace trawl::control {
namespace {

constexpr double kSecondsADay = 86'400;

std::string row(std::string_view head, std::string_view text) {
  return text.empty() ? std::string{} : fmt::format("{}: {}\n", head, printable(text));
}

bool tells_much(const AuditRun& run) noexcept { return run.verbosity > 1 || run.debugging > 0; }

// Each line fit for a terminal.
std::string printable_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, end)) + '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string fingerprint_block(const OsReport& os, const AuditRun& run) {
  const std::string shown = os_fingerprint(os, run);
  if (shown.empty()) return {};
  return fmt::format("TCP/IP fingerprint:\n{}\n", printable_lines(shown));
}

// Too many matches say little, whatever was found to ask.
std::string conditions_warning(const OsReport& os) {
  const bool has_names = os.state != OsState::Skipped && os.state != OsState::TooMany;
  if (!has_names || os.is_v6 || (os.open_tcp && os.closed_tcp)) return {};
  return "Warning: OSScan results may be unreliable because we could not find at least 1 open and "
         "1 closed port\n";
}

std::string class_rows(const OsReport& os, std::string_view running) {
  return row("Device type", os.summary.device_types) + row(running, os.summary.running) +
         row("OS CPE", os.summary.cpes);
}

std::string flaw_row(const OsReport& os) {
  return os.is_ideal ? std::string{} : row("OS fingerprint not ideal because", os.not_ideal);
}

constexpr std::string_view kGoodToLearnFrom =
    "(If you know what OS is running on it, its fingerprint can become an entry of a database).";

// Names that only come close are kept back where a new entry would serve everybody better.
std::string guesses_text(const OsReport& os, const AuditRun& run) {
  std::string text;
  if (!os.is_ideal || run.guesses_os) {
    text = class_rows(os, "Running (JUST GUESSING)");
    if (tells_much(run)) text += flaw_row(os);
    text += row("Aggressive OS guesses", os.summary.details);
  }
  return text + fmt::format("No exact OS matches for host {}\n",
                            os.is_ideal ? kGoodToLearnFrom : "(test conditions non-ideal).");
}

std::string none_text(const OsReport& os) {
  if (os.is_ideal) return fmt::format("No OS matches for host {}\n", kGoodToLearnFrom);
  return flaw_row(os) + "No OS matches for host\n";
}

std::string names_text(const OsReport& os, const AuditRun& run) {
  switch (os.state) {
    case OsState::Skipped: return {};
    case OsState::None: return none_text(os);
    case OsState::Matches: return class_rows(os, "Running") + row("OS details", os.summary.details);
    case OsState::TooMany:
      return class_rows(os, "Running") +
             "Too many fingerprints match this host to give specific OS details\n";
    case OsState::Guesses: return guesses_text(os, run);
  }
  return {};
}

std::string measured_text(const OsReport& os, const AuditRun& run) {
  std::string text;
  if (os.uptime && run.verbosity > 0) {
    text += fmt::format("Uptime guess: {:.3f} days (since {})\n",
                        static_cast<double>(os.uptime->count()) / kSecondsADay,
                        calendar_time(os.last_boot));
  }
  if (os.distance) {
    text += fmt::format("Network Distance: {} hop{}\n", *os.distance, *os.distance == 1 ? "" : "s");
  }
  if (os.sequence && run.verbosity > 0) {
    text += fmt::format("TCP Sequence Prediction: Difficulty={} ({})\n", os.sequence->index,
                        printable(os.sequence->difficulty));
  }
  if (os.ip_ids && run.verbosity > 0) text += row("IP ID Sequence Generation", os.ip_ids->kind);
  return text;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

constexpr std::string_view kStates[] = {"skipped", "none", "matches", "too-many", "guesses"};

std::string_view state_word(OsState state) noexcept {
  return kStates[static_cast<std::size_t>(state)];
}

std::string class_object(const osfp::OsClass& one) {
  std::string cpes;
  for (const std::string& cpe : one.cpes) {
    cpes += fmt::format("{}{}", cpes.empty() ? "" : ",", quoted(cpe));
  }
  return fmt::format("{{\"vendor\":{},\"family\":{},\"generation\":{},\"type\":{},\"cpe\":[{}]}}",
                     quoted(one.vendor), quoted(one.family), quoted(one.generation),
                     quoted(one.type), cpes);
}

std::string matches_member(const std::vector<OsMatchReport>& matches) {
  std::string text = ",\"matches\":[";
  for (const OsMatchReport& match : matches) {
    if (!text.ends_with('[')) text += ',';
    std::string classes;
    for (const osfp::OsClass& one : match.classes) {
      classes += fmt::format("{}{}", classes.empty() ? "" : ",", class_object(one));
    }
    text += fmt::format("{{\"name\":{},\"accuracy\":{},\"line\":{},\"classes\":[{}]}}",
                        quoted(match.name), match.accuracy, match.line, classes);
  }
  return text + ']';
}

std::string warnings_member(const OsReport& os) {
  if (os.warnings.empty()) return {};
  std::string text;
  for (const std::string& warning : os.warnings) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", quoted(warning));
  }
  return fmt::format(",\"warnings\":[{}]", text);
}

std::string listed(const std::vector<std::uint32_t>& values) {
  std::string text;
  for (const std::uint32_t value : values) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", value);
  }
  return text;
}

std::string numbers_member(std::string_view name, const std::optional<OsReport::Numbers>& numbers) {
  if (!numbers) return {};
  return fmt::format(",\"{}\":{{\"kind\":{},\"values\":[{}]}}", name, quoted(numbers->kind),
                     listed(numbers->values));
}

std::string measured_members(const OsReport& os) {
  std::string text;
  const auto port = [&text](std::string_view name, const std::optional<std::uint16_t>& number) {
    if (number) text += fmt::format(",\"{}\":{}", name, *number);
  };
  port("open_tcp", os.open_tcp);
  port("closed_tcp", os.closed_tcp);
  port("closed_udp", os.closed_udp);
  if (os.uptime) text += fmt::format(",\"uptime_s\":{}", os.uptime->count());
  if (os.distance) text += fmt::format(",\"distance\":{}", *os.distance);
  if (os.timing_ratio) text += fmt::format(",\"timing_ratio\":{:.4f}", *os.timing_ratio);
  if (os.sequence) {
    text += fmt::format(",\"sequence\":{{\"index\":{},\"difficulty\":{},\"values\":[{}]}}",
                        os.sequence->index, quoted(os.sequence->difficulty),
                        listed(os.sequence->values));
  }
  return text + numbers_member("ip_ids", os.ip_ids) + numbers_member("timestamps", os.stamps);
}

std::string ports_member(const OsReport& os) {
  if (os.ports.empty()) return {};
  std::string text = ",\"ports\":[";
  for (const OsPortReport& port : os.ports) {
    if (!text.ends_with('[')) text += ',';
    text += fmt::format("{{\"port\":{},\"state\":\"{}\"{},\"fingerprint\":{},\"machine\":{}",
                        port.port, state_word(port.state), matches_member(port.matches),
                        quoted(port.fingerprint), port.machine);
    if (port.machine != 0) text += fmt::format(",\"difference\":{}", quoted(port.difference));
    text += '}';
  }
  return text + ']';
}

}  // namespace

std::string os_text(const HostReport& report, const AuditRun& run) {
  if (!report.os) return {};
  const OsReport& os = *report.os;
  std::string text;
  for (const std::string& warning : os.warnings) text += fmt::format("{}\n", printable(warning));
  text += conditions_warning(os) + names_text(os, run) + fingerprint_block(os, run) +
          measured_text(os, run);
  if (!os.ports.empty()) text += "OS by port:\n";
  for (const OsPortReport& port : os.ports) {
    text += fmt::format("  {}\n", printable(os_port_text(port)));
  }
  return text;
}

std::string os_fingerprint(const OsReport& os, const AuditRun& run) {
  if (os.state == OsState::Skipped) return {};
  const bool is_news = os.state == OsState::Guesses || os.state == OsState::None;
  if (!tells_much(run) && !(is_news && os.is_ideal)) return {};
  const bool is_wrapped = os.is_ideal || os.state == OsState::Matches;
  return is_wrapped ? osfp::wrap_for_submission(os.fingerprint) : os.fingerprint;
}

std::string os_port_text(const OsPortReport& port) {
  std::string names;
  for (const OsMatchReport& match : port.matches) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", match.name);
    if (port.state == OsState::Guesses) names += fmt::format(" ({}%)", match.accuracy);
  }
  if (port.state == OsState::TooMany) names = "too many fingerprints match";
  if (names.empty()) names = "no match";
  if (port.machine != 0) {
    names += fmt::format("; seems to be on another machine: {}", port.difference);
  }
  return fmt::format("{}/tcp: {}", port.port, names);
}

std::string os_fields(const HostReport& report) {
  if (!report.os) return {};
  const OsReport& os = *report.os;
  std::string names;
  if (os.state == OsState::Matches) {
    for (const OsMatchReport& match : os.matches) {
      names += fmt::format("{}{}", names.empty() ? "\tOS: " : "|", printable(match.name));
    }
  }
  if (os.sequence) names += fmt::format("\tSeq Index: {}", os.sequence->index);
  if (os.ip_ids) names += fmt::format("\tIP ID Seq: {}", printable(os.ip_ids->kind));
  return names;
}

std::string os_member(const HostReport& report) {
  if (!report.os) return {};
  const OsReport& os = *report.os;
  std::string text =
      fmt::format(",\"os\":{{\"state\":\"{}\"{}", state_word(os.state), matches_member(os.matches));
  if (!os.fingerprint.empty()) text += fmt::format(",\"fingerprint\":{}", quoted(os.fingerprint));
  text += fmt::format(",\"ideal\":{}", os.is_ideal);
  if (!os.not_ideal.empty()) text += fmt::format(",\"not_ideal\":{}", quoted(os.not_ideal));
  return text + warnings_member(os) + measured_members(os) + ports_member(os) + '}';
}

}  // namespace trawl::control
