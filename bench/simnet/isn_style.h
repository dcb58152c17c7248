#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "osfp/database/test_expression.h"

namespace trawl::simnet {

// How a host numbers the connections that the six SEQ probes of OS detection ask for. Numbers
// depend on which probe it is and on the time, not on what came before: a repeated or lost probe
// changes nothing for the others.
struct IsnStyle {
  static constexpr std::size_t kNumbers = 6;

  std::array<std::uint32_t, kNumbers> offsets{};  // By probe.
  // A clock that adds to them, in steps of `unit`; none when 0.
  double units_per_second = 0;
  std::uint32_t unit = 1;

  [[nodiscard]] std::uint32_t at(std::size_t probe, std::chrono::nanoseconds now) const noexcept {
    const double seconds = std::chrono::duration<double>(now).count();
    const auto ticks = static_cast<std::uint64_t>(units_per_second * seconds);
    return offsets[probe] + static_cast<std::uint32_t>(ticks) * unit;
  }
};

// What an entry asks of the tests SP, GCD and ISR, nullptr for nothing, and the probes that are
// answered with a SYN-ACK.
struct IsnWishes {
  const osfp::TestExpression* predictability = nullptr;
  const osfp::TestExpression* gcd = nullptr;
  const osfp::TestExpression* rate = nullptr;
  std::array<bool, IsnStyle::kNumbers> is_answered{true, true, true, true, true, true};
};

// Numbers that are measured as `wishes` ask when the probes are 100 ms apart, and where that can be
// also when their spacing is a percent off, or four: drawn from `draw`, tried out, and drawn again.
// When nothing holds them all, as some entries contradict themselves, as many as can be. Cost: up
// to two milliseconds.
[[nodiscard]] IsnStyle find_isns(const IsnWishes& wishes, std::uint64_t draw);

}  // namespace trawl::simnet
