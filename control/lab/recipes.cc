#include <fmt/format.h>

#include <cstdlib>
#include <string>

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

}  // namespace

const std::vector<Recipe>& all_recipes() {
  static const std::vector<Recipe> recipes = [] {
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

std::string_view recipe_prelude() { return kPrelude; }

}  // namespace trawl::control
