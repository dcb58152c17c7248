#include "nse/engine/script_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace trawl::nse {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_{text} {}

  [[nodiscard]] Result<std::vector<DatabaseEntry>> parse() {
    std::vector<DatabaseEntry> entries;
    while (skip_blanks(), at_ < text_.size()) {
      DatabaseEntry entry;
      if (!parse_entry(entry)) {
        const auto line = std::count(text_.begin(), text_.begin() + static_cast<long>(at_), '\n');
        return fail(ExitCode::BadInput,
                    fmt::format("line {}: not an Entry {{ filename = ..., categories = ... }}; "
                                "--script-updatedb writes the file anew",
                                line + 1));
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  void skip_blanks() {
    for (;;) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
      if (text_.substr(at_, 2) != "--") return;
      at_ = std::min(text_.find('\n', at_), text_.size());
    }
  }
  bool take(std::string_view word) {
    skip_blanks();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::optional<std::string> take_string() {
    skip_blanks();
    if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return {};
    const std::size_t end = text_.find_first_of({"\"'\\\n", 4}, at_ + 1);
    if (end == std::string_view::npos || text_[end] != text_[at_]) return {};
    std::string result{text_.substr(at_ + 1, end - at_ - 1)};
    at_ = end + 1;
    return result;
  }
  bool parse_categories(std::vector<std::string>& categories) {
    if (!take("{")) return false;
    while (!take("}")) {
      auto category = take_string();
      if (!category) return false;
      categories.push_back(std::move(*category));
      if (!take(",") && !take(";")) return take("}");
    }
    return true;
  }
  bool parse_field(DatabaseEntry& entry) {
    if (take("filename")) {
      if (!take("=")) return false;
      auto name = take_string();
      if (!name || name->empty() || name->find('/') != std::string::npos) return false;
      entry.filename = std::move(*name);
      return true;
    }
    return take("categories") && take("=") && parse_categories(entry.categories);
  }
  bool parse_entry(DatabaseEntry& entry) {
    if (!take("Entry") || !take("{")) return false;
    while (!take("}")) {
      if (!parse_field(entry)) return false;
      if (!take(",") && !take(";") && !take("}")) return false;
      if (text_[at_ - 1] == '}') break;
    }
    return !entry.filename.empty();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string_view DatabaseEntry::name() const {
  std::string_view name = filename;
  if (name.ends_with(".nse")) name.remove_suffix(4);
  return name;
}

Result<std::vector<DatabaseEntry>> parse_script_database(std::string_view text) {
  return Parser{text}.parse();
}

std::string script_database_text(std::vector<DatabaseEntry> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.filename < b.filename; });
  std::string text;
  for (DatabaseEntry& entry : entries) {
    std::sort(entry.categories.begin(), entry.categories.end());
    text += fmt::format("Entry {{ filename = \"{}\", categories = {{ ", entry.filename);
    for (const std::string& category : entry.categories) text += fmt::format("\"{}\", ", category);
    text += "} }\n";
  }
  return text;
}

}  // namespace trawl::nse
