#include "osfp/database/os_scorer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>

#include "osfp/database/os_matches.h"
#include "tests/osfp/database/sample.h"

namespace trawl::osfp {
namespace {

constexpr const char* kInstalled = "/usr/share/nmap/nmap-os-db";

std::vector<OsScore> score(const std::string& text, const std::string& measured) {
  const auto fingerprint = Fingerprint::parse(measured);
  EXPECT_TRUE(fingerprint);
  const OsScorer scorer{std::make_shared<OsDatabase>(parse_os_database(text, "x"))};
  return scorer.score(*fingerprint);
}

constexpr const char* kPoints =
    "MatchPoints\nSEQ(SP=25%GCD=75)\nT5(R=100%DF=20%T=15%TG=15%O=10)\nT6(R=100%DF=30)\n";

TEST(OsScorer, CountsTestsThatBothHave) {
  const auto scores = score(std::string{kPoints} +
                                "Fingerprint all\nSEQ(SP=1-5%GCD=1)\nT5(R=Y%DF=N%O=)\n"
                                "Fingerprint fewer\nT5(R=Y%DF=Y)\n"
                                "Fingerprint other\nT7(R=Y)\n"
                                "Fingerprint wrong\nT5(R=N)\n",
                            "SEQ(SP=3%GCD=2)T5(R=Y%DF=N%O=M1%Q=)");
  ASSERT_EQ(scores.size(), 4U);
  EXPECT_EQ(scores[0], (OsScore{.matched = 25 + 100 + 20, .possible = 25 + 75 + 100 + 20 + 10}));
  EXPECT_EQ(scores[1], (OsScore{.matched = 100, .possible = 120}));
  EXPECT_EQ(scores[2], (OsScore{.matched = 0, .possible = 0}));
  EXPECT_EQ(scores[3], (OsScore{.matched = 0, .possible = 100}));
}

TEST(OsScorer, ALineOfOneTestNeverAnswersForAnother) {
  // The same value and points on two lines.
  const auto scores =
      score("MatchPoints\nT5(R=10)\nT6(R=10)\nFingerprint a\nT5(R=Y)\nT6(R=N)\n", "T5(R=N)T6(R=N)");
  EXPECT_EQ(scores[0], (OsScore{.matched = 10, .possible = 20}));
}

TEST(OsScorer, AKnownDistanceLeavesTheGuessedOneOut) {
  const std::string entry = "Fingerprint a\nT5(R=Y%T=3B-45%TG=40)\n";
  // T is there when the distance is known, TG when it is not; entries have both.
  EXPECT_EQ(score(kPoints + entry, "T5(R=Y%T=40)")[0], (OsScore{.matched = 115, .possible = 115}));
  EXPECT_EQ(score(kPoints + entry, "T5(R=Y%T=46)")[0], (OsScore{.matched = 100, .possible = 115}));
  EXPECT_EQ(score(kPoints + entry, "T5(R=Y%TG=40)")[0], (OsScore{.matched = 115, .possible = 115}));
  EXPECT_EQ(score(kPoints + entry, "T5(R=Y%TG=3B)")[0], (OsScore{.matched = 100, .possible = 115}));
}

TEST(OsScore, IsPerfectOnlyWhenWhole) {
  EXPECT_FALSE((OsScore{.matched = 0, .possible = 0}).is_perfect());
  EXPECT_EQ((OsScore{.matched = 0, .possible = 0}).percent(), 0U);
  EXPECT_EQ((OsScore{.matched = 999, .possible = 1000}).percent(), 99U);
  EXPECT_EQ((OsScore{.matched = 850, .possible = 1000}).percent(), 85U);
  EXPECT_TRUE((OsScore{.matched = 7, .possible = 7}).is_perfect());
}

class InstalledScorer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kInstalled)) GTEST_SKIP();
    auto read = read_os_database(kInstalled);
    ASSERT_TRUE(read);
    database_ = std::make_shared<const OsDatabase>(std::move(*read));
  }
  std::shared_ptr<const OsDatabase> database_;
};

// Thousands of measured fingerprints, each against some of the entries: all would take minutes.
TEST_F(InstalledScorer, AgreesWithThePlainScorer) {
  const OsScorer scorer{database_};
  const auto& entries = database_->entries;
  std::mt19937_64 random{20'260'101};
  std::uniform_int_distribution<std::size_t> any{0, entries.size() - 1};
  std::size_t differ = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::size_t drawn = any(random);
    const auto straying = round % 4 == 0 ? Straying::None : Straying::Measured;
    const Fingerprint measured = draw_sample(*database_, entries[drawn], straying, random);
    const std::vector<OsScore> scores = scorer.score(measured);
    ASSERT_EQ(scores.size(), entries.size());
    for (int i = 0; i < 20; ++i) {
      const std::size_t at = i == 0 ? drawn : any(random);
      const OsScore plain = score_plainly(*database_, entries[at], measured);
      if (plain != scores[at] && ++differ < 5) {
        ADD_FAILURE() << entries[at].name << ": " << scores[at].matched << "/"
                      << scores[at].possible << ", not " << plain.matched << "/" << plain.possible
                      << " for\n"
                      << measured.print();
      }
    }
  }
  EXPECT_EQ(differ, 0U);
}

TEST_F(InstalledScorer, ASampleOfAnEntryIsAmongItsPerfectMatches) {
  const OsScorer scorer{database_};
  std::mt19937_64 random{7};
  for (std::size_t i = 0; i < database_->entries.size(); i += 3) {
    const OsEntry& entry = database_->entries[i];
    const auto measured = draw_sample(*database_, entry, Straying::None, random);
    const auto scores = scorer.score(measured);
    ASSERT_TRUE(scores[i].is_perfect()) << entry.name << "\n" << measured.print();
    const OsMatches matches = pick_matches(*database_, scores);
    if (matches.outcome == OsOutcome::TooMany) continue;
    ASSERT_EQ(matches.outcome, OsOutcome::Perfect);
    EXPECT_TRUE(std::any_of(
        matches.matches.begin(), matches.matches.end(),
        [&](const OsMatch& match) { return database_->entries[match.entry].name == entry.name; }))
        << entry.name;
  }
}

}  // namespace
}  // namespace trawl::osfp
