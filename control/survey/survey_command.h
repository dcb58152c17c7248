#pragma once

#include <span>

#include "base/result.h"

namespace trawl::control {

// `trawl survey`: args are the words after it. Prints its own errors; returns the exit code.
[[nodiscard]] ExitCode survey_main(std::span<const char* const> args);

}  // namespace trawl::control
