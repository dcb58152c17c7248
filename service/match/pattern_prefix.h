#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "service/match/byte_set.h"
#include "service/match/pattern_tree.h"

namespace trawl::service {

// What a response has to begin with for a branch of a pattern to match.
struct PatternPrefix {
  static constexpr std::size_t kPositions = 8;

  // Bytes that the response has, at least, at most 2^24.
  std::uint32_t least = 0;
  // Which bytes may stand at each place. A place that the response does not have allows anything.
  std::array<ByteSet, kPositions> sets = open_sets();

  [[nodiscard]] static constexpr std::array<ByteSet, kPositions> open_sets() noexcept {
    std::array<ByteSet, kPositions> sets;
    sets.fill(ByteSet::all());
    return sets;
  }
};

[[nodiscard]] PatternPrefix pattern_prefix(const PatternBranch& branch);

}  // namespace trawl::service
