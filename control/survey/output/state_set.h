#pragma once

#include <string_view>

#include "base/result.h"
#include "base/verdict.h"

namespace trawl::control {

// Some of the port states.
class StateSet {
 public:
  constexpr StateSet() noexcept = default;
  [[nodiscard]] static constexpr StateSet only(PortState state) noexcept {
    StateSet set;
    set.add(state);
    return set;
  }
  [[nodiscard]] static constexpr StateSet open_only() noexcept { return only(PortState::Open); }
  [[nodiscard]] static constexpr StateSet all() noexcept {
    StateSet set;
    for (unsigned i = 0; i < kPortStates; ++i) set.add(static_cast<PortState>(i));
    return set;
  }
  // "open,closed" or "all". Fails with Usage, naming `option`.
  [[nodiscard]] static Result<StateSet> parse(std::string_view text, std::string_view option);

  constexpr void add(PortState state) noexcept { bits_ |= 1U << static_cast<unsigned>(state); }
  [[nodiscard]] constexpr bool has(PortState state) const noexcept {
    return (bits_ >> static_cast<unsigned>(state) & 1U) != 0;
  }
  friend constexpr bool operator==(StateSet, StateSet) noexcept = default;

 private:
  unsigned bits_ = 0;
};

}  // namespace trawl::control
