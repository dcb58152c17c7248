#include "tests/service/match/response_generator.h"

#include <algorithm>
#include <bitset>
#include <cctype>
#include <memory>
#include <optional>
#include <vector>

namespace trawl::service {
namespace {

using ByteSet = std::bitset<256>;

struct Node;
using Sequence = std::vector<Node>;

// A part of a pattern and how often it stands.
struct Node {
  enum class Kind : std::uint8_t { Bytes, Group, Back, Nothing };
  Kind kind = Kind::Nothing;
  ByteSet bytes{};                       // Bytes: any one of them.
  std::vector<Sequence> alternatives{};  // Group.
  std::size_t number = 0;                // Group: which it is, 0 for none. Back: to which.
  std::size_t least = 1;
  std::size_t most = 1;
};

ByteSet only(unsigned char byte) {
  ByteSet set;
  set.set(byte);
  return set;
}

ByteSet where(int (*is)(int)) {
  ByteSet set;
  for (int c = 0; c < 128; ++c) set.set(static_cast<std::size_t>(c), is(c) != 0);
  return set;
}

ByteSet word() {
  ByteSet set = where(std::isalnum);
  set.set('_');
  return set;
}

// Reads a pattern into nodes. No value where it does not know what something means.
class PatternReader {
 public:
  PatternReader(std::string_view text, bool dot_takes_newline)
      : text_{text}, any_{ByteSet{}.set()} {
    if (!dot_takes_newline) any_.reset('\n');
  }

  std::optional<Node> read() {
    Node whole{.kind = Node::Kind::Group, .alternatives = read_alternatives()};
    if (at_ != text_.size()) is_good_ = false;
    return is_good_ ? std::optional{std::move(whole)} : std::nullopt;
  }

 private:
  [[nodiscard]] bool more() const { return at_ < text_.size(); }
  [[nodiscard]] char peek() const { return more() ? text_[at_] : '\0'; }
  bool take(std::string_view what) {
    const bool is_there = text_.substr(at_).starts_with(what);
    if (is_there) at_ += what.size();
    return is_there;
  }
  void fail() {
    is_good_ = false;
    at_ = text_.size();
  }

  std::vector<Sequence> read_alternatives() {
    std::vector<Sequence> all(1);
    while (more() && peek() != ')') {
      if (take("|")) {
        all.emplace_back();
      } else {
        all.back().push_back(read_repeated());
      }
    }
    return all;
  }

  Node read_repeated() {
    Node node = read_atom();
    if (take("*")) {
      node.least = 0, node.most = 8;
    } else if (take("+")) {
      node.most = 8;
    } else if (take("?")) {
      node.least = 0;
    } else if (peek() == '{' && at_ + 1 < text_.size() && std::isdigit(text_[at_ + 1]) != 0) {
      ++at_;
      node.least = read_count();
      node.most = take(",") ? (peek() == '}' ? node.least + 4 : read_count()) : node.least;
      if (!take("}")) fail();
    }
    if (!take("?")) take("+");
    return node;
  }

  std::size_t read_count() {
    std::size_t count = 0;
    while (std::isdigit(static_cast<unsigned char>(peek())) != 0 && count < 10000) {
      count = 10 * count + static_cast<std::size_t>(text_[at_++] - '0');
    }
    return count;
  }

  Node read_atom() {
    if (take("(")) return read_group();
    if (take("[")) return {.kind = Node::Kind::Bytes, .bytes = read_class()};
    if (take(".")) return {.kind = Node::Kind::Bytes, .bytes = any_};
    if (take("^") || take("$")) return {};
    if (take("\\")) return read_escape();
    return {.kind = Node::Kind::Bytes, .bytes = only(static_cast<unsigned char>(text_[at_++]))};
  }

  Node read_group() {
    Node group{.kind = Node::Kind::Group};
    bool is_look = false;
    if (take("?")) {
      is_look = take("=") || take("!") || take("<=") || take("<!");
      if (!is_look && !take(":") && !take(">")) fail();
    } else {
      group.number = ++groups_;
    }
    group.alternatives = read_alternatives();
    if (!take(")")) fail();
    return is_look ? Node{} : group;
  }

  Node read_escape() {
    const char c = peek();
    if (c >= '1' && c <= '9') {
      ++at_;
      return {.kind = Node::Kind::Back, .number = static_cast<std::size_t>(c - '0')};
    }
    if (take("b") || take("B") || take("A") || take("Z") || take("z")) return {};
    return {.kind = Node::Kind::Bytes, .bytes = read_escaped_bytes()};
  }

  // What stands behind a backslash, inside a class too.
  ByteSet read_escaped_bytes() {
    if (!more()) fail();
    if (!is_good_) return {};
    const char c = text_[at_++];
    switch (c) {
      case 'd': return where(std::isdigit);
      case 'D': return ~where(std::isdigit);
      case 'w': return word();
      case 'W': return ~word();
      case 's': return where(std::isspace);
      case 'S': return ~where(std::isspace);
      case 'r': return only('\r');
      case 'n': return only('\n');
      case 't': return only('\t');
      case 'f': return only('\f');
      case 'a': return only('\a');
      case 'e': return only(27);
      case 'x': return only(read_number(16, 2));
      case '0': --at_; return only(read_number(8, 3));
      default:
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) fail();
        return only(static_cast<unsigned char>(c));
    }
  }

  unsigned char read_number(int base, std::size_t longest) {
    const std::string digits{text_.substr(at_, longest)};
    std::size_t used = 0;
    for (; used < digits.size(); ++used) {
      const char c = digits[used];
      const bool is_digit =
          base == 16 ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c >= '0' && c <= '7';
      if (!is_digit) break;
    }
    at_ += used;
    if (used == 0) return 0;
    return static_cast<unsigned char>(std::stoul(digits.substr(0, used), nullptr, base));
  }

  ByteSet read_class() {
    ByteSet set;
    const bool is_not = take("^");
    for (bool is_first = true; more() && (is_first || peek() != ']'); is_first = false) {
      const ByteSet from = read_member();
      const bool is_range =
          from.count() == 1 && peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
      set |= is_range ? read_range(from) : from;
    }
    if (!take("]")) fail();
    return is_not ? ~set : set;
  }

  ByteSet read_member() {
    if (take("\\")) return take("b") ? only(8) : read_escaped_bytes();
    if (peek() == '[' && at_ + 1 < text_.size() && text_[at_ + 1] == ':') fail();
    if (!more()) return {};
    return only(static_cast<unsigned char>(text_[at_++]));
  }

  // From that byte to the one behind the hyphen.
  ByteSet read_range(const ByteSet& from) {
    ++at_;
    const ByteSet to = read_member();
    if (to.count() != 1) {
      ByteSet set = from | to;
      return set.set('-');
    }
    ByteSet set;
    for (std::size_t c = from._Find_first(); c <= to._Find_first() && c < 256; ++c) set.set(c);
    return set;
  }

  std::string_view text_;
  ByteSet any_;
  std::size_t at_ = 0;
  std::size_t groups_ = 0;
  bool is_good_ = true;
};

// Writes something that nodes match.
class Writer {
 public:
  Writer(ResponseGenerator& random, bool ignores_case)
      : random_{random}, ignores_case_{ignores_case} {}

  void write(const Node& node) {
    // Seldom more than a few: what is repeated is mostly of no interest.
    const std::size_t spread = node.most - std::min(node.least, node.most);
    const std::size_t times = node.least + random_.below(spread + 1);
    for (std::size_t i = 0; i < times && text_.size() < 20000; ++i) write_once(node);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void write_once(const Node& node) {
    switch (node.kind) {
      case Node::Kind::Bytes: text_ += pick(node.bytes); break;
      case Node::Kind::Group: {
        const std::size_t begin = text_.size();
        const Sequence& chosen = node.alternatives[random_.below(node.alternatives.size())];
        for (const Node& each : chosen) write(each);
        if (node.number >= groups_.size()) groups_.resize(node.number + 1);
        groups_[node.number] = text_.substr(begin);
        break;
      }
      case Node::Kind::Back:
        if (node.number < groups_.size()) text_ += groups_[node.number];
        break;
      case Node::Kind::Nothing: break;
    }
  }

  // What people can read more often than not.
  char pick(const ByteSet& set) {
    if (set.none()) return '?';
    ByteSet choice = set & where(std::isalnum);
    if (choice.none() || random_.below(8) == 0) choice = set;
    std::size_t left = random_.below(choice.count());
    std::size_t byte = choice._Find_first();
    for (; left > 0; --left) byte = choice._Find_next(byte);
    const bool swaps =
        ignores_case_ && random_.below(2) == 0 && std::isalpha(static_cast<int>(byte)) != 0;
    return static_cast<char>(swaps ? byte ^ 0x20U : byte);
  }

  ResponseGenerator& random_;
  bool ignores_case_;
  std::string text_;
  std::vector<std::string> groups_;
};

}  // namespace

std::string ResponseGenerator::make(const MatchLine& line) {
  const auto pattern = PatternReader{line.pattern, line.dot_takes_newline}.read();
  if (!pattern) return {};
  Writer writer{*this, line.ignores_case};
  writer.write(*pattern);
  return writer.take();
}

std::string ResponseGenerator::mutate(std::string_view response) {
  std::string text{response};
  switch (below(5)) {
    case 0: text.resize(below(text.size() + 1)); break;
    case 1:
      for (std::size_t left = 1 + below(3); left > 0 && !text.empty(); --left) {
        text[below(text.size())] = static_cast<char>(random_());
      }
      break;
    case 2: text += std::string_view{"\r\n\0extra\n", 9}; break;
    case 3:
      for (char& c : text) {
        if (std::isalpha(static_cast<unsigned char>(c)) != 0) c = static_cast<char>(c ^ 0x20);
      }
      break;
    default: text.insert(below(text.size() + 1), 1, static_cast<char>(random_())); break;
  }
  return text;
}

}  // namespace trawl::service
