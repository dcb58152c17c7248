#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/units.h"
#include "base/verdict.h"

namespace trawl::control {

// What each target is known to be, so that every finding is reported once.
//
// Verdicts only improve: unreachable, then closed, then open. A SYN-ACK that follows a reset
// counts; a second SYN-ACK, or a reset after a SYN-ACK, is a duplicate. Two bits a target in an
// array where that is small, otherwise a hash set of the targets that answered, eight bytes each at
// most three quarters full.
//
// Thread: one user.
class ReplyLedger {
 public:
  // Above this the hash set takes over.
  static constexpr ByteCount kLargestArray = ByteCount::mebibytes(32);

  enum class Outcome { First, Improved, Duplicate };

  // Needs targets <= 2^48. The array is used where it takes no more than `largest_array`.
  explicit ReplyLedger(std::uint64_t targets, ByteCount largest_array = kLargestArray);

  // Needs index < targets. On Improved, `before` is what the target counted as until now.
  [[nodiscard]] Outcome record(std::uint64_t index, PortState state, PortState& before);
  // Whether the target has answered anything.
  [[nodiscard]] bool knows(std::uint64_t index) const noexcept;
  [[nodiscard]] ByteCount memory() const noexcept;

 private:
  [[nodiscard]] unsigned exchange_in_array(std::uint64_t index, unsigned rank);
  [[nodiscard]] unsigned exchange_in_set(std::uint64_t index, unsigned rank);
  void grow();

  std::vector<std::uint64_t> array_;  // 32 targets a word; empty when the set is used.
  std::vector<std::uint64_t> slots_;  // (index + 1) * 4 + rank; 0 is free. Size a power of two.
  std::size_t used_ = 0;
};

}  // namespace trawl::control
