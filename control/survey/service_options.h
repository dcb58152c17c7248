#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs.
class App;
}

namespace trawl::control {

struct SurveyOptions;

// How open ports are asked what they are.
struct ServiceOptions {
  bool is_wanted = false;
  unsigned intensity = 7;         // 0 to 9, as Nmap's.
  unsigned parallelism = 3;       // Connections to a port at once.
  std::string database;           // A probe file, "" for the one there is.
  unsigned cores = 1;             // Threads that ask...
  unsigned ports_at_once = 1024;  // ...so many ports at once each.
};

// The words of the options below, before they are looked at.
struct ServiceTexts {
  bool is_wanted = false;
  bool is_light = false;
  bool is_all = false;
  std::string intensity, parallelism, database, cores, ports;
};

// --service and what goes with it; `texts` must outlive the parsing.
void add_service_options(CLI::App& app, ServiceTexts& texts);

// What was given, into `options.services`. Needs the rest of `options`. Fails with Usage: bad
// values, options without --service, or with what leaves nothing to ask.
[[nodiscard]] Result<void> take_service_options(const CLI::App& app, const ServiceTexts& texts,
                                                SurveyOptions& options);

// Why a word of the command line that is no option yet is refused; "" where that is not known.
[[nodiscard]] std::string refusal_of(std::string_view word);

}  // namespace trawl::control
