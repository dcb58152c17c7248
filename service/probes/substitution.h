#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/probes/probe_file.h"

namespace trawl::service {

// What a match's parentheses took. Index 0 is the whole match. A group that took no part is a view
// without data (data() == nullptr), as is one beyond the end; one that took nothing is empty.
using Captures = std::span<const std::string_view>;

// A line's template with what was matched put in: $1 to $9, $P(n), $SUBST(n,"a","b"), $I(n,">")
// (Nmap book, "nmap-service-probes File Format"). All of it was measured with Nmap 7.93:
//
// - $n ends at a NUL byte, as does what $SUBST works on; $P drops all bytes that are not printable;
//   $I is an unsigned number of up to 8 bytes, 0 of none;
// - the strings of $SUBST know the escapes of payloads and \";
// - blanks at the end are dropped, then a byte that is not printable becomes '.';
// - a helper that is malformed or unknown, a group that took no part, and a result of more than
//   `longest` bytes (before blanks are dropped) make the whole of it "".
[[nodiscard]] std::string substitute(std::string_view text, Captures captures,
                                     std::size_t longest = 512);

// The same for a CPE: in what is put in, letters become lower case, blanks '_', and what is special
// in a URI is escaped ("%2F").
[[nodiscard]] std::string substitute_cpe(std::string_view text, Captures captures,
                                         std::size_t longest = 512);

// As long as Nmap's fields may be, in bytes; what is longer is not reported.
inline constexpr std::array<std::size_t, MatchLine::kFields> kLongestFields{78, 78, 254,
                                                                            78, 30, 30};
inline constexpr std::size_t kLongestCpe = 78;  // With its "cpe:/".

// What a line says of a match.
struct LineText {
  std::array<std::string, MatchLine::kFields> fields;
  // At most one of each part, in the order a, h, o. Of several the last one counts, also when
  // nothing comes of it.
  std::vector<std::string> cpes;
};
[[nodiscard]] LineText substitute_line(const MatchLine& line, Captures captures);

}  // namespace trawl::service
