#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace trawl::nse {

struct Dependent {
  std::string id;  // "http-title"
  std::vector<std::string> dependencies{};
};

// The run level of each script, from 1: higher than that of every script it depends on. A
// dependency that is not among the scripts orders nothing. Fails where scripts depend on each
// other in a circle, and names it.
[[nodiscard]] Result<std::vector<int>> run_levels(const std::vector<Dependent>& scripts);

}  // namespace trawl::nse
