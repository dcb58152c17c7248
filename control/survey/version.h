#pragma once

#include <string_view>

namespace trawl::control {

// The version of this build, "0.1.0"; from the top meson.build.
extern const std::string_view kVersion;

}  // namespace trawl::control
