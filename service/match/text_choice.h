#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "service/probes/probe_file.h"

namespace trawl::service {

// The text that a line is looked for by.
struct ChosenText {
  std::string bytes;  // Never empty.
  bool ignores_case = false;
  std::optional<std::size_t> offset;  // From the response's begin, where it is always the same.
};

// Of the texts that each line needs, the one with the rarest three bytes among these lines, cut to
// those around them: few lines are then found by mistake. nullopt for a line that needs none.
[[nodiscard]] std::vector<std::optional<ChosenText>> choose_texts(std::span<const MatchLine> lines);

}  // namespace trawl::service
