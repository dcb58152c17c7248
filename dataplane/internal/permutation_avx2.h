#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/permutation.h"

namespace trawl::dataplane::internal {

// indexes[i] = mix(row * columns + column + i) for i < count, not yet walked. Needs AVX2, count a
// multiple of 8 and count <= columns.
void mix_avx2(const Permutation::Rounds& rounds, std::uint32_t row, std::uint32_t column,
              std::uint64_t* indexes, std::size_t count) noexcept;

}  // namespace trawl::dataplane::internal
