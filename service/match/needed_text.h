#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trawl::service {

// Bytes that stand in everything a pattern matches.
struct NeededText {
  std::string bytes;
  std::optional<std::size_t>
      offset;  // From the begin of the response, where it is always the same.
};

// All of them that are sure, in the order of the pattern (the syntax is PCRE2's, on bytes, without
// extended spacing). None where the pattern uses something that is not understood here: such a
// pattern has to be tried on everything. A pattern that is wrong gives anything.
//
// Cost: about the length of the pattern; counted repeats are cut at 4,096 bytes.
[[nodiscard]] std::vector<NeededText> needed_texts(std::string_view pattern);

}  // namespace trawl::service
