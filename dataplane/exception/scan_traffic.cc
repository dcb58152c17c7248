#include "dataplane/exception/scan_traffic.h"

#include <algorithm>

namespace trawl::dataplane {
namespace {

Uint128 number(const IpAddress& address) noexcept { return address.v6().value(); }

}  // namespace

std::vector<std::pair<IpAddress, IpAddress>> ScanTraffic::source_ranges(std::size_t most) const {
  std::vector<std::pair<IpAddress, IpAddress>> ranges;
  for (const IpAddress& address : sources) {
    if (!ranges.empty() && number(address) - number(ranges.back().second) <= 1) {
      ranges.back().second = address;
    } else {
      ranges.emplace_back(address, address);
    }
  }
  while (ranges.size() > most) {
    auto narrowest = ranges.begin();
    const auto gap = [](auto range) { return number(range[1].first) - number(range[0].second); };
    for (auto at = ranges.begin(); at + 1 != ranges.end(); ++at) {
      if (gap(at) < gap(narrowest)) narrowest = at;
    }
    narrowest->second = narrowest[1].second;
    ranges.erase(narrowest + 1);
  }
  return ranges;
}

}  // namespace trawl::dataplane
