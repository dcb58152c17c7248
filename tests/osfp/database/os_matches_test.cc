#include "osfp/database/os_matches.h"

#include <gtest/gtest.h>

#include <string>

#include "osfp/database/os_summary.h"

namespace trawl::osfp {
namespace {

// An entry with a score of so many thousandths.
struct Case {
  std::string name;
  std::uint32_t matched = 0;
  std::vector<OsClass> classes{};
};

struct Scene {
  OsDatabase database;
  std::vector<OsScore> scores;

  explicit Scene(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
      database.entries.push_back(
          {.line = 1, .name = one.name, .classes = one.classes, .tests = {}});
      scores.push_back({.matched = one.matched, .possible = 1000});
    }
  }
  [[nodiscard]] OsMatches pick() const { return pick_matches(database, scores); }
  [[nodiscard]] OsSummary summary(OsDetail detail = OsDetail::Plain) const {
    return summarise(database, pick(), detail);
  }
};

OsClass made(std::string vendor, std::string family, std::string generation, std::string type,
             std::vector<std::string> cpes = {}) {
  return {.vendor = std::move(vendor),
          .family = std::move(family),
          .generation = std::move(generation),
          .type = std::move(type),
          .cpes = std::move(cpes)};
}

std::vector<Case> many(std::size_t count, std::uint32_t matched) {
  std::vector<Case> cases;
  for (std::size_t i = 0; i < count; ++i) cases.push_back({"n" + std::to_string(i), matched});
  return cases;
}

TEST(OsMatches, PerfectOnesLeaveGuessesOut) {
  const Scene scene{{{"near", 999}, {"b", 1000}, {"a", 1000}}};
  EXPECT_EQ(scene.pick().outcome, OsOutcome::Perfect);
  EXPECT_EQ(scene.summary().details, "b, a");
}

TEST(OsMatches, GuessesHave85PercentAndAreLessThanTenPointsBehind) {
  EXPECT_EQ((Scene{{{"a", 899}, {"b", 900}, {"c", 999}, {"d", 949}}}.summary().details),
            "c (99%), d (94%), b (90%)");
  EXPECT_EQ((Scene{{{"a", 849}, {"b", 850}, {"c", 900}}}.summary().details), "c (90%), b (85%)");
  EXPECT_EQ((Scene{{{"a", 849}}}.pick().outcome), OsOutcome::None);
  EXPECT_EQ((Scene{{{"a", 849}}}.summary().details), "");
}

TEST(OsMatches, NothingToCompareIsNoMatch) {
  Scene scene{{{"a", 0}}};
  scene.scores[0] = {.matched = 0, .possible = 0};
  EXPECT_EQ(scene.pick().outcome, OsOutcome::None);
}

TEST(OsMatches, EqualOnesAreInFileOrderAndNamesOnce) {
  EXPECT_EQ((Scene{{{"c", 950}, {"a", 950}, {"b", 960}, {"c", 960}, {"d", 950}}}.summary().details),
            "b (96%), c (96%), a (95%), d (95%)");
  const Scene same{{{"x", 1000}, {"x", 1000}}};
  ASSERT_EQ(same.pick().matches.size(), 1U);
  EXPECT_EQ(same.pick().matches[0].entry, 0U);
}

TEST(OsMatches, OrderIsExactWherePercentagesAreEqual) {
  Scene scene{{{"a", 0}, {"b", 0}}};
  scene.scores = {{.matched = 951, .possible = 1000}, {.matched = 1903, .possible = 2000}};
  EXPECT_EQ(scene.summary().details, "b (95%), a (95%)");
}

TEST(OsMatches, ReportsNameTenGuesses) {
  const Scene scene{many(14, 950)};
  EXPECT_EQ(scene.pick().matches.size(), 14U);
  EXPECT_EQ(scene.pick().named(OsDetail::Plain).size(), 10U);
  EXPECT_EQ(scene.pick().named(OsDetail::Debug).size(), 10U);
  EXPECT_EQ((Scene{many(50, 950)}.pick().matches.size()), 36U);
}

TEST(OsMatches, ManyPerfectOnesSayTooLittle) {
  EXPECT_EQ((Scene{many(8, 1000)}.pick().named(OsDetail::Plain).size()), 8U);
  const OsMatches nine = Scene{many(9, 1000)}.pick();
  EXPECT_EQ(nine.outcome, OsOutcome::Perfect);
  EXPECT_EQ(nine.named(OsDetail::Plain).size(), 0U);
  EXPECT_EQ(nine.named(OsDetail::Debug).size(), 9U);
  EXPECT_EQ((Scene{many(36, 1000)}.pick().outcome), OsOutcome::Perfect);
  EXPECT_EQ((Scene{many(37, 1000)}.pick().outcome), OsOutcome::TooMany);
  EXPECT_TRUE((Scene{many(37, 1000)}.pick().matches.empty()));
}

TEST(OsSummary, PutsClassesOfAFamilyTogether) {
  const OsSummary summary =
      Scene{{{"a", 1000, {made("Linux", "Linux", "2.6.X", "general purpose", {"cpe:/o:l"})}},
             {"b", 1000, {made("Linux", "Linux", "3.X", "WAP"), made("Acme", "RTOS", "", "WAP")}},
             {"c", 1000, {made("Acme", "RTOS", "2.X", "router", {"cpe:/o:l", "cpe:/h:a"})}},
             {"d", 1000, {made("Linux", "Linux", "2.6.X", "general purpose", {"cpe:/o:z"})}}}}
          .summary();
  EXPECT_EQ(summary.device_types, "general purpose|WAP|router");
  EXPECT_EQ(summary.running, "Linux 2.6.X|3.X, Acme RTOS 2.X");
  EXPECT_EQ(summary.cpes, "cpe:/o:l cpe:/h:a");
}

TEST(OsSummary, GuessesTellTheBestOfEachFamily) {
  const OsSummary summary = Scene{{{"a", 940, {made("Acme", "RTOS", "1.X", "router")}},
                                   {"b", 970, {made("Zen", "Linux", "", "WAP")}},
                                   {"c", 955, {made("Acme", "RTOS", "2.X", "router")}}}}
                                .summary();
  EXPECT_EQ(summary.running, "Zen Linux (97%), Acme RTOS 2.X|1.X (95%)");
  EXPECT_EQ(summary.details, "b (97%), c (95%), a (94%)");
}

TEST(OsSummary, SaysNothingOfTooManyKinds) {
  for (const char* const varied : {"family", "type", "cpe"}) {
    for (const std::size_t count : {8U, 9U}) {
      std::vector<OsClass> classes;
      for (std::size_t i = 0; i < count; ++i) {
        const std::string number = std::to_string(i);
        const auto varies = [&](const char* what) { return what == std::string{varied}; };
        classes.push_back(made("V", varies("family") ? "F" + number : "F", number,
                               varies("type") ? "t" + number : "t",
                               {varies("cpe") ? "cpe:/h:" + number : "cpe:/h:x"}));
      }
      const OsSummary summary = Scene{{{"a", 1000, classes}}}.summary();
      EXPECT_EQ(summary.running.empty(), count == 9) << varied;
      EXPECT_EQ(summary.device_types.empty(), count == 9) << varied;
      EXPECT_EQ(summary.cpes.empty(), count == 9) << varied;
      EXPECT_EQ(summary.details, "a");
    }
  }
}

TEST(OsSummary, GenerationsAreManyButNotTooLong) {
  // "V F " and 94 characters of generations, then one more.
  const auto running = [](std::size_t length) {
    const Scene scene{{{"a", 1000, {made("V", "F", std::string(length, 'g'), "t")}}}};
    return scene.summary().running.size();
  };
  EXPECT_EQ(running(94), 98U);
  EXPECT_EQ(running(95), 0U);
}

TEST(OsSummary, GuessesShowTenClassesAndMatchesBeyondTheNamedOnes) {
  std::vector<Case> cases;
  for (int i = 0; i < 14; ++i) {
    cases.push_back({"n" + std::to_string(i), 990, {made("V", "F", std::to_string(i), "t")}});
  }
  EXPECT_EQ((Scene{cases}.summary().running), "V F 0|1|2|3|4|5|6|7|8|9 (99%)");
  for (int i = 0; i < 14; ++i) {
    cases[static_cast<std::size_t>(i)].classes = {made(i < 10 ? "V" : "W", "F", "", "t")};
  }
  EXPECT_EQ((Scene{cases}.summary().running), "V F (99%), W F (99%)");
}

}  // namespace
}  // namespace trawl::osfp
