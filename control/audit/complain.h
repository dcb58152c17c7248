#pragma once

#include <cstdio>
#include <string_view>

namespace trawl::control {

// Writes whole lines to standard error. Whether anybody reads them is no concern of an audit's:
// failures are ignored.
inline void complain(std::string_view lines) noexcept {
  (void)std::fwrite(lines.data(), 1, lines.size(), stderr);
}

}  // namespace trawl::control
