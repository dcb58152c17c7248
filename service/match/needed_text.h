#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "service/match/pattern_tree.h"

namespace trawl::service {

// Bytes that stand in everything a branch of a pattern matches.
struct NeededText {
  std::string bytes;
  std::optional<std::size_t>
      offset;  // From the begin of the response, where it is always the same.
};

// All of them that are sure, in the order of the pattern.
//
// Cost: about the length of the pattern; counted repeats are cut at 4,096 bytes.
[[nodiscard]] std::vector<NeededText> needed_texts(const PatternBranch& branch);

}  // namespace trawl::service
