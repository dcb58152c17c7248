#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/interval_set.h"

namespace trawl {

// A frozen address set with rank and select: its addresses numbered 0...size()-1 in rising order.
//
// Two radix tables, one over ranks and one over addresses, give the interval to start from, so both
// directions cost a table look-up and, on average, less than one further step, also with a million
// intervals. Clustered sets, where many intervals share a bucket, fall back to binary search in it.
//
// Thread: immutable once made. Cost: bench/base/ranked_set_bench.cc.
template <typename Address>
class RankedSet {
 public:
  using Value = typename Address::Value;
  using Count = typename Address::Count;

  explicit RankedSet(const IntervalSet<Address>& set);

  [[nodiscard]] Count size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  // The address numbered `rank`. Needs rank < size().
  [[nodiscard]] Address select(Value rank) const noexcept {
    return Address{select_from(rank_table_[static_cast<std::size_t>(rank >> rank_shift_)], rank)};
  }
  // Replaces every rank by its address's value. In two passes, so that the look-ups of a whole
  // batch are under way at once. Needs every rank < size() and ranks.size() <= kMostBatch.
  static constexpr std::size_t kMostBatch = 64;
  void select_batch(std::span<Value> ranks) const noexcept {
    std::array<std::uint32_t, kMostBatch> start;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      start[i] = rank_table_[static_cast<std::size_t>(ranks[i] >> rank_shift_)];
    }
    for (std::size_t i = 0; i < ranks.size(); ++i) ranks[i] = select_from(start[i], ranks[i]);
  }
  // The number of `address`, or nullopt when the set does not hold it.
  [[nodiscard]] std::optional<Value> rank(Address address) const noexcept {
    if (empty() || address.value() < first_) return std::nullopt;
    const Value offset = static_cast<Value>(address.value() - first_);
    if ((offset >> address_shift_) >= address_table_.size() - 1) return std::nullopt;
    const std::size_t at = find(address_table_, address_shift_, offset, [this](std::size_t i) {
      return static_cast<Value>(starts_[i].rank + starts_[i].delta - first_);
    });
    const Value rank = static_cast<Value>(address.value() - starts_[at].delta);
    const Value last = at + 1 < count_ ? static_cast<Value>(starts_[at + 1].rank - 1) : last_rank_;
    if (static_cast<Value>(rank - starts_[at].rank) > static_cast<Value>(last - starts_[at].rank)) {
      return std::nullopt;
    }
    return rank;
  }
  // True when the set holds an address of `range`.
  [[nodiscard]] bool intersects(const Interval<Address>& range) const noexcept;
  // The addresses of `range` that the set holds, in rising order.
  [[nodiscard]] std::vector<Interval<Address>> intersection(const Interval<Address>& range) const;
  // Bytes held by the tables.
  [[nodiscard]] std::size_t memory() const noexcept {
    return starts_.size() * sizeof(Start) +
           (rank_table_.size() + address_table_.size()) * sizeof(std::uint32_t);
  }

 private:
  // address = rank + delta (modulo 2^bits) inside the interval whose first rank this is.
  struct Start {
    Value rank;
    Value delta;
  };

  // Nearly always the bucket's first interval or the next: no branch tells the two apart.
  [[nodiscard]] Value select_from(std::size_t at, Value rank) const noexcept {
    at += static_cast<std::size_t>(starts_[at + 1].rank <= rank);
    if (starts_[at + 1].rank <= rank) [[unlikely]] {
      at = find(rank_table_, rank_shift_, rank, [this](std::size_t i) { return starts_[i].rank; });
    }
    return static_cast<Value>(rank + starts_[at].delta);
  }
  // The last interval whose key is <= `key`; key(0) is 0 in both number spaces.
  template <typename KeyOf>
  [[nodiscard]] std::size_t find(const std::vector<std::uint32_t>& table, unsigned shift, Value key,
                                 KeyOf key_of) const noexcept {
    constexpr std::size_t kScanAtMost = 8;
    const auto bucket = static_cast<std::size_t>(key >> shift);
    std::size_t low = table[bucket];
    std::size_t high = table[bucket + 1];
    while (high - low > kScanAtMost) {
      const std::size_t middle = low + (high - low + 1) / 2;
      if (key_of(middle) <= key) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    while (low < high && key_of(low + 1) <= key) ++low;
    return low;
  }

  template <typename KeyOf>
  void fill(std::vector<std::uint32_t>& table, unsigned& shift, Value highest, KeyOf key_of);

  // count_ intervals and two sentinels of the highest rank, with the last interval's delta: a step
  // onto them changes nothing.
  std::vector<Start> starts_;
  std::size_t count_ = 0;
  // table[b] is the last interval with key <= (b << shift); one entry more closes the last bucket.
  std::vector<std::uint32_t> rank_table_;
  std::vector<std::uint32_t> address_table_;
  unsigned rank_shift_ = 0;
  unsigned address_shift_ = 0;
  Value first_ = 0;
  Value last_rank_ = 0;
  Count size_ = 0;
};

extern template class RankedSet<Ipv4Address>;
extern template class RankedSet<Ipv6Address>;

}  // namespace trawl
