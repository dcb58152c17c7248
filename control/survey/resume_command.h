#pragma once

#include <span>

#include "base/result.h"

namespace trawl::control {

// `trawl resume`: goes on with a survey from its checkpoint. `args` are the words after `resume`.
ExitCode resume_main(std::span<const char* const> args);

}  // namespace trawl::control
