#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace trawl::service_bench {

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Prints the line of a case, and returns whether it is what is asked for.
inline bool say(bool is_met, const std::string& line) {
  fmt::print("{}{}\n", line, is_met ? "" : "  MISSED");
  return is_met;
}

}  // namespace trawl::service_bench
