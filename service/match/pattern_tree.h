#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "service/match/byte_set.h"

namespace trawl::service {

// What a part of a pattern may take, without captures and without what is asked of its
// surroundings: a node takes all that the pattern takes there, and maybe more.
struct PatternNode {
  enum class Kind : std::uint8_t {
    Bytes,     // One of `bytes`.
    Sequence,  // All of `parts` in turn; nothing without any.
    Choice,    // One of `parts`.
    Repeat,    // The only one of `parts`, `least` to `most` times.
    Anything   // Any bytes, or none.
  };
  static constexpr std::size_t kNoEnd = std::numeric_limits<std::size_t>::max();

  Kind kind = Kind::Sequence;
  ByteSet bytes{};
  std::optional<char> literal{};  // Of Bytes: it is this one, in any case where the line says so.
  std::size_t least = 1;
  std::size_t most = 1;
  std::vector<PatternNode> parts{};
};

// What stands between the bars of a pattern that is not in parentheses.
struct PatternBranch {
  bool is_anchored = false;  // Begins with '^'.
  PatternNode node;          // A Sequence.
};

// Reads a pattern in the syntax of PCRE2, on bytes, without extended spacing. nullopt for one that
// uses something that is not understood here; a pattern that is wrong gives anything.
//
// Cost: about the length of the pattern.
[[nodiscard]] std::optional<std::vector<PatternBranch>> read_pattern(std::string_view pattern,
                                                                     bool ignores_case);

}  // namespace trawl::service
