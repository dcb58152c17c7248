#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace trawl::control {

// The options of an IPv4 header (RFC 791 section 3.1) as Nmap's traces tell of them: "ipopts={ NOP
// RR{ 198.18.0.1#0.0.0.0}}" with '#' where the next router writes. "" for none.
[[nodiscard]] std::string ip_options_text(std::span<const std::byte> options);

}  // namespace trawl::control
