#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "osfp/database/os_database.h"
#include "osfp/database/os_scorer.h"

namespace trawl::osfp {

struct OsMatch {
  std::uint32_t entry = 0;  // Of OsDatabase::entries.
  OsScore score;
};

enum class OsOutcome : std::uint8_t {
  None,     // Nothing comes close.
  Perfect,  // All that can be compared is as the entries say.
  TooMany,  // More than kMostMatches entries are perfect: the answers tell too little.
  Guesses   // Entries that come close.
};

// How much reports tell; with -d they name more matches.
enum class OsDetail : std::uint8_t { Plain, Debug };

// The entries that fit a host. When some are perfect, those alone. Otherwise those that have at
// least 85 % and less than ten points less than the best. Of entries with the same name only the
// best counts. These rules, and the limits below, are what nmap 7.93 shows from outside when it is
// given databases made for the purpose; the Nmap book does not tell them.
struct OsMatches {
  static constexpr std::size_t kMostMatches = 36;
  static constexpr std::size_t kMostPerfect = 8;  // That reports name, unless they tell more.
  static constexpr std::size_t kMostGuesses = 10;

  OsOutcome outcome = OsOutcome::None;
  std::vector<OsMatch> matches;  // The best first, equals in file order.

  // The matches that reports name: none when more are perfect than they would name.
  [[nodiscard]] std::span<const OsMatch> named(OsDetail detail) const noexcept;
};

// Needs a score for each entry, as OsScorer gives them.
[[nodiscard]] OsMatches pick_matches(const OsDatabase& database, std::span<const OsScore> scores);

}  // namespace trawl::osfp
