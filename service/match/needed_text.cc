#include "service/match/needed_text.h"

#include <charconv>
#include <cstdint>
#include <limits>

namespace trawl::service {
namespace {

constexpr std::size_t kMostParts = 4096;
constexpr unsigned kDeepest = 50;

// A part of a pattern: one byte, or a gap that anything of a width may fill.
struct Part {
  enum class Kind : std::uint8_t { Byte, Gap, AnyGap };
  Kind kind = Kind::Byte;
  char byte = 0;
};
using Parts = std::vector<Part>;

constexpr Part kGap{.kind = Part::Kind::Gap};  // Of one byte.
constexpr Part kAnyGap{.kind = Part::Kind::AnyGap};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// How often an atom repeats.
struct Repeat {
  static constexpr std::size_t kNoEnd = std::numeric_limits<std::size_t>::max();
  std::size_t least = 1;
  std::size_t most = 1;
};

// Walks a pattern once. Whatever it does not understand ends the walk: is_lost().
class PatternWalk {
 public:
  explicit PatternWalk(std::string_view pattern) noexcept : text_{pattern} {}

  Parts take_all() {
    is_anchored_ = take('^');
    // "^*" and the like.
    if (is_anchored_ && at_repeat()) is_lost_ = true;
    Parts parts = take_alternatives(0);
    if (!at_end()) is_lost_ = true;  // A parenthesis too many.
    return parts;
  }
  [[nodiscard]] bool is_lost() const noexcept { return is_lost_; }
  [[nodiscard]] bool is_anchored() const noexcept { return is_anchored_; }

 private:
  [[nodiscard]] bool at_end() const noexcept { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(char c) noexcept {
    const bool is_there = !at_end() && text_[at_] == c;
    if (is_there) ++at_;
    return is_there;
  }
  Parts lose() noexcept {
    is_lost_ = true;
    at_ = text_.size();
    return {};
  }

  // Up to the parenthesis that closes, or the end.
  Parts take_alternatives(unsigned depth) {
    if (depth > kDeepest) return lose();
    Parts parts = take_sequence(depth);
    if (at_end() || peek() != '|') return parts;
    while (take('|')) take_sequence(depth);
    // "^a|b" begins anywhere.
    return {kAnyGap};
  }

  Parts take_sequence(unsigned depth) {
    Parts parts;
    while (!at_end() && peek() != '|' && peek() != ')') {
      const Parts atom = take_atom(depth);
      append_repeated(parts, atom, take_repeat());
      if (at_repeat()) lose();  // "a{2}{3}"
      if (is_lost_) return {};
    }
    return parts;
  }

  static void append_repeated(Parts& parts, const Parts& atom, Repeat repeat) {
    const auto append = [&parts](const Parts& more) {
      parts.insert(parts.end(), more.begin(), more.end());
    };
    if (repeat.least == 0) {
      parts.push_back(kAnyGap);
    } else if (atom.size() > kMostParts || parts.size() > kMostParts) {
      // More than is needed; and each "(...)+" around another one would double what it holds.
      parts.push_back(kAnyGap);
    } else if (repeat.least != repeat.most || atom.size() * repeat.least > kMostParts) {
      // What stands before touches the first one, what stands after the last one; with only one
      // of them both are the same bytes, and both texts are there all the same.
      append(atom);
      parts.push_back(kAnyGap);
      append(atom);
    } else {
      for (std::size_t i = 0; i < repeat.least; ++i) append(atom);
    }
  }

  [[nodiscard]] bool at_repeat() const noexcept {
    const char c = peek();
    return !at_end() && (c == '*' || c == '+' || c == '?' || (c == '{' && is_counted()));
  }
  // "{2}", "{2,}", "{2,3}"; any other brace is a byte. "{,3}" is one in later PCRE2 only.
  [[nodiscard]] bool is_counted() const noexcept { return is_digit(peek(1)) || peek(1) == ','; }

  Repeat take_repeat() {
    if (!at_repeat()) return {};
    Repeat repeat;
    if (take('*')) {
      repeat = {.least = 0, .most = Repeat::kNoEnd};
    } else if (take('+')) {
      repeat = {.least = 1, .most = Repeat::kNoEnd};
    } else if (take('?')) {
      repeat = {.least = 0, .most = 1};
    } else {
      take('{');
      repeat.least = take_count();
      repeat.most = repeat.least;
      if (take(',')) repeat.most = peek() == '}' ? Repeat::kNoEnd : take_count();
      if (!take('}')) lose();
    }
    if (!take('?')) take('+');  // Lazy, possessive.
    return repeat;
  }

  std::size_t take_count() {
    std::uint16_t count = 0;
    const char* begin = text_.data() + at_;
    const auto [stop, error] = std::from_chars(begin, text_.data() + text_.size(), count);
    if (error != std::errc{}) lose();
    if (!is_lost_) at_ += static_cast<std::size_t>(stop - begin);
    return count;
  }

  Parts take_atom(unsigned depth) {
    const char c = text_[at_++];
    switch (c) {
      case '(': return take_group(depth);
      case '[': return take_class();
      case '.': return {kGap};
      case '\\': return take_escape();
      case '^':
      case '$': return at_repeat() ? lose() : Parts{};
      case '*':
      case '+':
      case '?': return lose();
      default: return {Part{.byte = c}};
    }
  }

  Parts take_group(unsigned depth) {
    bool has_width = true;
    if (peek() == '*') return lose();  // A verb.
    if (take('?')) {
      if (take('=') || take('!')) {
        has_width = false;
      } else if (peek() == '<' && (peek(1) == '=' || peek(1) == '!')) {
        at_ += 2;
        has_width = false;
      } else if (!take(':') && !take('>')) {
        return lose();  // Options, names, conditions, recursion.
      }
    }
    Parts parts = take_alternatives(depth + 1);
    if (!take(')')) return lose();
    return has_width ? parts : Parts{};
  }

  Parts take_class() {
    take('^');
    for (bool is_first = true; !at_end(); is_first = false) {
      const char c = text_[at_++];
      if (c == ']' && !is_first) return {kGap};
      if (c == '\\') {
        const char kind = peek();
        if (kind == 'Q' || kind == 'E' || kind == 'c') return lose();
        ++at_;
      } else if (c == '[' && (peek() == ':' || peek() == '.' || peek() == '=')) {
        // "[:alpha:]"
        if (!take(':')) return lose();
        take('^');
        while (is_letter(peek())) ++at_;
        if (!take(':') || !take(']')) return lose();
      }
    }
    return lose();
  }

  Parts take_escape() {
    if (at_end()) return lose();
    const char c = text_[at_++];
    if (!is_letter(c) && !is_digit(c)) return {Part{.byte = c}};
    constexpr std::string_view kOneByte = "dDwWsShHvVC";
    constexpr std::string_view kNoWidth = "bBAZzG";
    constexpr std::string_view kControl = "aefnrt";
    constexpr std::string_view kControlBytes = "\a\033\f\n\r\t";
    if (kOneByte.find(c) != std::string_view::npos || (c == 'N' && peek() != '{')) return {kGap};
    if (kNoWidth.find(c) != std::string_view::npos) return at_repeat() ? lose() : Parts{};
    if (c == 'R' || c == 'X') return {kAnyGap};
    if (c >= '1' && c <= '9') return is_digit(peek()) ? lose() : Parts{kAnyGap};
    if (c == 'x') return take_number(16, 2);
    if (c == '0') {
      --at_;
      return take_number(8, 3);
    }
    const std::size_t control = kControl.find(c);
    if (control == std::string_view::npos) return lose();
    return {Part{.byte = kControlBytes[control]}};
  }

  Parts take_number(int base, std::size_t longest) {
    unsigned value = 0;
    const std::string_view digits = text_.substr(at_, longest);
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || value > 255) return lose();
    at_ += static_cast<std::size_t>(stop - digits.data());
    return {Part{.byte = static_cast<char>(value)}};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool is_lost_ = false;
  bool is_anchored_ = false;
};

}  // namespace

std::vector<NeededText> needed_texts(std::string_view pattern) {
  PatternWalk walk{pattern};
  const Parts parts = walk.take_all();
  if (walk.is_lost()) return {};
  std::vector<NeededText> texts;
  bool is_open = false;
  std::optional<std::size_t> offset;
  if (walk.is_anchored()) offset = 0;
  for (const Part& part : parts) {
    if (part.kind == Part::Kind::Byte) {
      if (!is_open) texts.push_back({.bytes = {}, .offset = offset});
      texts.back().bytes += part.byte;
    }
    is_open = part.kind == Part::Kind::Byte;
    if (part.kind == Part::Kind::AnyGap) offset.reset();
    if (offset) ++*offset;
  }
  return texts;
}

}  // namespace trawl::service
