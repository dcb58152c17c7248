#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "service/match/needed_text.h"
#include "service/probes/probe_file.h"

namespace trawl::service {

// The text that a line is looked for by.
struct ChosenText {
  std::string bytes;  // Never empty.
  bool ignores_case = false;
  // It, or another one, always stands at the same place of a response: so may be checked at once.
  std::optional<NeededText> fixed;
};

// Of the texts that each line needs, the one with the rarest three bytes among these lines, cut to
// those around them: few lines are then found by mistake. One of kShortestText bytes or more where
// there is any. nullopt for a line that needs none.
[[nodiscard]] std::vector<std::optional<ChosenText>> choose_texts(std::span<const MatchLine> lines);

inline constexpr std::size_t kShortestText = 4;

}  // namespace trawl::service
