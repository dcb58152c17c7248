// Reads a fingerprint from standard input and tells, as lines of words divided by tabs, what it
// matches in an OS database: for tests that compare this with what others say of the same host.
//
//   osfp_match DATABASE plain|debug
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

int run(const std::string& path, OsDetail detail) {
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
  tell(scorer.database(), pick_matches(scorer.database(), scorer.score(*fingerprint)), detail);
  return 0;
}

}  // namespace
}  // namespace trawl::osfp

int main(int argc, char** argv) {
  using trawl::osfp::OsDetail;
  if (argc != 3) return 2;
  const bool is_debug = std::string{argv[2]} == "debug";
  return trawl::osfp::run(argv[1], is_debug ? OsDetail::Debug : OsDetail::Plain);
}
