#pragma once

#include <span>

namespace trawl::control {

// `trawl lab up|down|status|truth|exec|servers`: the sealed practice network. `arguments` are the
// words after "lab"; returns the process exit code, or does not return when another program takes
// over (truth and exec).
int lab_main(std::span<const char* const> arguments);

}  // namespace trawl::control
