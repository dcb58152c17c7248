#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trawl::control {

// What a member of a JSON object is, as far as it is looked at.
struct JsonMember {
  std::string key;
  std::string text;                // Of a string; else as it was written, "" for an object.
  std::vector<std::string> texts;  // The strings of an array.
};

// The members of the one JSON object (RFC 8259) that `text` has to be, in their order; nullopt for
// all else, also for objects and arrays that are too deep in each other. What is in objects within
// is checked, and not kept.
[[nodiscard]] std::optional<std::vector<JsonMember>> parse_json_line(std::string_view text);

}  // namespace trawl::control
