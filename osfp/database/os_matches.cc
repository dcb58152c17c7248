#include "osfp/database/os_matches.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace trawl::osfp {
namespace {

constexpr std::uint64_t kLeastPercent = 85;
constexpr std::uint64_t kTenth = 10;  // A guess is less than one tenth behind the best.

bool is_better(const OsScore& a, const OsScore& b) noexcept {
  return std::uint64_t{a.matched} * b.possible > std::uint64_t{b.matched} * a.possible;
}

bool is_close(const OsScore& score) noexcept {
  return score.possible > 0 && std::uint64_t{score.matched} * 100 >= kLeastPercent * score.possible;
}

// Needs a `best` that is as good or better.
bool is_near(const OsScore& score, const OsScore& best) noexcept {
  const std::uint64_t behind =
      std::uint64_t{best.matched} * score.possible - std::uint64_t{score.matched} * best.possible;
  return behind * kTenth < std::uint64_t{best.possible} * score.possible;
}

}  // namespace

std::span<const OsMatch> OsMatches::named(OsDetail detail) const noexcept {
  const std::span<const OsMatch> all{matches};
  if (outcome == OsOutcome::Guesses) return all.first(std::min(all.size(), kMostGuesses));
  if (outcome == OsOutcome::Perfect && all.size() > kMostPerfect && detail == OsDetail::Plain) {
    return {};
  }
  return all;
}

OsMatches pick_matches(const OsDatabase& database, std::span<const OsScore> scores) {
  OsMatches picked;
  std::vector<OsMatch> close;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (is_close(scores[i])) {
      close.push_back({.entry = static_cast<std::uint32_t>(i), .score = scores[i]});
    }
  }
  if (close.empty()) return picked;
  std::stable_sort(close.begin(), close.end(),
                   [](const OsMatch& a, const OsMatch& b) { return is_better(a.score, b.score); });
  const OsScore best = close.front().score;
  std::unordered_set<std::string_view> names;
  for (const OsMatch& match : close) {
    const bool is_one = best.is_perfect() ? match.score.is_perfect() : is_near(match.score, best);
    if (!is_one) break;
    if (!names.insert(database.entries[match.entry].name).second) continue;
    if (picked.matches.size() == OsMatches::kMostMatches) {
      if (!best.is_perfect()) break;
      return {.outcome = OsOutcome::TooMany, .matches = {}};
    }
    picked.matches.push_back(match);
  }
  picked.outcome = best.is_perfect() ? OsOutcome::Perfect : OsOutcome::Guesses;
  return picked;
}

}  // namespace trawl::osfp
