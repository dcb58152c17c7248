#include "base/interval_set.h"

#include <algorithm>

namespace trawl {
namespace {

template <typename Address>
Address next(Address a) noexcept {
  return Address{static_cast<typename Address::Value>(a.value() + 1)};
}

template <typename Address>
Address previous(Address a) noexcept {
  return Address{static_cast<typename Address::Value>(a.value() - 1)};
}

template <typename Address>
constexpr Address kHighest{static_cast<typename Address::Value>(~typename Address::Value{0})};

}  // namespace

template <typename Address>
void IntervalSet<Address>::add(const IntervalSet& other) {
  const auto more = other.intervals();
  pending_.insert(pending_.end(), more.begin(), more.end());
}

template <typename Address>
void IntervalSet<Address>::normalise() const {
  if (pending_.empty()) return;
  sorted_.insert(sorted_.end(), pending_.begin(), pending_.end());
  pending_.clear();
  pending_.shrink_to_fit();
  std::sort(sorted_.begin(), sorted_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < sorted_.size(); ++i) {
    Range& into = sorted_[kept];
    const bool touches = into.last == kHighest<Address> || sorted_[i].first <= next(into.last);
    if (touches) {
      into.last = std::max(into.last, sorted_[i].last);
    } else {
      sorted_[++kept] = sorted_[i];
    }
  }
  sorted_.resize(kept + 1);
}

template <typename Address>
void IntervalSet<Address>::subtract(const IntervalSet& other) {
  normalise();
  const auto holes = other.intervals();
  std::vector<Range> left;
  left.reserve(sorted_.size());
  std::size_t hole = 0;
  for (Range range : sorted_) {
    while (hole < holes.size() && holes[hole].last < range.first) ++hole;
    bool used_up = false;
    for (std::size_t h = hole; h < holes.size() && holes[h].first <= range.last; ++h) {
      if (holes[h].first > range.first) {
        left.push_back(Range{range.first, previous(holes[h].first)});
      }
      if (holes[h].last >= range.last) {
        used_up = true;
        break;
      }
      range.first = next(holes[h].last);
    }
    if (!used_up) left.push_back(range);
  }
  sorted_ = std::move(left);
}

template <typename Address>
void IntervalSet<Address>::intersect(const IntervalSet& other) {
  IntervalSet outside = *this;
  outside.subtract(other);
  subtract(outside);
}

template <typename Address>
bool IntervalSet<Address>::contains(Address address) const {
  normalise();
  const auto after =
      std::upper_bound(sorted_.begin(), sorted_.end(), address,
                       [](Address a, const Range& range) { return a < range.first; });
  return after != sorted_.begin() && address <= std::prev(after)->last;
}

template <typename Address>
typename Address::Count IntervalSet<Address>::size() const {
  using Count = typename Address::Count;
  normalise();
  Count total = 0;
  for (const Range& range : sorted_) {
    const auto span = static_cast<Count>(range.last.value() - range.first.value());
    total += span;
    total += Count{total + 1 == 0 ? 0U : 1U};
  }
  return total;
}

template class IntervalSet<Ipv4Address>;
template class IntervalSet<Ipv6Address>;

}  // namespace trawl
