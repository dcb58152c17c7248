#include "nse/engine/script_args.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace trawl::nse {
namespace {

constexpr std::string_view kSpecial = "{}=,";
constexpr std::string_view kBlank = " \t\r\n\v\f";
constexpr int kMostLevels = 64;

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_{text} {}

  [[nodiscard]] Result<ArgumentTable> parse() {
    ArgumentTable table;
    if (trim(text_).empty()) return table;
    if (!parse_entries(table, 0)) return fail(ExitCode::Usage, trouble_);
    if (at_ != text_.size()) {
      say("unexpected '}'");
      return fail(ExitCode::Usage, trouble_);
    }
    return table;
  }

 private:
  bool say(std::string_view what) {
    trouble_ = fmt::format("script arguments: {} at column {}", what, at_ + 1);
    return false;
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(kBlank, at_), text_.size()); }
  [[nodiscard]] bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }

  // A string in quotes that ends, and what else there may be.
  bool parse_quoted(std::string& into) {
    const char quote = text_[at_];
    std::string result;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        into = std::move(result);
        at_ = i + 1;
        return true;
      }
      const bool escapes = text_[i] == '\\' && i + 1 < text_.size() &&
                           std::string_view{"\\\"'"}.find(text_[i + 1]) != std::string_view::npos;
      if (escapes) ++i;
      result += text_[i];
    }
    return false;  // A quote that nothing closes is a character like others.
  }

  void parse_string(std::string& into) {
    skip_blanks();
    if ((at('"') || at('\'')) && parse_quoted(into)) {
      skip_blanks();
      return;
    }
    const std::size_t end = std::min(text_.find_first_of(kSpecial, at_), text_.size());
    into = trim(text_.substr(at_, end - at_));
    at_ = end;
  }

  bool parse_value(ArgumentValue& value, int level) {
    skip_blanks();
    if (!at('{')) {
      parse_string(value.emplace<std::string>());
      return true;
    }
    if (level == kMostLevels) return say("tables are too deep");
    ++at_;
    auto& table = value.emplace<std::vector<ArgumentTable>>(1).front();
    if (!parse_entries(table, level + 1)) return false;
    if (!at('}')) return say("a '}' is missing");
    ++at_;
    skip_blanks();
    return true;
  }

  bool parse_entries(ArgumentTable& table, int level) {
    for (;;) {
      ArgumentValue value;
      if (!parse_value(value, level)) return false;
      if (at('=')) {
        if (!std::holds_alternative<std::string>(value)) return say("a name is a string, no table");
        ++at_;
        std::string name = std::get<std::string>(std::move(value));
        ArgumentValue named;
        if (!parse_value(named, level)) return false;
        table.named.emplace_back(std::move(name), std::move(named));
      } else {
        table.listed.push_back(std::move(value));
      }
      if (at_ == text_.size() || at('}')) return true;
      if (!at(',')) return say(fmt::format("unexpected '{}'", text_[at_]));
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string trouble_;
};

void push_value(lua_State* lua, const ArgumentValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    lua_pushlstring(lua, text->data(), text->size());
  } else {
    push_arguments(lua, std::get<std::vector<ArgumentTable>>(value).front());
  }
}

}  // namespace

Result<ArgumentTable> parse_script_args(std::string_view text) { return Parser{text}.parse(); }

Result<ArgumentTable> parse_script_args_file(std::string_view text) {
  std::string joined;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const bool open = joined.empty() || joined.back() == ',' || joined.back() == '{';
    if (!open && line.front() != ',' && line.front() != '}') joined += ',';
    joined += line;
  }
  // The comma at the end of the last line has nothing behind it.
  if (joined.ends_with(',')) joined.pop_back();
  return parse_script_args(joined);
}

void add_arguments(ArgumentTable& to, const ArgumentTable& later) {
  to.listed.insert(to.listed.end(), later.listed.begin(), later.listed.end());
  to.named.insert(to.named.end(), later.named.begin(), later.named.end());
}

void push_arguments(lua_State* lua, const ArgumentTable& arguments) {
  luaL_checkstack(lua, 4, "script arguments");
  lua_newtable(lua);
  lua_Integer number = 0;
  for (const ArgumentValue& value : arguments.listed) {
    push_value(lua, value);
    lua_rawseti(lua, -2, ++number);
  }
  for (const auto& [name, value] : arguments.named) {
    lua_pushlstring(lua, name.data(), name.size());
    push_value(lua, value);
    lua_rawset(lua, -3);
  }
}

}  // namespace trawl::nse
