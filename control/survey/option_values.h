#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"

// Values of single options. Each fails with Usage: one sentence that names `option`, quotes the
// text and says what was expected.
namespace trawl::control {

// A decimal number below 2^64, or up to 32 hex digits behind "0x".
[[nodiscard]] Result<Uint128> parse_seed(std::string_view text, std::string_view option);

// The seed as --seed takes it back: "0x" and 32 hex digits.
[[nodiscard]] std::string format_seed(Uint128 seed);

// One CPU number for each polling thread, in the order written: "0", "0,1", "2-5". A CPU named twice
// runs two threads, which take turns. At most 64 of them, none over 4095.
[[nodiscard]] Result<std::vector<unsigned>> parse_cpu_list(std::string_view text,
                                                           std::string_view option);

[[nodiscard]] Result<Ipv4Address> parse_address(std::string_view text, std::string_view option);

[[nodiscard]] Result<MacAddress> parse_mac(std::string_view text, std::string_view option);

}  // namespace trawl::control
