#include "service/match/pattern_prefix.h"

#include <algorithm>

namespace trawl::service {
namespace {

constexpr std::size_t kPositions = PatternPrefix::kPositions;
constexpr std::size_t kLongest = std::size_t{1} << 24U;

// What a node may take: which bytes at each of the first places, and after how many it may be over.
struct Taken {
  static constexpr unsigned kLater = 1U << kPositions;  // The end is there or behind it.

  std::array<ByteSet, kPositions> sets{};
  unsigned ends = 0;  // Bit n: after n bytes.

  [[nodiscard]] bool is_all_known() const noexcept { return (ends & ~kLater) == 0; }
};

constexpr Taken kNothing{.sets = {}, .ends = 1};

Taken either(Taken a, const Taken& b) noexcept {
  for (std::size_t i = 0; i < kPositions; ++i) a.sets[i] |= b.sets[i];
  a.ends |= b.ends;
  return a;
}

Taken one_after_other(const Taken& a, const Taken& b) noexcept {
  Taken both{.sets = a.sets, .ends = a.ends & Taken::kLater};
  for (std::size_t end = 0; end < kPositions; ++end) {
    if ((a.ends >> end & 1U) == 0) continue;
    for (std::size_t i = 0; end + i < kPositions; ++i) both.sets[end + i] |= b.sets[i];
    const unsigned ends = b.ends << end;
    both.ends |= ends & (2 * Taken::kLater - 1);
    if (ends >= Taken::kLater) both.ends |= Taken::kLater;
  }
  return both;
}

Taken take(const PatternNode& node);

Taken take_repeat(const PatternNode& node) {
  const Taken once = take(node.parts.front());
  Taken all = kNothing;
  // More rounds than places add nothing: each takes a byte, or may take none.
  constexpr std::size_t kMostRounds = kPositions + 1;
  for (std::size_t i = 0; i < std::min(node.least, kMostRounds) && !all.is_all_known(); ++i) {
    all = one_after_other(all, once);
  }
  const std::size_t optional = std::min(node.most - node.least, kMostRounds);
  for (std::size_t i = 0; i < optional && !all.is_all_known(); ++i) {
    all = either(all, one_after_other(all, once));
  }
  return all;
}

Taken take(const PatternNode& node) {
  Taken taken = kNothing;
  switch (node.kind) {
    case PatternNode::Kind::Bytes:
      taken.sets[0] = node.bytes;
      taken.ends = 1U << 1U;
      break;
    case PatternNode::Kind::Sequence:
      for (const PatternNode& part : node.parts) {
        if (taken.is_all_known()) break;
        taken = one_after_other(taken, take(part));
      }
      break;
    case PatternNode::Kind::Choice:
      taken = take(node.parts.front());
      for (const PatternNode& part : node.parts) taken = either(taken, take(part));
      break;
    case PatternNode::Kind::Repeat: taken = take_repeat(node); break;
    case PatternNode::Kind::Anything:
      taken.sets = PatternPrefix::open_sets();
      taken.ends = 2 * Taken::kLater - 1;
      break;
  }
  return taken;
}

std::size_t least_of(const PatternNode& node) {
  std::size_t least = 0;
  switch (node.kind) {
    case PatternNode::Kind::Bytes: return 1;
    case PatternNode::Kind::Sequence:
      for (const PatternNode& part : node.parts) least = std::min(least + least_of(part), kLongest);
      return least;
    case PatternNode::Kind::Choice:
      least = kLongest;
      for (const PatternNode& part : node.parts) least = std::min(least, least_of(part));
      return least;
    case PatternNode::Kind::Repeat:
      // Neither is more than 2^24.
      return std::min(node.least * least_of(node.parts.front()), kLongest);
    case PatternNode::Kind::Anything: return 0;
  }
  return 0;
}

}  // namespace

PatternPrefix pattern_prefix(const PatternBranch& branch) {
  PatternPrefix prefix{.least = static_cast<std::uint32_t>(least_of(branch.node))};
  if (!branch.is_anchored) return prefix;
  const Taken taken = take(branch.node);
  // Behind the end of a match anything may stand.
  for (std::size_t i = 0; i < kPositions && (taken.ends >> i & 1U) == 0; ++i) {
    prefix.sets[i] = taken.sets[i];
  }
  return prefix;
}

}  // namespace trawl::service
