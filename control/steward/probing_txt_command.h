#pragma once

#include <span>

namespace trawl::control {

// `trawl probing-txt`: args are the words after it. Prints the file to standard output, and where
// it belongs to standard error. Prints its own errors; returns the exit code.
[[nodiscard]] int probing_txt_main(std::span<const char* const> args);

}  // namespace trawl::control
