#pragma once

#include <cstdint>

namespace trawl::control {

// Part `number` of `count` of a survey, 1...count.
struct Shard {
  std::uint32_t number = 1;
  std::uint32_t count = 1;
  friend constexpr bool operator==(const Shard&, const Shard&) noexcept = default;
};

}  // namespace trawl::control
