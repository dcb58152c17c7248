#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nse/engine/script_database.h"

namespace trawl::nse {

// Whether `name` is what `pattern` means, where '*' is any number of any characters.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name);

// One part of `--script`, such as "(default or safe) and not http-*". Words are categories (in any
// case), names of scripts with or without ".nse", patterns of such names, or "all".
class ScriptExpression {
 public:
  // nullopt for what is none.
  [[nodiscard]] static std::optional<ScriptExpression> parse(std::string_view text);

  struct Answer {
    bool chosen = false;
    bool named = false;  // A name or pattern in it is the script's.
  };
  [[nodiscard]] Answer ask(const DatabaseEntry& script) const;

 private:
  enum class Kind : std::uint8_t { Word, Not, And, Or };
  struct Step {
    Kind kind;
    std::string word{};
  };
  std::vector<Step> steps_;  // In postfix order.

  friend class ExpressionParser;
};

}  // namespace trawl::nse
