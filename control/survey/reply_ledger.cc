#include "control/survey/reply_ledger.h"

#include <algorithm>

namespace trawl::control {
namespace {

constexpr unsigned kRankBits = 2;
constexpr std::uint64_t kRankMask = 3;
constexpr std::uint64_t kTargetsPerWord = 64 / kRankBits;
constexpr ByteCount kLargePageArray = ByteCount::mebibytes(16);

// 0 is "never heard of"; better news rank higher.
unsigned rank_of(PortState state) noexcept {
  switch (state) {
    case PortState::Unreachable: return 1;
    case PortState::Closed: return 2;
    case PortState::Unfiltered:  // These two come of other probes than open and closed do.
    case PortState::Up:
    case PortState::Open: return 3;
  }
  return 1;
}

PortState state_of(unsigned rank) noexcept {
  return rank == 3 ? PortState::Open : rank == 2 ? PortState::Closed : PortState::Unreachable;
}

unsigned shift_of(std::uint64_t index) noexcept {
  return static_cast<unsigned>(index % kTargetsPerWord) * kRankBits;
}

}  // namespace

ReplyLedger::ReplyLedger(std::uint64_t targets, ByteCount memory, std::uint64_t seed) {
  const std::uint64_t words = (targets + kTargetsPerWord - 1) / kTargetsPerWord;
  const ByteCount size{std::max<std::uint64_t>(words, 1) * sizeof(std::uint64_t)};
  if (size > memory) {
    set_.emplace(targets, seed);
    return;
  }
  array_memory_ = ReservedMemory{size, size};
  array_ = static_cast<std::uint64_t*>(array_memory_.data());
  if (size >= kLargePageArray) array_memory_.prefer_large_pages();
}

ReplyLedger::Outcome ReplyLedger::record(std::uint64_t index, PortState state, PortState& before) {
  const unsigned rank = rank_of(state);
  const unsigned old = set_ ? set_->raise(index, rank) : raise_in_array(index, rank);
  if (old == 0) return Outcome::First;
  if (old >= rank) return Outcome::Duplicate;
  before = state_of(old);
  return Outcome::Improved;
}

// Returns the old rank and keeps the better one, as the set does.
unsigned ReplyLedger::raise_in_array(std::uint64_t index, unsigned rank) noexcept {
  std::uint64_t& word = array_[index / kTargetsPerWord];
  const unsigned shift = shift_of(index);
  const auto old = static_cast<unsigned>((word >> shift) & kRankMask);
  if (rank > old) word = (word & ~(kRankMask << shift)) | (std::uint64_t{rank} << shift);
  return old;
}

unsigned ReplyLedger::rank(std::uint64_t index) const noexcept {
  if (set_) return set_->rank(index);
  return static_cast<unsigned>((array_[index / kTargetsPerWord] >> shift_of(index)) & kRankMask);
}

void ReplyLedger::prefetch(std::uint64_t index) const noexcept {
  if (set_) {
    set_->prefetch(index);
  } else {
    __builtin_prefetch(&array_[index / kTargetsPerWord], 1);
  }
}

ByteCount ReplyLedger::memory() const noexcept {
  return set_ ? set_->memory() : array_memory_.size();
}

}  // namespace trawl::control
