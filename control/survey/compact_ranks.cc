#include "control/survey/compact_ranks.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "base/hash.h"

namespace trawl::control {
namespace {

constexpr unsigned kKeyBits = 48;
constexpr std::uint64_t kKeyMask = (std::uint64_t{1} << kKeyBits) - 1;
constexpr unsigned kTagBits = 38;
constexpr std::uint64_t kTagMask = (std::uint64_t{1} << kTagBits) - 1;
constexpr std::uint64_t kRankMask = 3;

// How many lines on from its home a key may be. In small tables the scrambled keys of a few homes
// may have equal tags, and the distance kept beside them tells them apart; in large ones tags alone
// do for sixteen homes.
constexpr unsigned kShortReach = 3;
constexpr unsigned kLongReach = 15;
// The scrambled keys of one home must differ in their tags: at least 1024 lines. The margin is for
// rounding.
constexpr std::uint64_t kFewestLines = 1040;
constexpr std::uint64_t kLargeTable = kFewestLines * (kLongReach + 1);
constexpr unsigned reach_of(std::uint64_t lines) noexcept {
  return lines < kLargeTable ? kShortReach : kLongReach;
}

// With more keys too many of them would be far from home.
constexpr std::uint64_t most_keys_in(std::uint64_t lines) noexcept { return lines * 41 / 4; }
constexpr std::uint64_t kMostKeysExpected = std::uint64_t{1} << 36U;

// Small tables grow by an eighth, for what spilled before the table was large weighs more there;
// others by a quarter, which halves the moving.
constexpr std::uint64_t kGrowsByQuarter = std::uint64_t{1} << 16U;
constexpr std::uint64_t grown(std::uint64_t lines) noexcept {
  return lines + lines / (lines < kGrowsByQuarter ? 8 : 4);
}
// Four lines move with each new key, so a growth ends long before the next begins; in groups,
// because memory is faster in sequence.
constexpr unsigned kLinesPerKey = 4;
constexpr unsigned kLinesAtOnce = 128;
constexpr unsigned kLinesAhead = 16;
// Below this, old and new places of a key may be the same line: the rest moves in one go.
constexpr std::uint64_t kLastLines = 256;
// The least growth for which that holds, as a part of the lines.
constexpr std::uint64_t kLeastGrowth = 16;
// From here on (16 MiB) large pages are worth what they round up.
constexpr std::uint64_t kLargePageLines = std::uint64_t{1} << 18U;

// Bits behind the point of the width of a home: enough for the last of 2^35 homes to begin within
// 2^9 of where it does, and never after.
constexpr unsigned kStartBits = 26;
__extension__ using Wide = unsigned __int128;

constexpr std::size_t kFirstSpillSlots = 64;

}  // namespace

CompactRanks::CompactRanks(std::uint64_t most_keys, std::uint64_t seed)
    : seed_{mix64(seed) & kKeyMask}, lines_{kFewestLines} {
  // An eighth of what eight bytes a key come to is the room for growing beyond it.
  const std::uint64_t keys = std::min(most_keys, kMostKeysExpected);
  const std::uint64_t least = (kFewestLines + kLongReach) * sizeof(Line);
  memory_ = ReservedMemory{ByteCount{keys * 9 + 2 * least}, ByteCount{least}};
  table_ = static_cast<Line*>(memory_.data());
  most_lines_ = memory_.size().count() / sizeof(Line) - kLongReach;
  grow_above_ = most_keys_in(lines_);
}

// Multiplications and shifts that each can be undone within 48 bits.
std::uint64_t CompactRanks::scramble(std::uint64_t key) const noexcept {
  std::uint64_t x = key ^ seed_;
  x ^= x >> 24U;
  x = (x * 0xbf58476d1ce4e5b9ULL) & kKeyMask;
  x ^= x >> 23U;
  x = (x * 0x94d049bb133111ebULL) & kKeyMask;
  return x ^ (x >> 24U);
}

std::uint64_t CompactRanks::home_of(std::uint64_t hash, std::uint64_t lines) noexcept {
  return static_cast<std::uint64_t>((Wide{hash} * lines) >> kKeyBits);
}

// The slots whose tag is that of `hash`, as bits.
unsigned CompactRanks::Line::matches(std::uint64_t hash) const noexcept {
  const auto* words = reinterpret_cast<const __m128i*>(this);
  const __m128i low = _mm_set1_epi32(static_cast<int>(static_cast<std::uint32_t>(hash)));
  const __m128i same0 = _mm_cmpeq_epi32(_mm_load_si128(words), low);
  const __m128i same1 = _mm_cmpeq_epi32(_mm_load_si128(words + 1), low);
  const __m128i same2 = _mm_cmpeq_epi32(_mm_load_si128(words + 2), low);
  const __m128i same_low =
      _mm_packs_epi16(_mm_packs_epi32(same0, same1), _mm_packs_epi32(same2, _mm_setzero_si128()));
  const auto high_bits = static_cast<char>((hash >> 32U << 2U) & 0xfcU);
  const __m128i high = _mm_and_si128(_mm_load_si128(words + 3), _mm_set1_epi8('\xfc'));
  const __m128i same = _mm_and_si128(same_low, _mm_cmpeq_epi8(high, _mm_set1_epi8(high_bits)));
  return static_cast<unsigned>(_mm_movemask_epi8(same)) & ((1U << used()) - 1U);
}

// Needs a free slot.
void CompactRanks::Line::append(std::uint64_t hash, unsigned rank, unsigned distance) noexcept {
  const unsigned slot = used();
  tag_low[slot] = static_cast<std::uint32_t>(hash);
  tag_high_and_rank[slot] = static_cast<std::uint8_t>(((hash >> 32U << 2U) & 0xfcU) | rank);
  meta += 1U + ((distance & 3U) << (4 + 2 * slot));
}

// A key is in the first line from its home that had room when it came, and lines never lose keys:
// the first line with room ends the search.
CompactRanks::Place CompactRanks::find_from(std::uint64_t home, std::uint64_t end,
                                            std::uint64_t hash) const noexcept {
  unsigned distance = 0;
  for (std::uint64_t at = home; at < end; ++at, ++distance) {
    Line& line = table_[at];
    for (unsigned found = line.matches(hash); found != 0; found &= found - 1) {
      const auto slot = static_cast<unsigned>(std::countr_zero(found));
      if (line.distance(slot) == (distance & 3U)) return {Where::Found, &line, slot, distance};
    }
    if (line.used() < kSlots) return {Where::Free, &line, 0, distance};
  }
  return {Where::Full, nullptr, 0, 0};
}

// During a growth a key is looked for where it was before it as far as that is unmoved, and goes
// to its new place when that leaves no room.
CompactRanks::Place CompactRanks::find(std::uint64_t hash) const noexcept {
  if (old_lines_ != 0) {
    const std::uint64_t old_home = home_of(hash, old_lines_);
    if (old_home < unmoved_) {
      const std::uint64_t end = old_home + reach_of(old_lines_) + 1;
      const Place place = find_from(old_home, std::min(end, unmoved_), hash);
      if (place.where != Where::Full || end <= unmoved_) return place;
    }
  }
  const std::uint64_t home = home_of(hash, lines_);
  return find_from(home, home + reach_of(lines_) + 1, hash);
}

unsigned CompactRanks::raise(std::uint64_t key, unsigned rank) {
  const std::uint64_t hash = scramble(key);
  const Place place = find(hash);
  if (place.where == Where::Found) {
    std::uint8_t& kept = place.line->tag_high_and_rank[place.slot];
    const unsigned old = kept & kRankMask;
    if (rank > old) kept = static_cast<std::uint8_t>((kept & ~kRankMask) | rank);
    return old;
  }
  if (spilled_used_ != 0) {
    std::uint64_t& kept = *find_spilled(hash);
    const auto old = static_cast<unsigned>(kept & kRankMask);
    if (rank > old && old != 0) kept = (kept & ~kRankMask) | rank;
    if (old != 0) return old;
  }
  insert(hash, rank, place);
  if (++used_ > grow_above_ && old_lines_ == 0) begin_growth();
  if (old_lines_ != 0) grow_some();
  return 0;
}

unsigned CompactRanks::rank(std::uint64_t key) const noexcept {
  const std::uint64_t hash = scramble(key);
  const Place place = find(hash);
  if (place.where == Where::Found) {
    return static_cast<unsigned>(place.line->tag_high_and_rank[place.slot] & kRankMask);
  }
  return spilled_used_ != 0 ? spilled_rank(hash) : 0;
}

void CompactRanks::prefetch(std::uint64_t key) const noexcept {
  const std::uint64_t hash = scramble(key);
  std::uint64_t home = home_of(hash, lines_);
  if (old_lines_ != 0) {
    const std::uint64_t old_home = home_of(hash, old_lines_);
    if (old_home < unmoved_) home = old_home;
  }
  __builtin_prefetch(&table_[home], 1);
  __builtin_prefetch(&table_[home + 1], 1);
}

void CompactRanks::insert(std::uint64_t hash, unsigned rank, const Place& place) {
  if (place.where == Where::Free) {
    place.line->append(hash, rank, place.distance);
  } else {
    spill(hash, rank);
  }
}

// Without reserved room the table stays as it is and more and more keys spill.
void CompactRanks::begin_growth() {
  const std::uint64_t more = std::min(grown(lines_), most_lines_);
  if (more < lines_ + lines_ / kLeastGrowth) {
    grow_above_ = std::numeric_limits<std::uint64_t>::max();
    return;
  }
  if (lines_ < kLargePageLines && more >= kLargePageLines) memory_.prefer_large_pages();
  old_lines_ = lines_;
  unmoved_ = lines_ + reach_of(lines_);
  start_step_ = static_cast<std::uint64_t>((Wide{1} << (kKeyBits + kStartBits)) / old_lines_);
  lines_ = more;
  grow_above_ = most_keys_in(lines_);
}

void CompactRanks::grow_some() {
  owed_ += kLinesPerKey;
  if (owed_ < kLinesAtOnce) return;
  owed_ = 0;
  for (unsigned i = 0; i < kLinesAtOnce; ++i) {
    if (unmoved_ <= kLastLines) return finish_growth();
    const std::uint64_t ahead = unmoved_ - kLinesAhead;
    __builtin_prefetch(&table_[ahead], 1);
    __builtin_prefetch(&table_[static_cast<std::uint64_t>((Wide{ahead} * lines_) / old_lines_)], 1);
    const Line line = table_[--unmoved_];
    table_[unmoved_] = Line{};
    move_line(line, unmoved_);
  }
}

void CompactRanks::finish_growth() {
  std::array<Line, kLastLines> last;  // 16 KiB.
  std::copy_n(table_, unmoved_, last.begin());
  std::fill_n(table_, unmoved_, Line{});
  for (; unmoved_ > 0; --unmoved_) move_line(last[unmoved_ - 1], unmoved_ - 1);
  old_lines_ = 0;
}

// Puts the keys that `line` held at `position` to where they belong now. What the tags leave out
// of a scrambled key follows from where its home began: that of home b at b * 2^48 / old_lines_.
// First all homes, which do not depend on each other, then the moves, which do.
void CompactRanks::move_line(const Line& line, std::uint64_t position) {
  const unsigned old_reach = reach_of(old_lines_);
  const unsigned reach = reach_of(lines_);
  const std::uint64_t lines = lines_;
  Line* const table = table_;
  const auto start_of = [step = start_step_](std::uint64_t home) {
    return static_cast<std::uint64_t>((Wide{home} * step) >> kStartBits);
  };
  const std::uint64_t start = start_of(position < old_reach ? 0 : position - old_reach);
  std::array<std::uint64_t, kSlots> hashes;
  std::array<std::uint64_t, kSlots> homes;
  const unsigned used = line.used();
  for (unsigned slot = 0; slot < used; ++slot) {
    const std::uint64_t first =
        old_reach == kLongReach ? start : start_of(position - line.distance(slot));
    const std::uint64_t high = line.tag_high_and_rank[slot] >> 2U;
    hashes[slot] = first + ((((high << 32U) | line.tag_low[slot]) - first) & kTagMask);
    homes[slot] = home_of(hashes[slot], lines);
  }
  for (unsigned slot = 0; slot < used; ++slot) {
    const unsigned rank = line.tag_high_and_rank[slot] & kRankMask;
    unsigned distance = 0;
    while (distance <= reach && table[homes[slot] + distance].used() == kSlots) ++distance;
    if (distance <= reach) {
      table[homes[slot] + distance].append(hashes[slot], rank, distance);
    } else {
      spill(hashes[slot], rank);
    }
  }
}

// The slot of `hash`, or a free one. Needs a table.
std::uint64_t* CompactRanks::find_spilled(std::uint64_t hash) noexcept {
  const std::size_t mask = spilled_.size() - 1;
  std::size_t at = hash & mask;
  while (spilled_[at] != 0 && spilled_[at] >> 2U != hash + 1) at = (at + 1) & mask;
  return &spilled_[at];
}

unsigned CompactRanks::spilled_rank(std::uint64_t hash) const noexcept {
  return static_cast<unsigned>(*const_cast<CompactRanks*>(this)->find_spilled(hash) & kRankMask);
}

// Needs a hash that is nowhere yet.
void CompactRanks::spill(std::uint64_t hash, unsigned rank) {
  if ((spilled_used_ + 1) * 4 > spilled_.size() * 3) {
    std::vector<std::uint64_t> kept(std::max(spilled_.size() * 2, kFirstSpillSlots));
    kept.swap(spilled_);
    for (const std::uint64_t entry : kept) {
      if (entry != 0) *find_spilled((entry >> 2U) - 1) = entry;
    }
  }
  *find_spilled(hash) = ((hash + 1) << 2U) | rank;
  ++spilled_used_;
}

ByteCount CompactRanks::memory() const noexcept {
  return ByteCount{(lines_ + kLongReach) * sizeof(Line) + spilled_.size() * sizeof(std::uint64_t)};
}

}  // namespace trawl::control
