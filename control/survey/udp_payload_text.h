#pragma once

#include <string_view>

namespace trawl::control {

// data/udp_payloads.txt, as it is in the file; compiled in by meson.build.
extern const std::string_view kUdpPayloadText;

}  // namespace trawl::control
