#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "control/lab/layout.h"
#include "control/lab/process.h"
#include "control/lab/recipe.h"

namespace trawl::control {
namespace {

// Each file is one raw string.
constexpr std::string_view kFiles[] = {
#include "control/lab/servers/basic.recipes"
    ,
#include "control/lab/servers/remote.recipes"
    ,
#include "control/lab/servers/web.recipes"
    ,
#include "control/lab/servers/proxies.recipes"
    ,
#include "control/lab/servers/mail.recipes"
    ,
#include "control/lab/servers/names.recipes"
    ,
#include "control/lab/servers/data.recipes"
    ,
#include "control/lab/servers/files.recipes"
    ,
#include "control/lab/servers/people.recipes"
    ,
#include "control/lab/servers/keepers.recipes"
    ,
};

constexpr std::string_view kPrelude =
#include "control/lab/servers/prelude.sh"
    ;

// Those of trawl, and what add_recipes() has added.
std::vector<Recipe>& known_recipes() {
  static std::vector<Recipe> recipes = [] {
    std::string text;
    for (const std::string_view file : kFiles) text.append(file);
    auto parsed = parse_recipes(text);
    // They are part of the program, and a test reads them.
    if (!parsed) {
      fmt::print(stderr, "trawl: {}\n", parsed.error().message);
      std::abort();
    }
    return std::move(*parsed);
  }();
  return recipes;
}

}  // namespace

const std::vector<Recipe>& all_recipes() { return known_recipes(); }

Result<void> add_recipes(const std::string& file) {
  constexpr std::size_t kLargest = 1 << 20;
  const std::string text = text_of(file);
  if (text.empty() || text.size() > kLargest) {
    return fail(ExitCode::BadInput, fmt::format("{} has no recipes or cannot be read", file));
  }
  auto added = parse_recipes(text);
  if (!added) {
    return fail(ExitCode::BadInput, fmt::format("{}: {}", file, added.error().message));
  }
  auto& known = known_recipes();
  for (Recipe& recipe : *added) {
    const bool is_known = std::any_of(known.begin(), known.end(),
                                      [&](const Recipe& each) { return each.name == recipe.name; });
    if (is_known) {
      return fail(ExitCode::BadInput,
                  fmt::format("{}: trawl has a recipe '{}' already", file, recipe.name));
    }
    known.push_back(std::move(recipe));
  }
  if (known.size() > kServerNetwork.most_recipes) {
    return fail(ExitCode::BadInput, fmt::format("{}: more servers than addresses", file));
  }
  return {};
}

std::string_view recipe_prelude() { return kPrelude; }

}  // namespace trawl::control
