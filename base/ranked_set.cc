#include "base/ranked_set.h"

#include <algorithm>

namespace trawl {
namespace {

// Buckets aimed at per interval: more make steps rarer and the table larger.
constexpr std::size_t kBucketsPerInterval = 4;
// With few intervals, hardly any bucket has an end of one in it: nothing to be predicted wrongly.
constexpr std::size_t kLeastBuckets = 1024;
constexpr std::size_t kMostBuckets = std::size_t{1} << 24U;

}  // namespace

template <typename Address>
RankedSet<Address>::RankedSet(const IntervalSet<Address>& set) : size_{set.size()} {
  const auto intervals = set.intervals();
  if (intervals.empty()) return;
  starts_.reserve(intervals.size() + 2);
  Value rank = 0;
  for (const auto& interval : intervals) {
    starts_.push_back(Start{rank, static_cast<Value>(interval.first.value() - rank)});
    rank = static_cast<Value>(rank + (interval.last.value() - interval.first.value()) + 1);
  }
  count_ = starts_.size();
  starts_.resize(count_ + 2, Start{static_cast<Value>(~Value{0}), starts_.back().delta});
  first_ = intervals.front().first.value();
  last_rank_ = static_cast<Value>(rank - 1);
  fill(rank_table_, rank_shift_, last_rank_, [this](std::size_t i) { return starts_[i].rank; });
  const auto highest_offset = static_cast<Value>(intervals.back().last.value() - first_);
  fill(address_table_, address_shift_, highest_offset, [this](std::size_t i) {
    return static_cast<Value>(starts_[i].rank + starts_[i].delta - first_);
  });
}

template <typename Address>
template <typename KeyOf>
void RankedSet<Address>::fill(std::vector<std::uint32_t>& table, unsigned& shift, Value highest,
                              KeyOf key_of) {
  const std::size_t aim = std::clamp(count_ * kBucketsPerInterval, kLeastBuckets, kMostBuckets);
  shift = 0;
  while ((highest >> shift) >= aim) ++shift;
  const std::size_t buckets = static_cast<std::size_t>(highest >> shift) + 1;
  table.resize(buckets + 1);
  std::size_t at = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    const auto low = static_cast<Value>(static_cast<Value>(bucket) << shift);
    while (at + 1 < count_ && key_of(at + 1) <= low) ++at;
    table[bucket] = static_cast<std::uint32_t>(at);
  }
  table[buckets] = static_cast<std::uint32_t>(count_ - 1);
}

template <typename Address>
bool RankedSet<Address>::intersects(const Interval<Address>& range) const noexcept {
  const auto end = starts_.begin() + static_cast<std::ptrdiff_t>(count_);
  // The last interval that begins at or before the end of `range`.
  const auto after = std::upper_bound(
      starts_.begin(), end, range.last.value(), [](Value address, const Start& start) {
        return address < static_cast<Value>(start.rank + start.delta);
      });
  if (after == starts_.begin()) return false;
  const Value last_rank = after == end ? last_rank_ : static_cast<Value>(after->rank - 1);
  return static_cast<Value>(last_rank + std::prev(after)->delta) >= range.first.value();
}

template <typename Address>
std::vector<Interval<Address>> RankedSet<Address>::intersection(
    const Interval<Address>& range) const {
  const auto address_of = [](const Start& start) {
    return static_cast<Value>(start.rank + start.delta);
  };
  const auto end = starts_.begin() + static_cast<std::ptrdiff_t>(count_);
  auto at = std::upper_bound(
      starts_.begin(), end, range.first.value(),
      [&](Value address, const Start& start) { return address < address_of(start); });
  if (at != starts_.begin()) --at;
  std::vector<Interval<Address>> found;
  for (; at != end && address_of(*at) <= range.last.value(); ++at) {
    const auto next = std::next(at);
    const Value last_rank = next == end ? last_rank_ : static_cast<Value>(next->rank - 1);
    const Address first = std::max(range.first, Address{address_of(*at)});
    const Address last = std::min(range.last, Address{static_cast<Value>(last_rank + at->delta)});
    if (first <= last) found.push_back({first, last});
  }
  return found;
}

template class RankedSet<Ipv4Address>;
template class RankedSet<Ipv6Address>;

}  // namespace trawl
