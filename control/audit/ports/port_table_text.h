#pragma once

#include <string_view>

namespace trawl::control {

// The tables in data/, as they are in the files; compiled in by meson.build.
extern const std::string_view kServicesText;
extern const std::string_view kProtocolsText;

}  // namespace trawl::control
