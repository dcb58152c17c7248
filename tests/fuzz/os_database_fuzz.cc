#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string_view>

#include "osfp/database/os_database.h"
#include "osfp/database/os_matches.h"
#include "osfp/database/os_scorer.h"
#include "osfp/database/os_summary.h"
#include "tests/osfp/database/sample.h"

namespace trawl::osfp {
namespace {

void check_entry(const OsDatabase& database, const OsEntry& entry) {
  if (entry.line == 0 || entry.name.empty() || entry.tests.empty()) std::abort();
  if (entry.classes.size() > OsDatabase::kMostClasses) std::abort();
  int last = -1;
  for (const OsTest& test : entry.tests) {
    if (test.place <= last || test.place >= kFingerprintPlaces) std::abort();
    if (test.expression >= database.expressions.size()) std::abort();
    last = test.place;
  }
  for (const OsClass& one : entry.classes) {
    if (one.vendor.empty() || one.family.empty() || one.type.empty()) std::abort();
    for (const auto& cpe : one.cpes) {
      if (!cpe.starts_with("cpe:/")) std::abort();
    }
  }
}

// The scorers agree about samples of the first entry.
void check_scores(const std::shared_ptr<const OsDatabase>& database, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  const OsEntry& first = database->entries.front();
  const OsScorer scorer{database};
  for (const Straying straying : {Straying::None, Straying::Measured}) {
    const Fingerprint measured = draw_sample(*database, first, straying, random);
    const auto scores = scorer.score(measured);
    if (scores.size() != database->entries.size()) std::abort();
    for (std::size_t i = 0; i < std::min<std::size_t>(scores.size(), 8); ++i) {
      const auto plain = score_plainly(*database, database->entries[i], measured);
      if (scores[i] != plain) std::abort();
    }
    const OsMatches matches = pick_matches(*database, scores);
    if (matches.matches.size() > OsMatches::kMostMatches) std::abort();
    static_cast<void>(summarise(*database, matches, OsDetail::Plain));
  }
}

}  // namespace
}  // namespace trawl::osfp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::osfp;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto database = std::make_shared<const OsDatabase>(parse_os_database(text, "fuzz"));
  if (database->problems.size() > OsDatabase::kMostProblems + 1) std::abort();
  for (const auto& problem : database->problems) {
    if (problem.line == 0 || problem.reason.empty() || problem.reason.size() > 512) std::abort();
    for (const char byte : problem.reason) {
      if (byte < ' ' || byte > '~') std::abort();
    }
  }
  for (const OsEntry& entry : database->entries) check_entry(*database, entry);
  if (!database->entries.empty()) check_scores(database, size);
  return 0;
}
