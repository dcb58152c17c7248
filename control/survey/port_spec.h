#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::control {

// The ports that a list such as "22,80,8000-8099" names, sorted, each once.
//
// Items are a port, a range, an open range ("-100" is 1-100, "60000-" is 60000-65535) or "-" for
// 1-65535. Port 0 is in only where it is written out ("0", "0-100"). Fails with Usage, naming
// `option` and the item: empty, reversed, over 65535, or anything else.
[[nodiscard]] Result<std::vector<std::uint16_t>> parse_ports(std::string_view text,
                                                             std::string_view option);

// The shortest list that names `ports` again, "22,80,8000-8099". Needs them sorted, each once.
[[nodiscard]] std::string format_ports(const std::vector<std::uint16_t>& ports);

// From `first` to `last`, both included.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  friend constexpr bool operator==(PortRange, PortRange) noexcept = default;
};

// One port or one closed range, for source ports; 0 is refused. Fails with Usage, naming `option`.
[[nodiscard]] Result<PortRange> parse_port_range(std::string_view text, std::string_view option);

}  // namespace trawl::control
