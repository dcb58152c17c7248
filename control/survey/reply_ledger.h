#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/units.h"
#include "base/verdict.h"
#include "control/survey/compact_ranks.h"
#include "control/survey/reserved_memory.h"

namespace trawl::control {

// What each target is known to be, so that every finding is reported once.
//
// Verdicts only improve: unreachable, then closed, then open. A SYN-ACK that follows a reset
// counts; a second SYN-ACK, or a reset after a SYN-ACK, is a duplicate. Two bits a target in an
// array where that fits the memory given, otherwise an exact set of the targets that answered
// (`compact_ranks.h`), under eight bytes each. Replaying a journal is record() of each of its
// lines.
//
// Thread: one user.
// Cost:   one or two cache misses, none after a prefetch(); timed by
//         bench/control/reply_ledger_bench.cc.
class ReplyLedger {
 public:
  static constexpr ByteCount kDefaultMemory = ByteCount::mebibytes(512);

  enum class Outcome { First, Improved, Duplicate };

  // Needs targets <= 2^48. `memory` bounds the array; the set grows with the targets that answer.
  // `seed` differs from scan to scan. Throws std::bad_alloc.
  explicit ReplyLedger(std::uint64_t targets, ByteCount memory = kDefaultMemory,
                       std::uint64_t seed = 0);

  // Needs index < targets. On Improved, `before` is what the target counted as until now.
  [[nodiscard]] Outcome record(std::uint64_t index, PortState state, PortState& before);
  // 0 for a silent target, 1 unreachable, 2 closed, 3 open. Needs index < targets.
  [[nodiscard]] unsigned rank(std::uint64_t index) const noexcept;
  // Whether the target has answered anything.
  [[nodiscard]] bool knows(std::uint64_t index) const noexcept { return rank(index) != 0; }
  // Starts loading what record() and rank() of `index` will need. Worth it for a whole batch of
  // replies ahead of recording them. Needs index < targets.
  void prefetch(std::uint64_t index) const noexcept;

  // Of the array, or taken so far by the set.
  [[nodiscard]] ByteCount memory() const noexcept;

 private:
  [[nodiscard]] unsigned raise_in_array(std::uint64_t index, unsigned rank) noexcept;

  ReservedMemory array_memory_;
  std::uint64_t* array_ = nullptr;  // 32 targets a word; null when the set is used.
  std::optional<CompactRanks> set_;
};

}  // namespace trawl::control
