#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/units.h"
#include "control/survey/reserved_memory.h"

namespace trawl::control {

// An exact map from 48-bit keys to a rank of 1, 2 or 3 that takes 6.2 to 7.9 bytes a key at every
// size from ten thousand keys up.
//
// A key is scrambled by a bijection of 48 bits; its home is one of `lines_` cache lines, in the
// order of the scrambled keys, so a line need remember only 38 bits of each. A line has twelve
// slots of 38 bits and a rank; who finds no room at home goes a few lines on, and the few that find
// none there are kept whole in `spilled_`. The order makes growing cheap: home numbers
// only rise when there are more lines, so the table grows in place, from its last line to its
// first, a few lines with each new key, and there is never a second copy nor a long pause.
//
// Thread: one user.
// Cost:   raise() and rank() touch one or two cache lines; timed by
//         bench/control/reply_ledger_bench.cc.
class CompactRanks {
 public:
  // Expects no more than `most_keys` different keys (more are taken, slower). `seed` keeps others
  // from choosing keys that share a home.
  CompactRanks(std::uint64_t most_keys, std::uint64_t seed);

  // Keeps the better of `rank` and what `key` has, and returns what it had; 0 for a new key.
  // Needs key < 2^48 and rank 1, 2 or 3.
  unsigned raise(std::uint64_t key, unsigned rank);
  // 0 for a key that was never raised.
  [[nodiscard]] unsigned rank(std::uint64_t key) const noexcept;
  // Starts loading what raise() and rank() of `key` will need.
  void prefetch(std::uint64_t key) const noexcept;

  [[nodiscard]] std::uint64_t size() const noexcept { return used_; }
  // Keys that found no room in the lines.
  [[nodiscard]] std::uint64_t spilled() const noexcept { return spilled_used_; }
  [[nodiscard]] ByteCount memory() const noexcept;

 private:
  static constexpr unsigned kSlots = 12;

  // Offset  0: the low 32 bits of each slot's tag.
  // Offset 48: the other 6 bits of the tag, and the rank in the low 2.
  // Offset 60: slots in use (4 bits), then 2 bits a slot: how many lines from its home it
  // is, modulo four.
  struct alignas(64) Line {
    std::uint32_t tag_low[kSlots];
    std::uint8_t tag_high_and_rank[kSlots];
    std::uint32_t meta;

    [[nodiscard]] unsigned used() const noexcept { return meta & 15U; }
    [[nodiscard]] unsigned distance(unsigned slot) const noexcept {
      return (meta >> (4 + 2 * slot)) & 3U;
    }
    [[nodiscard]] unsigned matches(std::uint64_t hash) const noexcept;
    void append(std::uint64_t hash, unsigned rank, unsigned distance) noexcept;
  };
  static_assert(sizeof(Line) == 64);

  enum class Where { Found, Free, Full };
  struct Place {
    Where where;
    Line* line;         // Of the key when Found, of a free slot when Free.
    unsigned slot;      // When Found.
    unsigned distance;  // From home, when Free.
  };

  [[nodiscard]] std::uint64_t scramble(std::uint64_t key) const noexcept;
  [[nodiscard]] static std::uint64_t home_of(std::uint64_t hash, std::uint64_t lines) noexcept;
  [[nodiscard]] Place find(std::uint64_t hash) const noexcept;
  [[nodiscard]] Place find_from(std::uint64_t home, std::uint64_t end,
                                std::uint64_t hash) const noexcept;
  void insert(std::uint64_t hash, unsigned rank, const Place& place);
  void begin_growth();
  void grow_some();
  void move_line(const Line& line, std::uint64_t position);
  void finish_growth();
  [[nodiscard]] std::uint64_t* find_spilled(std::uint64_t hash) noexcept;
  [[nodiscard]] unsigned spilled_rank(std::uint64_t hash) const noexcept;
  void spill(std::uint64_t hash, unsigned rank);

  ReservedMemory memory_;
  Line* table_;
  std::uint64_t seed_;
  std::uint64_t most_lines_;
  std::uint64_t lines_;                 // Homes; more lines follow for those without room.
  std::uint64_t used_ = 0;              // Keys, spilled ones included.
  std::uint64_t grow_above_ = 0;        // Keys.
  std::uint64_t old_lines_ = 0;         // Homes before the growth under way; 0 when there is none.
  std::uint64_t unmoved_ = 0;           // Lines below this are as before the growth.
  std::uint64_t start_step_ = 0;        // 2^48 / old_lines_, with kStartBits behind the point.
  unsigned owed_ = 0;                   // Lines to move, done in groups.
  std::vector<std::uint64_t> spilled_;  // (hash + 1) * 4 + rank; 0 is free. Size a power of two.
  std::uint64_t spilled_used_ = 0;
};

}  // namespace trawl::control
