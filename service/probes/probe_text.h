#pragma once

#include <string_view>

namespace trawl::service {

// data/service-probes as it is.
extern const std::string_view kProbeText;

}  // namespace trawl::service
