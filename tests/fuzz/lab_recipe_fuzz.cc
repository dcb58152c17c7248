#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/lab/recipe.h"

// Recipes, and the list of servers to choose of them in the first line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::size_t end = std::min(size, text.find('\n'));
  const auto recipes = trawl::control::parse_recipes(text.substr(std::min(size, end + 1)));
  if (!recipes) {
    if (recipes.error().message.empty()) std::abort();
    return 0;
  }
  for (const auto& recipe : *recipes) {
    if (recipe.name.empty() || recipe.listens.empty() || recipe.program.front() != '/') {
      std::abort();
    }
  }
  const auto chosen = trawl::control::choose_recipes(*recipes, text.substr(0, end));
  if (!chosen) return 0;
  if (!std::is_sorted(chosen->begin(), chosen->end())) std::abort();
  for (const std::size_t index : *chosen) {
    if (index >= recipes->size()) std::abort();
  }
  return 0;
}
