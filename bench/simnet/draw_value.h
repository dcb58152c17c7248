#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "osfp/database/test_expression.h"

namespace trawl::simnet {

// Draws one after the other from a seed.
class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) noexcept : state_{seed} {}
  [[nodiscard]] std::uint64_t next() noexcept {
    constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;
    return mix64(state_ += kStep);
  }
  // 0 to `count` - 1. Needs count >= 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t count) noexcept { return next() % count; }
  // From 0 to 1, without 1.
  [[nodiscard]] double unit() noexcept {
    constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53.
    return static_cast<double>(next() >> 11U) * kScale;
  }

 private:
  std::uint64_t state_;
};

[[nodiscard]] constexpr std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t hash = text.size();
  for (const char letter : text) hash = mix64(hash ^ static_cast<unsigned char>(letter));
  return hash;
}

// One of the numbers that an alternative takes, which has to take some.
[[nodiscard]] std::uint64_t draw_number(const osfp::TestExpression::Alternative& alternative,
                                        Drawing& drawing);
// A value that holds, in upper-case hexadecimal where it is a number.
[[nodiscard]] std::string draw_value(const osfp::TestExpression& expression, Drawing& drawing);

}  // namespace trawl::simnet
