#pragma once

#include <span>

namespace trawl::control {

// `trawl blocklist check | show`: args are the words after it. Prints its own errors. Returns the
// exit code, which for `check` is 0 when no address is blocked and 1 when one is; mistakes have 2
// or more, as with grep.
[[nodiscard]] int blocklist_main(std::span<const char* const> args);

}  // namespace trawl::control
