#include <algorithm>
#include <utility>

#include "service/probes/probe_file.h"

namespace trawl::service {

PortSet::PortSet(std::vector<Range> ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  for (const Range& range : ranges) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

bool PortSet::contains(std::uint16_t port) const noexcept {
  const auto after = std::ranges::upper_bound(ranges_, port, {}, &Range::first);
  return after != ranges_.begin() && port <= std::prev(after)->last;
}

}  // namespace trawl::service
