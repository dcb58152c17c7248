#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "control/audit/option_rules.h"
#include "control/audit/zombie_option.h"

namespace trawl::control {
namespace {

using enum ArgumentUse;
using Taken = AuditResult<void>;

std::optional<ScanType> scan_type(char letter) noexcept {
  switch (letter) {
    case 'S': return ScanType::Syn;
    case 'T': return ScanType::Connect;
    case 'A': return ScanType::Ack;
    case 'W': return ScanType::Window;
    case 'M': return ScanType::Maimon;
    case 'N': return ScanType::Null;
    case 'F': return ScanType::Fin;
    case 'X': return ScanType::Xmas;
    case 'U': return ScanType::Udp;
    case 'Y': return ScanType::SctpInit;
    case 'Z': return ScanType::SctpCookie;
    case 'O': return ScanType::IpProtocol;
    default: return std::nullopt;
  }
}

// Each letter chooses a kind of scan.
Taken take_scan_types(AuditOptions& options, const OptionWord& word) {
  for (const char letter : word.value) {
    if (letter == 'L') {
      options.list_only = true;
    } else if (letter == 'n' || letter == 'P') {
      options.ping_only = true;
    } else if (const auto type = scan_type(letter)) {
      if (std::ranges::find(options.scans, *type) == options.scans.end()) {
        options.scans.push_back(*type);
      }
    } else if (letter == 'V' || letter == 'R') {
      options.version.is_wanted = true;
      options.version.is_old_name = options.version.is_old_name || letter == 'R';
    } else if (letter == 'C') {
      options.scripts.are_wanted = true;
    } else {
      return bad_word(fmt::format("Scantype {} not supported", letter));
    }
  }
  return {};
}

// -P and what follows: a letter, and ports for some.
Taken take_ping(AuditOptions& options, const OptionWord& word) {
  const char kind = word.value.empty() ? 'I' : word.value.front();
  std::string rest = word.value.empty() ? "" : word.value.substr(1);
  switch (kind) {
    case 'n':
    case 'N':
    case '0':
    case 'D':
      if (!rest.empty()) break;
      options.no_ping = true;
      return {};
    case 'E':
    case 'I':
    case 'P':
    case 'M':
      if (!rest.empty()) break;
      options.pings.push_back({kind == 'I' ? 'E' : kind, {}});
      return {};
    case 'S':
    case 'A':
    case 'U':
    case 'Y':
    case 'O': options.pings.push_back({kind, std::move(rest)}); return {};
    case 'T': options.pings.push_back({'A', std::move(rest)}); return {};
    case 'B':
      options.pings.push_back({'E', {}});
      options.pings.push_back({'A', std::move(rest)});
      return {};
    default: break;
  }
  return bad_value("Illegal Argument to -P, use -Pn, -PE, -PS, -PA, -PP, -PM, -PU, -PY, or -PO");
}

std::optional<std::uint8_t> flag_named(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 8> kNames{"FIN", "SYN", "RST", "PSH",
                                                   "ACK", "URG", "ECE", "CWR"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<std::uint8_t>(1U << i);
  }
  return std::nullopt;
}

// A number, or names of flags one behind the other: "SYNFIN", "0x12", "NONE".
Taken take_scan_flags(AuditOptions& options, const OptionWord& word) {
  std::string text = word.value;
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  unsigned flags = 0;
  const bool hex = text.starts_with("0X");
  const std::string_view digits = std::string_view{text}.substr(hex ? 2 : 0);
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), flags, hex ? 16 : 10);
  const bool is_number = error == std::errc{} && stop == digits.data() + digits.size();
  if (is_number && flags > 255) {
    return bad_value(
        "--scanflags option must be a number between 0 and 255 (inclusive) or a "
        "string like \"URGPSHFIN\".");
  }
  if (!is_number) {
    flags = 0;
    constexpr std::array<std::string_view, 9> kNames{"FIN", "SYN", "RST", "PSH", "ACK",
                                                     "URG", "ECE", "CWR", "ALL"};
    for (const std::string_view name : kNames) {
      if (text.find(name) == std::string::npos) continue;
      flags |= name == "ALL" ? 0xffU : flag_named(name).value_or(0);
    }
    if (flags == 0 && text != "NONE") {
      return bad_value(
          "--scanflags option must be a number between 0 and 255 (inclusive) or a "
          "string like \"URGPSHFIN\".");
    }
  }
  options.style.scan_flags = static_cast<std::uint8_t>(flags);
  return {};
}

Taken take_top_ports(AuditOptions& options, const OptionWord& word) {
  double count = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, count);
  if (error != std::errc{} || stop != end || count < 1 || count > 1e6 ||
      count != static_cast<double>(static_cast<std::uint32_t>(count))) {
    return bad_value("--top-ports should be an integer 1 or greater");
  }
  options.ports.top = static_cast<std::uint32_t>(count);
  options.ports.ratio.reset();
  return {};
}

Taken take_port_ratio(AuditOptions& options, const OptionWord& word) {
  double ratio = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, ratio);
  if (error != std::errc{} || stop != end || !(ratio >= 0 && ratio < 1)) {
    return bad_value("--port-ratio should be between [0 and 1)");
  }
  options.ports.ratio = ratio;
  options.ports.top.reset();
  return {};
}

Taken take_ports(AuditOptions& options, const OptionWord& word) {
  if (options.ports.ports) {
    return bad_value("Only 1 -p option allowed, separate multiple ranges with commas.");
  }
  options.ports.ports = word.value;
  return {};
}

Taken take_excluded_ports(AuditOptions& options, const OptionWord& word) {
  if (options.ports.exclude) {
    return bad_value(
        "Only 1 --exclude-ports option allowed, separate multiple ranges with commas.");
  }
  options.ports.exclude = word.value;
  return {};
}

// HOST or HOST:PORT; the last one counts.
Taken take_zombie(AuditOptions& options, const OptionWord& word) {
  if (auto zombie = parse_zombie(word.value); !zombie) return tl::unexpected{zombie.error()};
  options.zombie = word.value;
  if (std::ranges::find(options.scans, ScanType::Idle) == options.scans.end()) {
    options.scans.push_back(ScanType::Idle);
  }
  return {};
}

constexpr std::array kRules{
    OptionRule{{"sI", Required}, take_zombie},
    OptionRule{{"s", Required}, take_scan_types},
    OptionRule{{"P", Optional}, take_ping},
    OptionRule{{"disable-arp-ping"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.arp_ping = false;
                 return {};
               }},
    OptionRule{{"traceroute"}, set_option<&AuditOptions::traceroute>},
    OptionRule{{"discovery-ignore-rst"}, set_option<&AuditOptions::ignores_resets>},
    OptionRule{{"scanflags", Required}, take_scan_flags},
    OptionRule{{"p", Required}, take_ports},
    OptionRule{{"exclude-ports", Required}, take_excluded_ports},
    OptionRule{{"F"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.ports.fast = true;
                 return {};
               }},
    OptionRule{{"top-ports", Required}, take_top_ports},
    OptionRule{{"port-ratio", Required}, take_port_ratio},
    OptionRule{{"r"},
               [](AuditOptions& options, const OptionWord&) -> Taken {
                 options.random_ports = false;
                 return {};
               }},
    OptionRule{{"datadir", Required}, keep_value<&AuditOptions::datadir>},
    OptionRule{{"servicedb", Required},
               [](AuditOptions& options, const OptionWord& word) -> Taken {
                 options.servicedb = word.value;
                 options.ports.fast = true;
                 return {};
               }},
};

}  // namespace

std::span<const OptionRule> scan_option_rules() noexcept { return kRules; }

}  // namespace trawl::control
