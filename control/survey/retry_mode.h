#pragma once

#include <cstdint>
#include <string_view>

namespace trawl::control {

// Which silent targets get another probe after the sweeps that everybody gets.
enum class RetryMode : std::uint8_t {
  None,
  Responsive,  // Those in /24s where something answered: most silent space is empty.
  All
};

// "none", "responsive", "all".
[[nodiscard]] std::string_view to_string(RetryMode mode) noexcept;

}  // namespace trawl::control
