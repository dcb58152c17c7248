#pragma once

#include <string>

#include "base/result.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs.
class App;
}

namespace trawl::control {

struct SurveyOptions;

// Which operating systems SYN-ACKs hint at.
struct OsHintOptions {
  bool is_wanted = false;
  std::string signatures{};  // A file; "" for ours.
};

// Adds --os-hints and what goes with it.
void add_os_hint_options(CLI::App& app, OsHintOptions& options);

// Once all others are taken. Fails with Usage: what cannot be together, fields of hints without
// them, and a file without hints.
[[nodiscard]] Result<void> take_os_hint_options(const CLI::App& app, SurveyOptions& options);

}  // namespace trawl::control
