#pragma once

#include <span>

namespace trawl::control {

// `trawl nic`: args are the words after it. Prints its own errors; returns the exit code.
[[nodiscard]] int nic_main(std::span<const char* const> args);

}  // namespace trawl::control
