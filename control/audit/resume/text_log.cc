#include "control/audit/resume/text_log.h"

#include <utility>

#include "control/audit/report/report_text.h"

namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;

constexpr std::string_view kStart = "# Nmap ";
constexpr std::string_view kInitiated = " scan initiated ";
constexpr std::string_view kCommand = " as: ";
constexpr std::string_view kDone = "# Nmap done at ";
constexpr std::string_view kSeconds = " seconds";  // Of one that is not torn, last.
constexpr std::string_view kEarly = "# Ended early: ";
constexpr std::string_view kNormalHost = "Nmap scan report for ";
constexpr std::string_view kGrepableHost = "Host: ";

}  // namespace

bool TextLog::take(const LogLine& line) {
  if (was_torn_) return false;
  if (!line.has_line_feed) return true;  // Torn: what it is of is not finished.
  end_ = line.end;
  const std::string_view text = line.text;
  if (text.starts_with(kDone)) {
    run().has_ended = !was_interrupted_ && !ended_early_ && text.ends_with(kSeconds);
    return close(ended_early_ && closed_ ? *closed_ : line.begin);
  }
  if (text.starts_with(kStart)) {
    if (take_start(line)) return true;
    // An end may be torn as well.
    was_torn_ = true;
    return has_begun();
  }
  if (!has_begun()) return false;
  if (was_interrupted_) return true;
  if (text.starts_with(kEarly)) {
    ended_early_ = true;
    return close(line.begin);
  }
  if (text.starts_with(kInterruptedMark)) {
    was_interrupted_ = true;
    return close(line.begin);
  }
  const bool may_be_normal = run().format == Format::Normal || !run().is_format_known;
  const bool may_be_grepable = run().format == Format::Grepable || !run().is_format_known;
  if (may_be_normal && text.starts_with(kNormalHost)) return take_normal_host(line);
  if (may_be_grepable && text.starts_with(kGrepableHost)) return take_grepable_host(line);
  // The rest of an older end is not cut off yet.
  if (closed_) run().has_ended = false;
  return true;
}

bool TextLog::finish() {
  if (!has_begun()) return false;
  // What is torn is cut off, and so is a host that may be.
  run().whole = host_ ? host_->begin : closed_.value_or(end_);
  return true;
}

// "# Nmap 7.93 scan initiated Sun Nov 22 08:01:41 2026 as: nmap -n 127.0.0.1"
bool TextLog::take_start(const LogLine& line) {
  const std::size_t initiated = line.text.find(kInitiated);
  const std::size_t command = line.text.find(kCommand);
  if (line.is_cut || initiated == std::string_view::npos || command == std::string_view::npos ||
      command < initiated + kInitiated.size()) {
    return false;
  }
  auto words = split_command_text(line.text.substr(command + kCommand.size()));
  if (words.empty()) return false;
  words.erase(words.begin());
  if (!end_host()) return false;
  if (continues(words) && !was_interrupted_) {
    closed_.reset();
    ended_early_ = false;
    return true;
  }
  const std::size_t from = initiated + kInitiated.size();
  begin_run(std::move(words));
  run().started = parse_calendar_time(line.text.substr(from, command - from));
  run().has_whole_start = true;
  closed_.reset();
  was_interrupted_ = ended_early_ = false;
  return true;
}

// "Nmap scan report for a name (198.18.0.1) [host down, received no-response]"
bool TextLog::take_normal_host(const LogLine& line) {
  run().format = Format::Normal;
  run().is_format_known = true;
  std::string_view who = line.text.substr(kNormalHost.size());
  const std::size_t status = who.rfind(" [host down");
  const bool is_down = who.ends_with(']') && status != std::string_view::npos;
  if (is_down) who = who.substr(0, status);
  const std::size_t open = who.rfind('(');
  if (who.ends_with(')') && open != std::string_view::npos) {
    who = who.substr(open + 1, who.size() - open - 2);
  }
  return begin_host({.address = std::string{who}, .is_up = !is_down, .begin = line.begin});
}

// "Host: 198.18.0.1 (a name)\tStatus: Up", and then "Host: 198.18.0.1 (a name)\tPorts: ..."
bool TextLog::take_grepable_host(const LogLine& line) {
  run().format = Format::Grepable;
  run().is_format_known = true;
  const std::string_view rest = line.text.substr(kGrepableHost.size());
  const std::string_view address = rest.substr(0, rest.find(' '));
  const std::size_t tab = rest.find('\t');
  const std::string_view field =
      tab == std::string_view::npos ? std::string_view{} : rest.substr(tab + 1);
  const bool is_status = field.starts_with("Status: ") && field != "Status: Timeout";
  if (host_ && host_->address == address && !is_status) return true;
  return begin_host({.address = std::string{address},
                     .is_up = !is_status || field == "Status: Up",
                     .begin = line.begin});
}

bool TextLog::begin_host(Host host) {
  // Over the line of a host that was torn may stand the end which was there before.
  if (!parse_log_address(host.address)) {
    was_torn_ = true;
    if (!host_) host_ = std::move(host);
    return true;
  }
  if (!end_host()) return false;
  // Somebody put more behind an end.
  closed_.reset();
  run().has_ended = ended_early_ = false;
  host_ = std::move(host);
  return true;
}

bool TextLog::close(std::uint64_t at) {
  if (!end_host()) return false;
  if (!closed_ || !was_interrupted_) closed_ = at;
  return true;
}

bool TextLog::end_host() {
  const auto host = std::exchange(host_, std::nullopt);
  return !host || add_host(host->address, host->is_up);
}

}  // namespace trawl::control
