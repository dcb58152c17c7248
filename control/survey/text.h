#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace trawl::control {

// Text that came from a user or a file, in quotes and fit for a terminal: control and non-ASCII
// bytes as \xNN, cut after 48 bytes with "...".
[[nodiscard]] std::string quote(std::string_view text);

// Whatever came from a name server or a user, fit for a terminal and for one line: bytes that are
// no printable ASCII become "\xNN".
[[nodiscard]] std::string printable(std::string_view text);

// The candidate with the fewest edits (insert, delete, replace, swap of neighbours) to `word`, or
// nullopt when none is near enough to be what was meant.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> candidates);

// " (did you mean X?)", or "" when nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> candidates);

// The length of the well-formed UTF-8 sequence that `text` starts with, 0 when there is none
// (Unicode 15, table 3-7). Needs !text.empty().
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// Appends `text` as a JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become
// U+FFFD, and control characters escapes, so the result is valid and fit for a terminal, whatever a
// path or an argument holds.
void append_json_string(std::string& out, std::string_view text);

}  // namespace trawl::control
