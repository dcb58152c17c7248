#pragma once

#include <span>
#include <string>
#include <string_view>

namespace trawl::service {

// What a match's parentheses took; an absent group is "". Index 0 is the whole match.
using Captures = std::span<const std::string_view>;

// A line's template with what was matched put in: $1 to $9, $P(n), $SUBST(n,"a","b"), $I(n,">").
// Bytes that are not printable become what Nmap's reports show. Bounded: at most `longest` bytes.
// An empty string when a helper is malformed or its group is absent.
[[nodiscard]] std::string substitute(std::string_view text, Captures captures,
                                     std::size_t longest = 512);

// The same for a CPE: what is put in is lower case, spaces become '_', and what is special in a
// URI is escaped (Nmap book, "cpe").
[[nodiscard]] std::string substitute_cpe(std::string_view text, Captures captures,
                                         std::size_t longest = 512);

}  // namespace trawl::service
