#include "service/probes/substitution.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "service/probes/line_parts.h"

namespace trawl::service {
namespace {

constexpr std::size_t kMostArguments = 3;

constexpr bool is_blank(char byte) noexcept {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

constexpr bool is_printable(char byte) noexcept { return byte >= ' ' && byte <= '~'; }

std::string_view until_nul(std::string_view text) noexcept {
  return text.substr(0, text.find('\0'));
}

// An argument of a helper: a group's number or a string in quotes.
struct Argument {
  std::optional<std::size_t> number;
  std::string text;
};

// Takes the text up to a quote that no backslash hides; nothing when there is none.
std::optional<std::string> take_string(std::string_view& rest) {
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2U : 1U;
  if (end >= rest.size()) return std::nullopt;
  std::string raw;
  const std::string_view quoted = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  for (std::size_t at = 0; at < quoted.size(); ++at) {
    // A quote is itself; all other escapes are those of payloads.
    if (quoted[at] == '\\' && quoted[at + 1] == '"') {
      raw += '"';
      ++at;
    } else if (quoted[at] == '\\') {
      raw += quoted[at];
      raw += quoted[++at];
    } else {
      raw += quoted[at];
    }
  }
  auto bytes = unescape(raw);
  if (!bytes) return std::nullopt;
  return std::move(*bytes);
}

std::optional<Argument> take_argument(std::string_view& rest) {
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    auto text = take_string(rest);
    if (!text) return std::nullopt;
    return Argument{std::nullopt, std::move(*text)};
  }
  if (rest.starts_with('+')) rest.remove_prefix(1);
  std::size_t number = 0;
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc{}) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
  // Whatever clings to a number counts for nothing.
  rest.remove_prefix(std::min(rest.find_first_of(",)"), rest.size()));
  return Argument{number, {}};
}

// "1,"a","b")": what is behind a helper's parenthesis, which is taken with it.
std::optional<std::vector<Argument>> take_arguments(std::string_view& rest) {
  std::vector<Argument> arguments;
  const auto skip_blanks = [&] {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  };
  for (;;) {
    skip_blanks();
    if (rest.starts_with(')')) break;
    if (arguments.size() == kMostArguments) return std::nullopt;
    auto argument = take_argument(rest);
    if (!argument) return std::nullopt;
    arguments.push_back(std::move(*argument));
    skip_blanks();
    if (rest.starts_with(')')) break;
    if (!rest.starts_with(',')) return std::nullopt;
    rest.remove_prefix(1);
  }
  rest.remove_prefix(1);
  return arguments;
}

// Fills a template in.
class Filler {
 public:
  Filler(Captures captures, std::size_t longest, bool is_cpe) noexcept
      : captures_{captures}, longest_{longest}, is_cpe_{is_cpe} {}

  [[nodiscard]] std::string fill(std::string_view text);

 private:
  bool take_helper(std::string_view& rest);
  [[nodiscard]] std::optional<std::string_view> group(std::size_t number) const noexcept;
  [[nodiscard]] bool has_room() const noexcept { return result_.size() <= longest_; }
  bool put_text(std::string_view text);
  bool put_printable(std::string_view text);
  bool put_replaced(std::string_view text, std::string_view from, std::string_view to);
  bool put_number(std::string_view bytes, std::string_view order);
  void put_byte(char byte);

  Captures captures_;
  std::size_t longest_;
  bool is_cpe_;
  std::string result_;
};

std::string Filler::fill(std::string_view text) {
  while (!text.empty()) {
    if (text.front() == '$') {
      text.remove_prefix(1);
      if (!take_helper(text)) return {};
    } else {
      const std::string_view plain = text.substr(0, text.find('$'));
      result_ += plain;
      text.remove_prefix(plain.size());
    }
    if (!has_room()) return {};
  }
  while (!result_.empty() && is_blank(result_.back())) result_.pop_back();
  std::ranges::replace_if(
      result_, [](char byte) { return !is_printable(byte); }, '.');
  return std::move(result_);
}

std::optional<std::string_view> Filler::group(std::size_t number) const noexcept {
  if (number < 1 || number > 9 || number >= captures_.size()) return std::nullopt;
  if (captures_[number].data() == nullptr) return std::nullopt;
  return captures_[number];
}

// What is behind a '$'. False when nothing can come of the whole template.
bool Filler::take_helper(std::string_view& rest) {
  if (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
    const auto text = group(static_cast<std::size_t>(rest.front() - '0'));
    rest.remove_prefix(1);
    return text && put_text(until_nul(*text));
  }
  const std::size_t open = rest.find('(');
  if (open == std::string_view::npos) return false;
  const std::string_view name = rest.substr(0, open);
  rest.remove_prefix(open + 1);
  const auto arguments = take_arguments(rest);
  if (!arguments || arguments->empty() || !arguments->front().number) return false;
  const auto text = group(*arguments->front().number);
  if (!text) return false;
  // All but the first are strings.
  for (std::size_t at = 1; at < arguments->size(); ++at) {
    if ((*arguments)[at].number) return false;
  }
  if (name == "P" && arguments->size() == 1) return put_printable(*text);
  if (name == "SUBST" && arguments->size() == 3) {
    return put_replaced(until_nul(*text), (*arguments)[1].text, (*arguments)[2].text);
  }
  if (name == "I" && arguments->size() == 2) return put_number(*text, (*arguments)[1].text);
  return false;
}

void Filler::put_byte(char byte) {
  constexpr std::string_view kSpecial = "!\"#$%&'()*+,/:;<=>?@[]";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (!is_cpe_) {
    result_ += byte;
  } else if (is_blank(byte)) {
    result_ += '_';
  } else if (kSpecial.find(byte) != std::string_view::npos) {
    const auto value = static_cast<unsigned char>(byte);
    result_ += '%';
    result_ += kDigits[value >> 4U];
    result_ += kDigits[value & 15U];
  } else {
    result_ += byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
  }
}

bool Filler::put_text(std::string_view text) {
  if (!is_cpe_) {
    // A byte too many says so.
    result_ += text.substr(0, longest_ + 1);
    return has_room();
  }
  for (const char byte : text) {
    if (!has_room()) return false;
    put_byte(byte);
  }
  return true;
}

bool Filler::put_printable(std::string_view text) {
  for (const char byte : text) {
    if (!has_room()) return false;
    if (is_printable(byte)) put_byte(byte);
  }
  return true;
}

bool Filler::put_replaced(std::string_view text, std::string_view from, std::string_view to) {
  if (from.empty()) return false;
  for (;;) {
    const std::size_t at = text.find(from);
    if (!put_text(text.substr(0, at))) return false;
    if (at == std::string_view::npos) return true;
    if (!put_text(to)) return false;
    text.remove_prefix(at + from.size());
  }
}

bool Filler::put_number(std::string_view bytes, std::string_view order) {
  if (bytes.size() > sizeof(std::uint64_t) || (order != ">" && order != "<")) return false;
  std::uint64_t number = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const char byte = order == ">" ? bytes[at] : bytes[bytes.size() - 1 - at];
    number = number << 8U | static_cast<unsigned char>(byte);
  }
  return put_text(std::to_string(number));
}

}  // namespace

std::string substitute(std::string_view text, Captures captures, std::size_t longest) {
  return Filler{captures, longest, false}.fill(text);
}

std::string substitute_cpe(std::string_view text, Captures captures, std::size_t longest) {
  return Filler{captures, longest, true}.fill(text);
}

LineText substitute_line(const MatchLine& line, Captures captures) {
  constexpr std::string_view kScheme = "cpe:/";
  LineText said;
  for (std::size_t field = 0; field < MatchLine::kFields; ++field) {
    if (line.fields[field].empty()) continue;
    said.fields[field] = substitute(line.fields[field], captures, kLongestFields[field]);
  }
  for (const char part : {'a', 'h', 'o'}) {
    const auto last = std::find_if(line.cpes.rbegin(), line.cpes.rend(), [&](const auto& cpe) {
      return cpe.size() > kScheme.size() && cpe[kScheme.size()] == part;
    });
    if (last == line.cpes.rend()) continue;
    auto cpe = substitute_cpe(*last, captures, kLongestCpe);
    if (!cpe.empty()) said.cpes.push_back(std::move(cpe));
  }
  return said;
}

}  // namespace trawl::service
