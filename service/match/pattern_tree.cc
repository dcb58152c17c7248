#include "service/match/pattern_tree.h"

#include <charconv>
#include <utility>

namespace trawl::service {
namespace {

using Kind = PatternNode::Kind;

constexpr unsigned kDeepest = 50;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

constexpr unsigned char as_byte(char c) noexcept { return static_cast<unsigned char>(c); }

// What "\d" and its like take (pcre2pattern(3), "Generic character types"); nullopt for others.
std::optional<ByteSet> escaped_set(char c) noexcept {
  ByteSet set;
  switch (c) {
    case 'd':
    case 'D': set.add_range('0', '9'); break;
    case 'w':
    case 'W':
      set.add_range('0', '9');
      set.add_range('A', 'Z');
      set.add_range('a', 'z');
      set.add('_');
      break;
    case 's':
    case 'S':
      set.add_range('\t', '\r');
      set.add(' ');
      break;
    case 'h':
    case 'H':
      set.add('\t');
      set.add(' ');
      set.add(0xa0);
      break;
    case 'v':
    case 'V':
      set.add_range('\n', '\r');
      set.add(0x85);
      break;
    default: return std::nullopt;
  }
  return c >= 'a' ? set : ~set;
}

// With the other case of each letter of ASCII.
ByteSet both_cases(ByteSet set) noexcept {
  for (unsigned char upper = 'A'; upper <= 'Z'; ++upper) {
    const auto lower = static_cast<unsigned char>(upper + 32U);
    if (set.has(upper)) set.add(lower);
    if (set.has(lower)) set.add(upper);
  }
  return set;
}

// Walks a pattern once. Whatever it does not understand ends the walk: is_lost().
class PatternWalk {
 public:
  PatternWalk(std::string_view pattern, bool ignores_case) noexcept
      : text_{pattern}, ignores_case_{ignores_case} {}

  std::vector<PatternBranch> take_all() {
    std::vector<PatternBranch> branches;
    do {
      const bool is_anchored = take('^');
      if (is_anchored && at_repeat()) is_lost_ = true;  // "^*" and the like.
      branches.push_back({.is_anchored = is_anchored, .node = take_sequence(0)});
    } while (take('|'));
    if (!at_end()) is_lost_ = true;  // A parenthesis too many.
    return branches;
  }
  [[nodiscard]] bool is_lost() const noexcept { return is_lost_; }

 private:
  struct Count {
    std::size_t least = 1;
    std::size_t most = 1;
  };

  [[nodiscard]] bool at_end() const noexcept { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(char c) noexcept {
    const bool is_there = !at_end() && text_[at_] == c;
    if (is_there) ++at_;
    return is_there;
  }
  PatternNode lose() noexcept {
    is_lost_ = true;
    at_ = text_.size();
    return {};
  }
  static PatternNode anything() { return {.kind = Kind::Anything}; }
  [[nodiscard]] PatternNode one_of(ByteSet set) const {
    PatternNode node{.kind = Kind::Bytes, .bytes = set};
    // "[.]"
    if (set.count() == 1)
      set.for_each([&](unsigned char c) { node.literal = static_cast<char>(c); });
    return node;
  }
  [[nodiscard]] PatternNode literal(char c) const {
    PatternNode node{.kind = Kind::Bytes, .literal = c};
    node.bytes.add(as_byte(c));
    if (ignores_case_) node.bytes = both_cases(node.bytes);
    return node;
  }

  // Up to the parenthesis that closes, or the end.
  PatternNode take_choice(unsigned depth) {
    if (depth > kDeepest) return lose();
    PatternNode first = take_sequence(depth);
    if (at_end() || peek() != '|') return first;
    PatternNode choice{.kind = Kind::Choice};
    choice.parts.push_back(std::move(first));
    while (take('|')) choice.parts.push_back(take_sequence(depth));
    return choice;
  }

  PatternNode take_sequence(unsigned depth) {
    PatternNode sequence;
    while (!at_end() && peek() != '|' && peek() != ')') {
      PatternNode atom = take_atom(depth);
      const Count count = take_repeat();
      if (at_repeat()) lose();  // "a{2}{3}"
      if (is_lost_) return {};
      if (count.least != 1 || count.most != 1) {
        PatternNode repeat{.kind = Kind::Repeat, .least = count.least, .most = count.most};
        repeat.parts.push_back(std::move(atom));
        atom = std::move(repeat);
      }
      sequence.parts.push_back(std::move(atom));
    }
    return sequence;
  }

  [[nodiscard]] bool at_repeat() const noexcept {
    const char c = peek();
    return !at_end() && (c == '*' || c == '+' || c == '?' || (c == '{' && is_counted()));
  }
  // "{2}", "{2,}", "{2,3}"; any other brace is a byte. "{,3}" is one in later PCRE2 only.
  [[nodiscard]] bool is_counted() const noexcept { return is_digit(peek(1)) || peek(1) == ','; }

  Count take_repeat() {
    if (!at_repeat()) return {};
    Count count;
    if (take('*')) {
      count = {.least = 0, .most = PatternNode::kNoEnd};
    } else if (take('+')) {
      count = {.least = 1, .most = PatternNode::kNoEnd};
    } else if (take('?')) {
      count = {.least = 0, .most = 1};
    } else {
      take('{');
      count.least = take_count();
      count.most = count.least;
      if (take(',')) count.most = peek() == '}' ? PatternNode::kNoEnd : take_count();
      if (!take('}')) lose();
    }
    if (!take('?')) take('+');  // Lazy, possessive.
    return count;
  }

  std::size_t take_count() {
    std::uint16_t count = 0;
    const char* begin = text_.data() + at_;
    const auto [stop, error] = std::from_chars(begin, text_.data() + text_.size(), count);
    if (error != std::errc{}) lose();
    if (!is_lost_) at_ += static_cast<std::size_t>(stop - begin);
    return count;
  }

  PatternNode take_atom(unsigned depth) {
    const char c = text_[at_++];
    switch (c) {
      case '(': return take_group(depth);
      case '[': return take_class();
      case '.': return one_of(ByteSet::all());
      case '\\': return take_escape();
      case '^':
      case '$': return at_repeat() ? lose() : PatternNode{};
      case '*':
      case '+':
      case '?': return lose();
      default: return literal(c);
    }
  }

  PatternNode take_group(unsigned depth) {
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
    PatternNode node = take_choice(depth + 1);
    if (!take(')')) return lose();
    return has_width ? std::move(node) : PatternNode{};
  }

  // What stands in brackets: bytes, or more than is known here.
  struct Class {
    ByteSet bytes;
    bool is_vague = false;
  };

  PatternNode take_class() {
    const bool is_inverse = take('^');
    Class known;
    for (bool is_first = true; !at_end(); is_first = false) {
      if (!is_first && take(']')) {
        if (ignores_case_) known.bytes = both_cases(known.bytes);
        if (known.is_vague) return one_of(ByteSet::all());
        return one_of(is_inverse ? ~known.bytes : known.bytes);
      }
      const auto first = take_member(known);
      if (is_lost_) return {};
      if (!first) continue;
      if (peek() == '-' && peek(1) != ']' && at_ + 1 < text_.size()) {
        ++at_;
        const auto last = take_member(known);
        if (is_lost_) return {};
        known.is_vague = known.is_vague || !last;
        if (last) known.bytes.add_range(as_byte(*first), as_byte(*last));
      } else {
        known.bytes.add(as_byte(*first));
      }
    }
    return lose();
  }

  // A byte that may begin or end a range; nullopt where `known` has been given the whole set.
  std::optional<char> take_member(Class& known) {
    const char c = text_[at_++];
    if (c == '[' && (peek() == ':' || peek() == '.' || peek() == '=')) {
      // "[:alpha:]"
      bool is_good = take(':');
      take('^');
      while (is_letter(peek())) ++at_;
      is_good = is_good && take(':') && take(']');
      if (!is_good) lose();
      known.is_vague = true;
      return std::nullopt;
    }
    if (c != '\\') return c;
    if (at_end()) {
      lose();
      return std::nullopt;
    }
    const char kind = text_[at_++];
    if (!is_letter(kind) && !is_digit(kind)) return kind;
    if (kind == 'Q' || kind == 'E' || kind == 'c') lose();
    if (const auto set = escaped_set(kind)) {
      known.bytes |= *set;
      return std::nullopt;
    }
    if (kind == 'b') return '\b';
    if (const auto control = control_byte(kind)) return control;
    if (kind == 'x' && peek() != '{') return take_number(16, 2);
    if (kind >= '0' && kind <= '7') {
      --at_;
      return take_number(8, 3);
    }
    known.is_vague = true;
    return std::nullopt;
  }

  static std::optional<char> control_byte(char c) noexcept {
    constexpr std::string_view kControl = "aefnrt";
    constexpr std::string_view kControlBytes = "\a\033\f\n\r\t";
    const std::size_t at = kControl.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    return kControlBytes[at];
  }

  PatternNode take_escape() {
    if (at_end()) return lose();
    const char c = text_[at_++];
    if (!is_letter(c) && !is_digit(c)) return literal(c);
    constexpr std::string_view kNoWidth = "bBAZzG";
    if (const auto set = escaped_set(c)) return one_of(*set);
    if (c == 'C' || (c == 'N' && peek() != '{')) return one_of(ByteSet::all());
    if (kNoWidth.find(c) != std::string_view::npos) return at_repeat() ? lose() : PatternNode{};
    if (c == 'R' || c == 'X') return anything();
    if (c >= '1' && c <= '9') return is_digit(peek()) ? lose() : anything();
    if (c == 'x' || c == '0') {
      if (c == '0') --at_;
      const auto number = c == 'x' ? take_number(16, 2) : take_number(8, 3);
      return number ? literal(*number) : PatternNode{};
    }
    const auto control = control_byte(c);
    return control ? literal(*control) : lose();
  }

  std::optional<char> take_number(int base, std::size_t longest) {
    unsigned value = 0;
    const std::string_view digits = text_.substr(at_, longest);
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc{} || value > 255) {
      lose();
      return std::nullopt;
    }
    at_ += static_cast<std::size_t>(stop - digits.data());
    return static_cast<char>(value);
  }

  std::string_view text_;
  bool ignores_case_;
  std::size_t at_ = 0;
  bool is_lost_ = false;
};

}  // namespace

std::optional<std::vector<PatternBranch>> read_pattern(std::string_view pattern,
                                                       bool ignores_case) {
  PatternWalk walk{pattern, ignores_case};
  auto branches = walk.take_all();
  if (walk.is_lost()) return std::nullopt;
  return branches;
}

}  // namespace trawl::service
