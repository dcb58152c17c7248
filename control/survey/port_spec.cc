#include "control/survey/port_spec.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <optional>

#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr unsigned kHighestPort = 65535;
constexpr std::string_view kForms =
    "expected ports such as 443, 22,80,8000-8099, -1024, 60000- or - for 1-65535";

Failure bad(std::string_view option, std::string_view item, std::string_view why) {
  return fail(ExitCode::Usage, fmt::format("{}: {} {}; {}", option, quote(item), why, kForms));
}

// Why `item` is no port or range, for texts people are likely to try.
std::string_view explain(std::string_view item) {
  if (item.find(':') != std::string_view::npos) return "names a protocol, but survey is TCP only";
  for (const char c : item) {
    if (c == ' ' || c == '\t') return "has a space in it";
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return "is a name, not a number";
  }
  return "is not a port";
}

// A number in 0...65535 that is the whole text; above that the flag is set.
std::optional<unsigned> parse_number(std::string_view text, bool& too_high) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range || (error == std::errc{} && value > kHighestPort)) {
    too_high = true;
    return std::nullopt;
  }
  if (error != std::errc{}) return std::nullopt;
  return value;
}

Result<PortRange> parse_item(std::string_view item, std::string_view option) {
  if (item.empty()) return bad(option, item, "is an empty entry in the list");
  const std::size_t dash = item.find('-');
  bool too_high = false;
  std::optional<unsigned> first;
  std::optional<unsigned> last;
  if (dash == std::string_view::npos) {
    first = last = parse_number(item, too_high);
  } else {
    const std::string_view left = item.substr(0, dash);
    const std::string_view right = item.substr(dash + 1);
    first = left.empty() ? std::optional{1U} : parse_number(left, too_high);
    last = right.empty() ? std::optional{kHighestPort} : parse_number(right, too_high);
  }
  if (too_high) return bad(option, item, "goes above port 65535");
  if (!first || !last) return bad(option, item, explain(item));
  if (*first > *last) return bad(option, item, "is a reversed range");
  return PortRange{.first = static_cast<std::uint16_t>(*first),
                   .last = static_cast<std::uint16_t>(*last)};
}

}  // namespace

Result<std::vector<std::uint16_t>> parse_ports(std::string_view text, std::string_view option) {
  if (text.empty()) return bad(option, text, "names no port");
  std::vector<bool> named(kHighestPort + 1);
  for (;;) {
    const std::size_t comma = text.find(',');
    const auto range = parse_item(text.substr(0, comma), option);
    if (!range) return Failure{range.error()};
    for (unsigned port = range->first; port <= range->last; ++port) named[port] = true;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::vector<std::uint16_t> ports;
  for (unsigned port = 0; port <= kHighestPort; ++port) {
    if (named[port]) ports.push_back(static_cast<std::uint16_t>(port));
  }
  return ports;
}

std::string format_ports(const std::vector<std::uint16_t>& ports) {
  std::string out;
  for (std::size_t i = 0; i < ports.size();) {
    std::size_t end = i + 1;
    while (end < ports.size() && ports[end] == ports[end - 1] + 1) ++end;
    if (!out.empty()) out += ',';
    fmt::format_to(std::back_inserter(out), "{}", ports[i]);
    if (end - i > 1) fmt::format_to(std::back_inserter(out), "-{}", ports[end - 1]);
    i = end;
  }
  return out;
}

Result<PortRange> parse_port_range(std::string_view text, std::string_view option) {
  const auto range = parse_item(text, option);
  const bool closed = !text.starts_with('-') && !text.ends_with('-');
  if (!range || !closed || range->first == 0) {
    return fail(ExitCode::Usage,
                fmt::format("{}: {} is not a port or range of ports in 1-65535; expected one such "
                            "as 61000-64999",
                            option, quote(text)));
  }
  return range;
}

}  // namespace trawl::control
