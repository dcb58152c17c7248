// Reads a fingerprint from standard input and tells, as lines of words divided by tabs, what it
// matches in an OS database: for tests that compare this with what others say of the same host.
//
//   osfp_match DATABASE plain|debug
//
// or how well the entry of one line fits, beside the best, and in what it does not:
//
//   osfp_match DATABASE line NUMBER
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "osfp/database/os_matches.h"
#include "osfp/database/os_scorer.h"
#include "osfp/database/os_summary.h"

namespace trawl::osfp {
namespace {

void tell_match(const OsDatabase& database, const OsMatch& match) {
  const OsEntry& entry = database.entries[match.entry];
  std::cout << "match\t" << entry.name << '\t' << match.score.percent() << '\t' << entry.line
            << '\n';
  for (const OsClass& one : entry.classes) {
    std::cout << "class\t" << one.type << '\t' << one.vendor << '\t' << one.family << '\t'
              << one.generation;
    for (const std::string& cpe : one.cpes) std::cout << '\t' << cpe;
    std::cout << '\n';
  }
}

void tell(const OsDatabase& database, const OsMatches& matches, OsDetail detail) {
  for (const OsMatch& match : matches.named(detail)) tell_match(database, match);
  const OsSummary summary = summarise(database, matches, detail);
  std::cout << "Device type\t" << summary.device_types << "\nRunning\t" << summary.running
            << "\nOS CPE\t" << summary.cpes << "\nOS details\t" << summary.details << '\n';
}

// Score of the entry, of the best, and each test that is not as the entry asks.
int tell_entry(const OsScorer& scorer, const Fingerprint& measured, std::size_t line) {
  const OsDatabase& database = scorer.database();
  const std::vector<OsScore> scores = scorer.score(measured);
  const auto is_worse = [](const OsScore& a, const OsScore& b) {
    return std::uint64_t{a.matched} * b.possible < std::uint64_t{b.matched} * a.possible;
  };
  const OsScore best = *std::ranges::max_element(scores, is_worse);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const OsEntry& entry = database.entries[i];
    if (entry.line != line) continue;
    const OsScore& own = scores[i];
    std::cout << (is_worse(own, best) ? "worse" : "best") << '\t' << own.matched << '/'
              << own.possible << '\t' << best.matched << '/' << best.possible << '\n';
    for (std::size_t l = 0; l < kFingerprintLines; ++l) {
      for (const FingerprintTest test : tests_of(line_at(l))) {
        const std::string* const value = measured.find(line_at(l), test);
        const TestExpression* const asked = database.find(entry, line_at(l), test);
        if (value == nullptr || asked == nullptr || asked->matches(*value)) continue;
        std::cout << "differs\t" << to_string(line_at(l)) << '.' << to_string(test) << '\t'
                  << *value << '\t' << asked->text() << '\n';
      }
    }
    return 0;
  }
  std::cerr << "no entry in this line\n";
  return 1;
}

struct Question {
  OsDetail detail = OsDetail::Plain;
  std::size_t line = 0;  // 0: all matches are asked for.
};

int run(const std::string& path, const Question& question) {
  auto database = read_os_database(path);
  const std::string text{std::istreambuf_iterator<char>{std::cin}, {}};
  const auto fingerprint = Fingerprint::parse(text);
  if (!database || !fingerprint) {
    std::cerr << (database ? fingerprint.error() : database.error()).message << '\n';
    return 1;
  }
  for (const auto& problem : database->problems) {
    std::cerr << path << ':' << problem.line << ": " << problem.reason << '\n';
  }
  const OsScorer scorer{std::make_shared<const OsDatabase>(std::move(*database))};
  if (question.line != 0) return tell_entry(scorer, *fingerprint, question.line);
  tell(scorer.database(), pick_matches(scorer.database(), scorer.score(*fingerprint)),
       question.detail);
  return 0;
}

}  // namespace
}  // namespace trawl::osfp

int main(int argc, char** argv) {
  using trawl::osfp::OsDetail;
  if (argc != 3 && argc != 4) return 2;
  const std::string what = argv[2];
  trawl::osfp::Question question;
  if (what == "debug") question.detail = OsDetail::Debug;
  if (what == "line" && argc == 4) question.line = std::stoul(argv[3]);
  return trawl::osfp::run(argv[1], question);
}
