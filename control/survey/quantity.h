#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace trawl::control {

// A decimal number and what follows it: "2.5kpps" is 2.5 and "kpps".
struct Quantity {
  double value = 0.0;
  std::string_view suffix;
};

// Digits with at most one '.', then any suffix. No sign, no exponent, no "inf" and no "nan": such
// text, and numbers a double cannot hold, are nullopt.
[[nodiscard]] std::optional<Quantity> split_quantity(std::string_view text) noexcept;

// 10^3, 10^6 or 10^9 when `suffix` starts with k, m or g of either case, which is then taken off;
// otherwise 1.
[[nodiscard]] double take_multiplier(std::string_view& suffix) noexcept;

// "8", "8s", "500ms", "2m", "1.5h", "1d": seconds when there is no unit; at most ten years. Fails
// with Usage, naming `option`.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text,
                                                              std::string_view option);

// How much of a target space to probe: a number of targets, or a share of them all.
class TargetLimit {
 public:
  [[nodiscard]] static TargetLimit count(std::uint64_t targets) { return TargetLimit{targets}; }
  // Needs 0 < percent <= 100.
  [[nodiscard]] static TargetLimit share(double percent) { return TargetLimit{percent}; }
  // "1000", "10k", "1.5M" or "5%". Fails with Usage, naming `option`; zero is refused.
  [[nodiscard]] static Result<TargetLimit> parse(std::string_view text, std::string_view option);

  // The limit in a space of `total` targets: never more than `total`; a share is rounded up.
  [[nodiscard]] std::uint64_t of(std::uint64_t total) const noexcept;

 private:
  explicit TargetLimit(std::uint64_t targets) : limit_{targets} {}
  explicit TargetLimit(double percent) : limit_{percent} {}

  std::variant<std::uint64_t, double> limit_;  // Targets, or percent.
};

}  // namespace trawl::control
