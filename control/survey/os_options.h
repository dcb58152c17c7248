#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs.
class App;
}

namespace trawl::control {

struct SurveyOptions;

// How hosts with an open port are asked what they are.
struct OsOptions {
  bool is_wanted = false;
  unsigned hosts_at_once = 256;
  unsigned most_tries = 2;  // Rounds of probes to a host that nothing fits perfectly.
};

// The words of the options below, before they are looked at.
struct OsTexts {
  bool is_wanted = false;
  std::string hosts, tries;
};

// Source ports beside those of probes, which OS detection sends from.
inline constexpr std::uint16_t kOsPorts = 256;

// --os and what goes with it; `texts` must outlive the parsing.
void add_os_options(CLI::App& app, OsTexts& texts);

// What was given, into `options.os`. Needs the rest of `options`. Fails with Usage: bad values,
// options without --os, or with what leaves no host to ask.
[[nodiscard]] Result<void> take_os_options(const CLI::App& app, const OsTexts& texts,
                                           SurveyOptions& options);

// The first of kOsPorts ports next to those of probes. Needs options that were taken.
[[nodiscard]] std::uint16_t first_os_port(const SurveyOptions& options) noexcept;

}  // namespace trawl::control
