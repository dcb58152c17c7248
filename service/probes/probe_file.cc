#include "service/probes/probe_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <unordered_map>
#include <utility>

#include "service/probes/line_parts.h"

namespace trawl::service {
namespace {

constexpr std::size_t kLongestName = 128;
constexpr std::size_t kMostFallbacks = 64;
constexpr unsigned kLongestWait = 3'600'000;  // An hour, in milliseconds.

// Reads a file line by line into a ProbeFile.
class Reader {
 public:
  explicit Reader(ProbeFile& file) noexcept : file_{file} {}

  void take_line(std::string_view line);
  void finish();

 private:
  void report(std::size_t line, std::string reason);
  void check(const Part<bool>& outcome);
  Part<bool> take_directive(std::string_view name, std::string_view rest);
  Part<bool> take_exclude(std::string_view rest);
  Part<bool> take_probe(std::string_view rest);
  Part<bool> take_match(std::string_view rest, bool is_soft);
  Part<bool> take_setting(std::string_view name, std::string_view rest);
  Part<bool> take_fallback(std::string_view rest);
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name, Transport transport) const;

  ProbeFile& file_;
  std::size_t line_ = 0;
  std::size_t matches_ = 0;
  bool has_exclude_ = false;
  bool skips_ = false;                   // The lines of a probe that was left out.
  std::set<std::string_view> settings_;  // Of this probe; the names are literals below.
  std::unordered_map<std::string, std::size_t> by_name_[2];  // By transport.
  std::vector<std::size_t> fallback_lines_;                  // By probe.
};

void Reader::report(std::size_t line, std::string reason) {
  if (file_.problems.size() < ProbeFile::kMostProblems) {
    file_.problems.push_back({line, std::move(reason)});
  } else if (file_.problems.size() == ProbeFile::kMostProblems) {
    file_.problems.push_back({line, "and more wrong lines, which are not listed"});
  }
}

void Reader::check(const Part<bool>& outcome) {
  if (!outcome) report(line_, outcome.error());
}

void Reader::take_line(std::string_view line) {
  ++line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return;
  const bool is_probe = LineParts{line}.word() == "Probe";
  // Whatever is wrong with a Probe line, what follows it belongs to no other probe.
  if (is_probe) skips_ = true;
  if (line.size() > ProbeFile::kLongestLine) {
    return report(line_, fmt::format("the line is over {} bytes long", ProbeFile::kLongestLine));
  }
  if (line.find('\0') != std::string_view::npos) return report(line_, "the line has a NUL byte");
  LineParts parts{line};
  const std::string_view name = parts.word();
  parts.skip_blanks();
  if (is_probe) {
    const auto good = take_probe(parts.rest());
    if (good) {
      skips_ = false;
    } else {
      report(line_, fmt::format("the probe and its lines are left out: {}", good.error()));
    }
  } else {
    check(take_directive(name, parts.rest()));
  }
}

Part<bool> Reader::take_directive(std::string_view name, std::string_view rest) {
  if (name == "Exclude") return take_exclude(rest);
  const bool is_match = name == "match" || name == "softmatch";
  const bool is_setting = name == "ports" || name == "sslports" || name == "rarity" ||
                          name == "totalwaitms" || name == "tcpwrappedms" || name == "fallback";
  if (!is_match && !is_setting) {
    return wrong(fmt::format("the directive {} is unknown", quoted(name)));
  }
  if (skips_) return true;
  if (file_.probes.empty()) return wrong(fmt::format("{} is before any Probe", name));
  if (is_match) return take_match(rest, name == "softmatch");
  return take_setting(name, rest);
}

Part<bool> Reader::take_exclude(std::string_view rest) {
  if (has_exclude_) return wrong("a second Exclude; the first one holds");
  if (!file_.probes.empty() || skips_) return wrong("Exclude is behind a Probe");
  auto ports = parse_excluded(rest);
  if (!ports) return wrong(fmt::format("in Exclude, {}", ports.error()));
  has_exclude_ = true;
  file_.excluded_tcp = std::move(ports->tcp);
  file_.excluded_udp = std::move(ports->udp);
  return true;
}

Part<bool> Reader::take_probe(std::string_view rest) {
  Probe probe;
  probe.line = line_;
  LineParts parts{rest};
  if (const auto word = parts.word(); word == "UDP") {
    probe.transport = Transport::Udp;
  } else if (word != "TCP") {
    return wrong(fmt::format("{} is neither TCP nor UDP", quoted(word)));
  }
  parts.skip_blanks();
  const std::string_view name = parts.word();
  if (name.empty()) return wrong("it has no name");
  if (name.size() > kLongestName) return wrong("its name is too long");
  probe.name = name;
  parts.skip_blanks();
  if (!parts.take("q")) return wrong("its payload q|...| is missing");
  const auto text = parts.delimited();
  if (!text) return wrong(fmt::format("in its payload, {}", text.error()));
  auto payload = unescape(*text);
  if (!payload) return wrong(fmt::format("in its payload, {}", payload.error()));
  probe.payload = std::move(*payload);
  parts.skip_blanks();
  if (const auto word = parts.word(); word == "no-payload") {
    probe.no_payload = true;
  } else if (!word.empty()) {
    return wrong(fmt::format("{} is behind its payload", quoted(word)));
  }
  parts.skip_blanks();
  if (!parts.at_end()) return wrong(fmt::format("{} is behind it", quoted(parts.rest())));
  if (file_.probes.size() == ProbeFile::kMostProbes) return wrong("there are too many probes");
  const auto [known, is_new] =
      by_name_[static_cast<std::size_t>(probe.transport)].try_emplace(probe.name);
  if (!is_new) {
    return wrong(fmt::format("{} is the name of the probe of line {}", quoted(probe.name),
                             file_.probes[known->second].line));
  }
  known->second = file_.probes.size();
  if (probe.is_null()) {
    if (file_.null_probe) {
      by_name_[static_cast<std::size_t>(probe.transport)].erase(known);
      return wrong("it is a second TCP probe that sends nothing");
    }
    file_.null_probe = file_.probes.size();
    probe.rarity = 0;
  }
  settings_.clear();
  fallback_lines_.push_back(0);
  file_.probes.push_back(std::move(probe));
  return true;
}

Part<bool> Reader::take_match(std::string_view rest, bool is_soft) {
  if (matches_ == ProbeFile::kMostMatches) return wrong("there are too many match lines");
  auto line = parse_match(rest);
  if (!line) return wrong(line.error());
  line->line = line_;
  line->is_soft = is_soft;
  ++matches_;
  file_.probes.back().matches.push_back(std::move(*line));
  return true;
}

Part<bool> Reader::take_setting(std::string_view name, std::string_view rest) {
  Probe& probe = file_.probes.back();
  const auto explained = [&](const std::string& reason) {
    return wrong(fmt::format("in {}, {}", name, reason));
  };
  if (settings_.contains(name)) {
    return wrong(fmt::format("the probe has {} already; the first one holds", name));
  }
  if (name == "ports" || name == "sslports") {
    auto ports = parse_ports(rest);
    if (!ports) return explained(ports.error());
    (name == "ports" ? probe.ports : probe.tls_ports) = std::move(*ports);
  } else if (name == "rarity") {
    const auto rarity = parse_number(rest, 1, 9);
    if (!rarity) return explained(rarity.error());
    probe.rarity = *rarity;
  } else if (name == "fallback") {
    const auto good = take_fallback(rest);
    if (!good) return explained(good.error());
  } else {
    const auto wait = parse_number(rest, 1, kLongestWait);
    if (!wait) return explained(wait.error());
    (name == "totalwaitms" ? probe.total_wait : probe.wrapped_wait) =
        std::chrono::milliseconds{*wait};
  }
  for (const std::string_view literal :
       {"ports", "sslports", "rarity", "fallback", "totalwaitms", "tcpwrappedms"}) {
    if (name == literal) settings_.insert(literal);
  }
  return true;
}

Part<bool> Reader::take_fallback(std::string_view rest) {
  std::vector<std::string> names;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    LineParts parts{rest.substr(0, comma)};
    parts.skip_blanks();
    const std::string_view name = parts.word();
    parts.skip_blanks();
    if (name.empty() || !parts.at_end()) return wrong("a probe's name is missing");
    if (names.size() == kMostFallbacks) return wrong("it names too many probes");
    names.emplace_back(name);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  if (names.empty()) return wrong("it names no probe");
  file_.probes.back().fallback_names = std::move(names);
  fallback_lines_.back() = line_;
  return true;
}

std::optional<std::size_t> Reader::find(std::string_view name, Transport transport) const {
  const auto& names = by_name_[static_cast<std::size_t>(transport)];
  const auto known = names.find(std::string{name});
  return known == names.end() ? std::nullopt : std::optional{known->second};
}

// Fallbacks name probes that may come later, and those of the other transport where their own has
// none of the name. NULL is always looked at, and needs no naming.
void Reader::finish() {
  for (std::size_t at = 0; at < file_.probes.size(); ++at) {
    Probe& probe = file_.probes[at];
    const Transport other = probe.transport == Transport::Tcp ? Transport::Udp : Transport::Tcp;
    for (const std::string& name : probe.fallback_names) {
      auto found = find(name, probe.transport);
      if (!found) found = find(name, other);
      if (!found) {
        report(fallback_lines_[at], fmt::format("in fallback, no probe is named {}", quoted(name)));
      } else if (*found != at && found != file_.null_probe &&
                 std::ranges::find(probe.fallbacks, *found) == probe.fallbacks.end()) {
        probe.fallbacks.push_back(*found);
      }
    }
  }
}

// Fills `text` from an open file; an errno, or 0.
int read_into(int descriptor, std::string& text) {
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) return errno;
  if (S_ISDIR(about.st_mode)) return EISDIR;
  if (!S_ISREG(about.st_mode) && !S_ISCHR(about.st_mode)) return EINVAL;
  text.resize(static_cast<std::size_t>(
      std::clamp<off_t>(about.st_size, 4095, static_cast<off_t>(ProbeFile::kMostBytes)) + 1));
  std::size_t have = 0;
  for (;;) {
    const ssize_t got = ::read(descriptor, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
    if (have > ProbeFile::kMostBytes) return EFBIG;
    if (have == text.size()) text.resize(2 * have);
  }
  text.resize(have);
  return 0;
}

}  // namespace

bool Probe::can_match(std::string_view service) const noexcept {
  return std::ranges::any_of(
      matches, [&](const MatchLine& match) { return match.service == service && !match.is_tls; });
}

const Probe* ProbeFile::find_probe(std::string_view name, Transport transport) const noexcept {
  const auto found = std::ranges::find_if(probes, [&](const Probe& probe) {
    return probe.transport == transport && probe.name == name;
  });
  return found == probes.end() ? nullptr : &*found;
}

ProbeFile parse_probe_file(std::string_view text, std::string path) {
  ProbeFile file;
  file.path = std::move(path);
  Reader reader{file};
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    reader.take_line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  reader.finish();
  return file;
}

Result<ProbeFile> read_probe_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  std::string text;
  int trouble = errno;
  if (descriptor >= 0) {
    trouble = read_into(descriptor, text);
    ::close(descriptor);
  }
  if (trouble != 0 && (descriptor < 0 || trouble != EFBIG)) {
    return fail(ExitCode::BadInput, fmt::format("{}: {}", path, std::strerror(trouble)));
  }
  if (trouble == EFBIG) {
    return fail(ExitCode::BadInput, fmt::format("{}: the file is over 64 MiB long", path));
  }
  ProbeFile file = parse_probe_file(text, path);
  if (file.probes.empty()) {
    return fail(ExitCode::BadInput, fmt::format("{}: the file holds no probe", path));
  }
  return file;
}

}  // namespace trawl::service
