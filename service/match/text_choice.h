#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "service/match/needed_text.h"

namespace trawl::service {

// The text that a branch is looked for by.
struct ChosenText {
  std::string bytes;  // Never empty.
  // More of it, or another one, that always stands at the same place of a response.
  std::optional<NeededText> fixed;
};

// Of the texts that each branch needs, the one with the rarest three bytes among all of them, cut
// to those around them: few are then found by mistake. One of kShortestText bytes or more where
// there is any. nullopt for a branch that needs none.
[[nodiscard]] std::vector<std::optional<ChosenText>> choose_texts(
    std::span<const std::vector<NeededText>> needed);

inline constexpr std::size_t kShortestText = 4;

}  // namespace trawl::service
