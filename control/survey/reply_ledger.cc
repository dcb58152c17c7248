#include "control/survey/reply_ledger.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace trawl::control {
namespace {

constexpr unsigned kRankBits = 2;
constexpr std::uint64_t kRankMask = 3;
constexpr std::uint64_t kTargetsPerWord = 64 / kRankBits;
constexpr std::size_t kFirstSlots = 1U << 16U;

// 0 is "never heard of"; better news rank higher.
unsigned rank_of(PortState state) noexcept {
  switch (state) {
    case PortState::Unreachable: return 1;
    case PortState::Closed: return 2;
    case PortState::Open: return 3;
  }
  return 1;
}

PortState state_of(unsigned rank) noexcept {
  return rank == 3 ? PortState::Open : rank == 2 ? PortState::Closed : PortState::Unreachable;
}

}  // namespace

ReplyLedger::ReplyLedger(std::uint64_t targets, ByteCount largest_array) {
  const std::uint64_t words = (targets + kTargetsPerWord - 1) / kTargetsPerWord;
  if (words * sizeof(std::uint64_t) <= largest_array.count()) {
    array_.resize(words);
  } else {
    slots_.resize(kFirstSlots);
  }
}

ReplyLedger::Outcome ReplyLedger::record(std::uint64_t index, PortState state, PortState& before) {
  const unsigned rank = rank_of(state);
  const unsigned old =
      array_.empty() ? exchange_in_set(index, rank) : exchange_in_array(index, rank);
  if (old == 0) return Outcome::First;
  if (old >= rank) return Outcome::Duplicate;
  before = state_of(old);
  return Outcome::Improved;
}

// Both return the old rank and keep the better one.
unsigned ReplyLedger::exchange_in_array(std::uint64_t index, unsigned rank) {
  std::uint64_t& word = array_[index / kTargetsPerWord];
  const unsigned shift = static_cast<unsigned>(index % kTargetsPerWord) * kRankBits;
  const auto old = static_cast<unsigned>((word >> shift) & kRankMask);
  if (rank > old) word = (word & ~(kRankMask << shift)) | (std::uint64_t{rank} << shift);
  return old;
}

unsigned ReplyLedger::exchange_in_set(std::uint64_t index, unsigned rank) {
  if ((used_ + 1) * 4 > slots_.size() * 3) grow();
  const std::uint64_t key = index + 1;
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = mix64(key) & mask;
  while (slots_[at] != 0 && slots_[at] >> kRankBits != key) at = (at + 1) & mask;
  const auto old = static_cast<unsigned>(slots_[at] & kRankMask);
  used_ += static_cast<std::size_t>(slots_[at] == 0);
  slots_[at] = (key << kRankBits) | std::max(old, rank);
  return old;
}

bool ReplyLedger::knows(std::uint64_t index) const noexcept {
  if (!array_.empty()) {
    const unsigned shift = static_cast<unsigned>(index % kTargetsPerWord) * kRankBits;
    return (array_[index / kTargetsPerWord] >> shift & kRankMask) != 0;
  }
  const std::uint64_t key = index + 1;
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = mix64(key) & mask;
  while (slots_[at] != 0 && slots_[at] >> kRankBits != key) at = (at + 1) & mask;
  return slots_[at] != 0;
}

void ReplyLedger::grow() {
  std::vector<std::uint64_t> larger(slots_.size() * 2);
  const std::size_t mask = larger.size() - 1;
  for (const std::uint64_t slot : slots_) {
    if (slot == 0) continue;
    std::size_t at = mix64(slot >> kRankBits) & mask;
    while (larger[at] != 0) at = (at + 1) & mask;
    larger[at] = slot;
  }
  slots_ = std::move(larger);
}

ByteCount ReplyLedger::memory() const noexcept {
  return ByteCount{(array_.size() + slots_.size()) * sizeof(std::uint64_t)};
}

}  // namespace trawl::control
