#include "control/audit/resume/json_line.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace trawl::control {
namespace {

constexpr unsigned kDeepest = 16;
constexpr std::size_t kMostMembers = 100;

class Parser {
 public:
  explicit Parser(std::string_view text) noexcept : rest_{text} {}

  std::optional<std::vector<JsonMember>> run() {
    std::vector<JsonMember> members;
    if (!object(0, &members)) return std::nullopt;
    skip_blanks();
    if (!rest_.empty()) return std::nullopt;
    return members;
  }

 private:
  void skip_blanks() {
    const std::size_t end = std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size());
    rest_.remove_prefix(end);
  }
  bool skip(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Members are kept where `members` is not nullptr.
  bool object(unsigned depth, std::vector<JsonMember>* members) {
    if (depth > kDeepest || !skip('{')) return false;
    if (skip('}')) return true;
    do {
      JsonMember member;
      skip_blanks();
      if (!string(member.key) || !skip(':') || !value(depth, member)) return false;
      if (members != nullptr && members->size() < kMostMembers) {
        members->push_back(std::move(member));
      }
    } while (skip(','));
    return skip('}');
  }

  bool array(unsigned depth, JsonMember& member) {
    if (depth > kDeepest || !skip('[')) return false;
    if (skip(']')) return true;
    do {
      JsonMember one;
      skip_blanks();
      const bool is_text = rest_.starts_with('"');
      if (!value(depth, one)) return false;
      if (is_text) member.texts.push_back(std::move(one.text));
    } while (skip(','));
    return skip(']');
  }

  bool value(unsigned depth, JsonMember& member) {
    skip_blanks();
    if (rest_.empty()) return false;
    switch (rest_.front()) {
      case '{': return object(depth + 1, nullptr);
      case '[': return array(depth + 1, member);
      case '"': return string(member.text);
      default: return word(member.text);
    }
  }

  // A number, true, false or null. Numbers are not looked at more closely.
  bool word(std::string& text) {
    const std::size_t end = std::min(rest_.find_first_of(",]} \t\r\n"), rest_.size());
    text = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (text == "true" || text == "false" || text == "null") return true;
    return !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  }

  bool string(std::string& text) {
    if (!rest_.starts_with('"')) return false;
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        text += c;
      } else if (!escape(text)) {
        return false;
      }
    }
    return false;
  }

  bool escape(std::string& text) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    switch (c) {
      case '"':
      case '\\':
      case '/': text += c; return true;
      case 'b': text += '\b'; return true;
      case 'f': text += '\f'; return true;
      case 'n': text += '\n'; return true;
      case 'r': text += '\r'; return true;
      case 't': text += '\t'; return true;
      case 'u': return code_unit(text);
      default: return false;
    }
  }

  // trawl escapes control characters alone, so what is more becomes a question mark.
  bool code_unit(std::string& text) {
    constexpr std::size_t kDigits = 4;
    if (rest_.size() < kDigits) return false;
    std::uint16_t code = 0;
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + kDigits, code, 16);
    if (error != std::errc{} || stop != rest_.data() + kDigits) return false;
    rest_.remove_prefix(kDigits);
    text += code < 0x80 ? static_cast<char>(code) : '?';
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<JsonMember>> parse_json_line(std::string_view text) {
  return Parser{text}.run();
}

}  // namespace trawl::control
