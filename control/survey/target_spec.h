#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/interval_set.h"
#include "base/result.h"

namespace trawl::control {

// Addresses as people write them, for targets and for excludes alike:
//
//   198.18.0.1                an address
//   198.18.0.0/24             a prefix; host bits are allowed and cleared
//   198.18.0.1-198.18.0.9     from the first to the last
//   198.18.0-3.1,5,9-20       octet ranges: every combination; "*" or "-" is a whole octet, "5-" is
//                             5-255 and "-5" is 0-5
//
// Specs stand apart by whitespace or commas. A comma after a complete address is followed by one
// more choice for its last octet when the next piece has no dot ("198.18.0.1,5"), and by a new spec
// when it has ("198.18.0.1,198.18.0.5").
//
// Every failure has ExitCode::BadInput, names where the text stood, quotes it and says what was
// expected. Host names are refused as such, and IPv6 addresses by functions that take one set.
//
// Of IPv6 there are addresses, prefixes and ranges from the first to the last:
//
//   2001:db8::1   2001:db8::/112   2001:db8::1-2001:db8::9

// Adds the specs in `text`, the value of `option`. Fails also when there is none in it.
[[nodiscard]] Result<void> parse_targets(std::string_view text, std::string_view option,
                                         Ipv4Set& into);

[[nodiscard]] Result<void> parse_targets(std::string_view text, std::string_view option,
                                         Ipv4Set& v4, Ipv6Set& v6);
// One IPv6 spec; the reason when it is none.
[[nodiscard]] std::optional<std::string> add_ipv6_spec(std::string_view text, Ipv6Set& into);

// Adds the specs in the content of a file called `name`: any number a line, "#" starts a comment,
// CR LF and a UTF-8 byte order mark are tolerated. Bytes that are not text and lines over
// kLongestLine fail with their line number. A file without specs adds nothing.
[[nodiscard]] Result<void> parse_target_lines(std::string_view content, std::string_view name,
                                              Ipv4Set& into);
[[nodiscard]] Result<void> parse_target_lines(std::string_view content, std::string_view name,
                                              Ipv4Set& v4, Ipv6Set& v6);

// parse_target_lines() for the file at `path`, or standard input for "-", read in pieces: memory
// does not grow with the file. Fails with BadInput when it cannot be read.
[[nodiscard]] Result<void> read_target_file(const std::string& path, Ipv4Set& v4, Ipv6Set& v6);

inline constexpr std::size_t kLongestLine = std::size_t{1} << 20U;  // Bytes.
// One octet-range spec may not come apart into more ranges than this ("0-255.0-255.0-255.1" does
// into as many), which bounds the memory one line can take.
inline constexpr std::size_t kMostRangesPerSpec = std::size_t{1} << 24U;

}  // namespace trawl::control
