#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "osfp/database/os_database.h"
#include "osfp/database/os_matches.h"

namespace trawl::osfp {

// A class that some matches have, with the score of the best of them.
struct OsClassMatch {
  const OsClass* os_class = nullptr;  // Of the database; its CPEs are those of that match.
  OsScore score;
};

// The different classes of all matches, also of those that reports do not name, the best first. Of
// guesses at most ten.
[[nodiscard]] std::vector<OsClassMatch> pick_classes(const OsDatabase& database,
                                                     const OsMatches& matches);

// What reports for people say in a line each, without its heading. A text is empty where nothing
// is known, or so much that it would say nothing.
struct OsSummary {
  std::string device_types;  // "general purpose|router"
  std::string running;       // "Linux 2.6.X|3.X, Acme RTOS"; of guesses "Linux 2.6.X (96%)".
  std::string cpes;          // "cpe:/o:linux:linux_kernel:2.6 cpe:/h:acme:x"
  std::string details;       // The matches: "a, b"; of guesses "a (97%), b (95%)".

  // The limits of nmap 7.93, found as those of OsMatches: when one is passed, the first three texts
  // are empty.
  static constexpr std::size_t kMostParts = 8;     // Of each of the first three.
  static constexpr std::size_t kLongestPart = 98;  // Of `running`, without the percentage.
};

[[nodiscard]] OsSummary summarise(const OsDatabase& database, const OsMatches& matches,
                                  OsDetail detail);

}  // namespace trawl::osfp
