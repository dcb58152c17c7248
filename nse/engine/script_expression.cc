#include "nse/engine/script_expression.h"

#include <algorithm>
#include <cctype>

namespace trawl::nse {
namespace {

constexpr int kMostLevels = 200;
constexpr std::string_view kBlank = " \t\r\n\v\f";

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  // The last '*' takes one character more each time the rest does not match: no recursion.
  std::size_t p = 0, n = 0, star = std::string_view::npos, taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : text_{text} { advance(); }

  bool parse(ScriptExpression& into) {
    steps_ = &into.steps_;
    return parse_or(0) && word_.empty();
  }

 private:
  using Kind = ScriptExpression::Kind;

  void advance() {
    at_ = std::min(text_.find_first_not_of(kBlank, at_), text_.size());
    std::size_t end = at_;
    if (end < text_.size() && (text_[end] == '(' || text_[end] == ')')) {
      ++end;
    } else {
      end = std::min(text_.find_first_of(" \t\r\n\v\f()", at_), text_.size());
    }
    word_ = text_.substr(at_, end - at_);
    at_ = end;
  }
  bool parse_or(int level) {
    if (!parse_and(level)) return false;
    while (same_word(word_, "or")) {
      advance();
      if (!parse_and(level)) return false;
      steps_->push_back({Kind::Or});
    }
    return true;
  }
  bool parse_and(int level) {
    if (!parse_not(level)) return false;
    while (same_word(word_, "and")) {
      advance();
      if (!parse_not(level)) return false;
      steps_->push_back({Kind::And});
    }
    return true;
  }
  bool parse_not(int level) {
    bool inverted = false;
    for (; same_word(word_, "not"); advance()) inverted = !inverted;
    if (!parse_atom(level)) return false;
    if (inverted) steps_->push_back({Kind::Not});
    return true;
  }
  bool parse_atom(int level) {
    if (word_ == "(") {
      if (level == kMostLevels) return false;
      advance();
      if (!parse_or(level + 1) || word_ != ")") return false;
      advance();
      return true;
    }
    if (word_.empty() || word_ == ")" || same_word(word_, "and") || same_word(word_, "or")) {
      return false;
    }
    steps_->push_back({Kind::Word, std::string{word_}});
    advance();
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view word_{};
  std::vector<ScriptExpression::Step>* steps_ = nullptr;
};

std::optional<ScriptExpression> ScriptExpression::parse(std::string_view text) {
  ScriptExpression expression;
  if (!ExpressionParser{text}.parse(expression)) return {};
  return expression;
}

ScriptExpression::Answer ScriptExpression::ask(const DatabaseEntry& script) const {
  Answer answer;
  std::vector<bool> stack;
  for (const Step& step : steps_) {
    if (step.kind == Kind::Word) {
      std::string_view name = step.word;
      if (name.ends_with(".nse")) name.remove_suffix(4);
      const bool named = matches_pattern(name, script.name());
      answer.named = answer.named || named;
      stack.push_back(named || same_word(step.word, "all") ||
                      std::any_of(script.categories.begin(), script.categories.end(),
                                  [&](const auto& c) { return same_word(c, step.word); }));
    } else if (step.kind == Kind::Not) {
      stack.back() = !stack.back();
    } else {
      const bool right = stack.back();
      stack.pop_back();
      stack.back() = step.kind == Kind::And ? stack.back() && right : stack.back() || right;
    }
  }
  answer.chosen = stack.back();
  return answer;
}

}  // namespace trawl::nse
