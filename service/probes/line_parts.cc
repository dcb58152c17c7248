#include "service/probes/line_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace trawl::service {
namespace {

constexpr bool is_blank(char letter) noexcept { return letter == ' ' || letter == '\t'; }

constexpr bool is_letter(char letter) noexcept {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

std::optional<unsigned> hex_digit(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<unsigned>(digit - 'a') + 10;
  if (digit >= 'A' && digit <= 'F') return static_cast<unsigned>(digit - 'A') + 10;
  return std::nullopt;
}

std::optional<char> simple_escape(char letter) noexcept {
  switch (letter) {
    case '0': return '\0';
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    case '\\': return '\\';
    default: return std::nullopt;
  }
}

// "7", "7-9"; as -p has it, "-9" begins with 1 and "7-" ends with 65535.
Part<PortSet::Range> parse_range(std::string_view text, bool may_be_open) {
  constexpr unsigned kLast = 65535;
  const std::size_t dash = text.find('-');
  const std::string_view low = text.substr(0, dash);
  unsigned first = 1;
  if (!may_be_open || !low.empty() || dash == std::string_view::npos) {
    const auto number = parse_number(low, 0, kLast);
    if (!number) return wrong(fmt::format("{} is not a port or a range", quoted(text)));
    first = *number;
  }
  unsigned last = first;
  if (dash != std::string_view::npos) {
    const std::string_view high = text.substr(dash + 1);
    last = kLast;
    if (!may_be_open || !high.empty()) {
      const auto number = parse_number(high, 0, kLast);
      if (!number) return wrong(fmt::format("{} is not a port or a range", quoted(text)));
      last = *number;
    }
  }
  if (first > last) return wrong(fmt::format("the range {} is backwards", quoted(text)));
  return PortSet::Range{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Calls `take` with every entry of a list; its first reason ends it.
template <typename Take>
Part<bool> for_entries(std::string_view list, const Take& take) {
  if (trimmed(list).empty()) return wrong("it names no port");
  for (;;) {
    const std::size_t comma = list.find(',');
    if (const Part<bool> good = take(trimmed(list.substr(0, comma))); !good) return good;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string shown{text.substr(0, kLongest)};
  for (char& byte : shown) {
    if (byte < ' ' || byte > '~') byte = '.';
  }
  return fmt::format("\"{}{}\"", shown, text.size() > kLongest ? "..." : "");
}

void LineParts::skip_blanks() noexcept {
  while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
}

std::string_view LineParts::word() noexcept {
  std::size_t end = 0;
  while (end < rest_.size() && !is_blank(rest_[end])) ++end;
  const std::string_view word = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return word;
}

std::string_view LineParts::letters() noexcept {
  std::size_t end = 0;
  while (end < rest_.size() && is_letter(rest_[end])) ++end;
  const std::string_view letters = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return letters;
}

bool LineParts::take(std::string_view text) noexcept {
  if (!rest_.starts_with(text)) return false;
  rest_.remove_prefix(text.size());
  return true;
}

Part<std::string_view> LineParts::delimited() noexcept {
  if (rest_.empty() || is_blank(rest_.front())) return wrong("a delimiter is missing");
  const char delimiter = rest_.front();
  const std::size_t end = rest_.find(delimiter, 1);
  if (end == std::string_view::npos) {
    return wrong(fmt::format("the delimiter {} is not there a second time",
                             quoted(std::string_view{&delimiter, 1})));
  }
  const std::string_view between = rest_.substr(1, end - 1);
  rest_.remove_prefix(end + 1);
  return between;
}

Part<std::string> unescape(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    if (text.front() != '\\') {
      bytes += text.front();
      text.remove_prefix(1);
    } else if (text.starts_with("\\x")) {
      const auto high = text.size() > 2 ? hex_digit(text[2]) : std::nullopt;
      const auto low = text.size() > 3 ? hex_digit(text[3]) : std::nullopt;
      if (!high || !low) return wrong("\\x wants two hexadecimal digits");
      bytes += static_cast<char>(*high << 4U | *low);
      text.remove_prefix(4);
    } else {
      const auto byte = text.size() > 1 ? simple_escape(text[1]) : std::nullopt;
      if (!byte) return wrong(fmt::format("the escape {} is unknown", quoted(text.substr(0, 2))));
      bytes += *byte;
      text.remove_prefix(2);
    }
  }
  return bytes;
}

Part<unsigned> parse_number(std::string_view text, unsigned least, unsigned most) {
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most) {
    return wrong(fmt::format("{} is not a number of {} to {}", quoted(text), least, most));
  }
  return number;
}

Part<PortSet> parse_ports(std::string_view list) {
  std::vector<PortSet::Range> ranges;
  const auto good = for_entries(list, [&](std::string_view entry) -> Part<bool> {
    const auto range = parse_range(entry, false);
    if (!range) return wrong(range.error());
    ranges.push_back(*range);
    return true;
  });
  if (!good) return wrong(good.error());
  return PortSet{std::move(ranges)};
}

Part<ExcludedPorts> parse_excluded(std::string_view list) {
  std::vector<PortSet::Range> tcp;
  std::vector<PortSet::Range> udp;
  char kind = ' ';
  const auto good = for_entries(list, [&](std::string_view entry) -> Part<bool> {
    if (entry.size() > 1 && entry[1] == ':') {
      kind = entry.front();
      if (kind != 'T' && kind != 'U' && kind != 'S') {
        return wrong(fmt::format("{} is neither T:, U: nor S:", quoted(entry.substr(0, 2))));
      }
      entry = trimmed(entry.substr(2));
      if (entry.empty()) return true;  // "T:,80", "T:": the letter alone.
    }
    const auto range = parse_range(entry, true);
    if (!range) return wrong(range.error());
    if (kind == ' ' || kind == 'T') tcp.push_back(*range);
    if (kind == ' ' || kind == 'U') udp.push_back(*range);
    return true;
  });
  if (!good) return wrong(good.error());
  return ExcludedPorts{PortSet{std::move(tcp)}, PortSet{std::move(udp)}};
}

}  // namespace trawl::service
