#include "control/survey/target_spec.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "control/survey/octet_ranges.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

using Range = Ipv4Set::Range;

constexpr std::string_view kForms =
    "expected an address, a prefix such as 198.18.0.0/24, a range such as 198.18.0.1-198.18.0.9 or "
    "octet ranges such as 198.18.0-3.1,5";

constexpr std::string_view kIpv6Forms =
    "expected an IPv6 address, a prefix such as 2001:db8::/32 or a range such as "
    "2001:db8::1-2001:db8::9";

// Names the place a text came from: an option, or a file and a line.
struct Place {
  std::string_view name;
  std::uint64_t line = 0;  // 0 for an option.

  [[nodiscard]] std::string to_string() const {
    return line == 0 ? std::string{name} : fmt::format("{}:{}", name, line);
  }
};

Failure bad_input(const Place& place, std::string_view what) {
  return fail(ExitCode::BadInput, fmt::format("{}: {}", place.to_string(), what));
}

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_text(char c) noexcept { return c >= 0x20 && c < 0x7f; }

// A decimal number of one to three digits without leading zeros, at most `highest`. Leaves `at`
// behind it.
inline bool take_number(const char*& at, const char* end, unsigned highest,
                        unsigned& value) noexcept {
  const char* const start = at;
  value = 0;
  while (at < end && is_digit(*at) && at - start < 3) {
    value = value * 10 + static_cast<unsigned>(*at++ - '0');
  }
  const bool leading_zero = at - start > 1 && *start == '0';
  return at > start && !leading_zero && value <= highest;
}

// Whether what follows the comma behind a bare address may be one more choice for its last octet.
inline bool may_be_choice(const char* at, const char* end) noexcept {
  const char* const start = at;
  while (at < end && is_digit(*at)) ++at;
  const bool new_address = at > start && at < end && *at == '.';
  return !new_address && (at > start || (at < end && (*at == '-' || *at == '*')));
}

// The fast path: an address or prefix by itself, the only form in long lists. False, with `at`
// where it was, for anything else.
inline bool take_prefix(const char*& at, const char* end, Range& range) noexcept {
  const char* next = at;
  std::uint32_t address = 0;
  for (unsigned octet = 0; octet < 4; ++octet) {
    unsigned value = 0;
    if (octet > 0 && (next == end || *next++ != '.')) return false;
    if (!take_number(next, end, 255, value)) return false;
    address = address << 8U | value;
  }
  unsigned length = 32;
  const bool has_length = next < end && *next == '/';
  if (has_length && !take_number(++next, end, 32, length)) return false;
  if (next < end && !is_space(*next) && *next != '#') {
    if (*next != ',') return false;
    if (!has_length && may_be_choice(next + 1, end)) return false;
  }
  const Ipv4Prefix prefix{Ipv4Address{address}, length};
  range = Range{prefix.first(), prefix.last()};
  at = next;
  return true;
}

// Why `text` is no spec. Here and below a reason says behind "; " what to do about it, or is
// followed by kForms.
std::string explain_word(std::string_view text) {
  bool letters = false;
  for (const char c : text) {
    if (!is_text(c)) return fmt::format("holds the byte 0x{:02x}", static_cast<unsigned char>(c));
    if (c == ':') return "looks like IPv6; only IPv4 addresses are taken here";
    letters = letters || is_letter(c);
  }
  if (letters) return "is not an address; survey takes addresses and looks up no host names";
  return "is not an address";
}

// Parses "address/length" and "address-address", and adds it. The reason when it is neither.
std::optional<std::string> add_prefix(std::string_view text, Ipv4Set& into) {
  const std::size_t slash = text.find('/');
  const std::string_view length = text.substr(slash + 1);
  const char* at = text.data();
  Range range{};
  if (take_prefix(at, text.data() + text.size(), range) && at == text.data() + text.size()) {
    into.add(range);
    return std::nullopt;
  }
  if (!Ipv4Address::parse(text.substr(0, slash))) {
    return "has a prefix length behind something that is not a plain address";
  }
  return fmt::format("has the prefix length {}, which is not a number from 0 to 32", quote(length));
}

std::optional<std::string> add_address_range(std::string_view text, Ipv4Set& into) {
  const std::size_t dash = text.find('-');
  const auto first = Ipv4Address::parse(text.substr(0, dash));
  const auto last = Ipv4Address::parse(text.substr(dash + 1));
  if (!first || !last) return "is not a range from one address to another";
  if (*first > *last) return "runs backwards; write the lower address first";
  into.add(Range{*first, *last});
  return std::nullopt;
}

// Where specs go.
struct Sets {
  Ipv4Set& v4;
  Ipv6Set* v6;  // nullptr where IPv6 is refused.
};

// Adds the spec that `rest` starts with and takes it off. `rest` holds no whitespace.
Result<void> take_spec(std::string_view& rest, const Place& place, const Sets& sets) {
  Ipv4Set& into = sets.v4;
  const std::string_view piece = rest.substr(0, rest.find(','));
  std::size_t used = piece.size();
  std::optional<std::string> fault;
  if (sets.v6 != nullptr && piece.find(':') != std::string_view::npos &&
      std::ranges::all_of(piece, is_text)) {
    fault = add_ipv6_spec(piece, *sets.v6);
    if (fault) return bad_input(place, *fault);
  } else if (std::ranges::any_of(piece,
                                 [](char c) { return !is_text(c) || c == ':' || is_letter(c); })) {
    fault = explain_word(piece);
  } else if (piece.find('/') != std::string_view::npos) {
    fault = add_prefix(piece, into);
  } else if (std::ranges::count(piece, '.') == 6 && piece.find('-') != std::string_view::npos) {
    fault = add_address_range(piece, into);
  } else {
    OctetRanges ranges;
    fault = ranges.parse(rest, used);
    if (!fault && ranges.range_count() > kMostRangesPerSpec) {
      fault = fmt::format("comes apart into {} ranges, more than {}", ranges.range_count(),
                          kMostRangesPerSpec);
    }
    if (!fault) ranges.add_to(into);
  }
  if (fault) {
    const bool has_advice = fault->find("; ") != std::string::npos;
    return bad_input(place, fmt::format("{} {}{}{}", quote(rest.substr(0, used)), *fault,
                                        has_advice ? "" : "; ", has_advice ? "" : kForms));
  }
  rest.remove_prefix(used);
  return {};
}

// Adds every spec of a word without whitespace.
Result<void> take_word(std::string_view word, const Place& place, const Sets& into) {
  while (!word.empty()) {
    if (word.front() == ',') {
      word.remove_prefix(1);
    } else if (auto taken = take_spec(word, place, into); !taken) {
      return taken;
    }
  }
  return {};
}

// Reads lines of specs, piece by piece.
class LineReader {
 public:
  LineReader(std::string_view name, const Sets& into) : place_{name, 1}, into_{into} {}

  // `text` is any number of whole lines; only the last piece may end without a line feed.
  Result<void> read(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    const char* line_start = at;
    while (at < end) {
      Range range{};
      if (take_prefix(at, end, range)) {
        into_.v4.add(range);
      } else if (*at == '\n') {
        if (auto whole = check_length(at - line_start); !whole) return whole;
        line_start = ++at;
        ++place_.line;
      } else if (is_space(*at) || *at == ',') {
        ++at;
      } else if (*at == '#') {
        if (auto skipped = skip_comment(at, end); !skipped) return skipped;
      } else if (auto taken = read_word(at, end); !taken) {
        return taken;
      }
    }
    return check_length(at - line_start);
  }

  [[nodiscard]] Failure too_long() const {
    return bad_input(place_, fmt::format("the line is longer than {} bytes; put one address, "
                                         "prefix or range on each line",
                                         kLongestLine));
  }
  [[nodiscard]] Failure not_text(char c) const {
    return bad_input(place_, fmt::format("the byte 0x{:02x} is not text; give a text file with an "
                                         "address, prefix or range on each line",
                                         static_cast<unsigned char>(c)));
  }

 private:
  Result<void> check_length(std::ptrdiff_t length) const {
    if (length > static_cast<std::ptrdiff_t>(kLongestLine)) return too_long();
    return {};
  }

  // Comments may be in any language, but not binary.
  Result<void> skip_comment(const char*& at, const char* end) const {
    for (; at < end && *at != '\n'; ++at) {
      const auto byte = static_cast<unsigned char>(*at);
      if (byte < 0x20 && !is_space(*at)) return not_text(*at);
    }
    return {};
  }

  Result<void> read_word(const char*& at, const char* end) {
    const char* const start = at;
    for (; at < end && !is_space(*at) && *at != '#'; ++at) {
      if (!is_text(*at)) return not_text(*at);
    }
    return take_word({start, static_cast<std::size_t>(at - start)}, place_, into_);
  }

  Place place_;
  Sets into_;
};

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

// Reads up to `room` bytes; 0 at the end of the file, -1 with errno on failure.
ssize_t read_some(int fd, char* into, std::size_t room) {
  ssize_t got = 0;
  do {
    got = ::read(fd, into, room);
  } while (got < 0 && errno == EINTR);
  return got;
}

Failure unreadable(std::string_view name, int error) {
  return fail(ExitCode::BadInput,
              fmt::format("{}: cannot be read: {}; check the path and its permissions", name,
                          std::strerror(error)));
}

Result<void> read_lines(int fd, std::string_view name, const Sets& into) {
  std::vector<char> buffer(kLongestLine + 1);
  LineReader reader{name, into};
  std::size_t held = 0;
  bool at_start = true;
  for (;;) {
    const ssize_t got = read_some(fd, buffer.data() + held, buffer.size() - held);
    if (got < 0) return unreadable(name, errno);
    held += static_cast<std::size_t>(got);
    std::string_view text{buffer.data(), held};
    const std::size_t last_line_end = text.rfind('\n');
    const bool whole_line = last_line_end != std::string_view::npos;
    if (got > 0 && !whole_line && held < buffer.size()) continue;
    if (got > 0 && !whole_line) {
      return text.find('\0') == std::string_view::npos ? reader.too_long() : reader.not_text('\0');
    }
    if (got > 0) text = text.substr(0, last_line_end + 1);
    const std::size_t used = text.size();
    if (at_start) text = without_byte_order_mark(text);
    at_start = false;
    if (auto read = reader.read(text); !read) return read;
    if (got == 0) return {};
    held -= used;
    std::memmove(buffer.data(), buffer.data() + used, held);
  }
}

Result<void> parse_specs(std::string_view text, std::string_view option, const Sets& into) {
  const Place place{.name = option};
  bool any = false;
  while (!text.empty()) {
    if (is_space(text.front()) || text.front() == ',') {
      text.remove_prefix(1);
      continue;
    }
    const auto* const stop = std::ranges::find_if(text, is_space);
    const auto length = static_cast<std::size_t>(stop - text.begin());
    if (auto taken = take_word(text.substr(0, length), place, into); !taken) return taken;
    text.remove_prefix(length);
    any = true;
  }
  if (!any) return bad_input(place, fmt::format("nothing is named; {}", kForms));
  return {};
}

}  // namespace

std::optional<std::string> add_ipv6_spec(std::string_view text, Ipv6Set& into) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    const auto prefix = Ipv6Prefix::parse(text);
    if (!prefix) return fmt::format("{} is none; {}", quote(text), kIpv6Forms);
    into.add(*prefix);
    return std::nullopt;
  }
  const auto first = Ipv6Address::parse(text.substr(0, dash));
  const auto last = Ipv6Address::parse(text.substr(dash + 1));
  if (!first || !last) return fmt::format("{} is none; {}", quote(text), kIpv6Forms);
  if (*first > *last) {
    return fmt::format("{} runs backwards; write the lower address first", quote(text));
  }
  into.add(Ipv6Set::Range{*first, *last});
  return std::nullopt;
}

Result<void> parse_targets(std::string_view text, std::string_view option, Ipv4Set& into) {
  return parse_specs(text, option, {into, nullptr});
}

Result<void> parse_targets(std::string_view text, std::string_view option, Ipv4Set& v4,
                           Ipv6Set& v6) {
  return parse_specs(text, option, {v4, &v6});
}

Result<void> parse_target_lines(std::string_view content, std::string_view name, Ipv4Set& into) {
  return LineReader{name, {into, nullptr}}.read(without_byte_order_mark(content));
}

Result<void> parse_target_lines(std::string_view content, std::string_view name, Ipv4Set& v4,
                                Ipv6Set& v6) {
  return LineReader{name, {v4, &v6}}.read(without_byte_order_mark(content));
}

Result<void> read_target_file(const std::string& path, Ipv4Set& v4, Ipv6Set& v6) {
  const Sets into{v4, &v6};
  if (path == "-") return read_lines(STDIN_FILENO, "standard input", into);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return unreadable(path, errno);
  auto read = read_lines(fd, path, into);
  ::close(fd);
  return read;
}

}  // namespace trawl::control
