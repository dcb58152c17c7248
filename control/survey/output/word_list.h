#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trawl::control {

// "a, b, c".
[[nodiscard]] std::string join_words(std::span<const std::string_view> words);

// A Usage failure: `item` is not a `kind` (did you mean ...?); expected one of `known`.
[[nodiscard]] Failure unknown_word(std::string_view option, std::string_view item,
                                   std::string_view kind, std::span<const std::string_view> known);

// Calls `take` with each comma-separated item until one fails.
template <typename Take>
[[nodiscard]] Result<void> for_each_item(std::string_view text, Take take) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (auto taken = take(text.substr(0, comma)); !taken) return taken;
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

}  // namespace trawl::control
