#pragma once

#include <string_view>

namespace trawl::service {

// data/rpc, as it is in the file; compiled in by meson.build.
extern const std::string_view kRpcTableText;

}  // namespace trawl::service
