#pragma once

#include <string_view>

namespace trawl {

// Three open octets, such as 99-.-9.*.1, are up to millions of ranges: right, but slow. So is a
// text that has many of them.
inline bool has_many_ranges(std::string_view content) {
  unsigned all = 0;
  unsigned open = 0;  // Of a word.
  for (const char c : content) {
    if (c == '\n' || c == ' ') open = 0;
    if (c != '*' && c != '-') continue;
    if (++open > 2 || ++all > 16) return true;
  }
  return false;
}

}  // namespace trawl
