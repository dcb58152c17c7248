#pragma once

#include <string>

#include "nse/engine/output_value.h"

namespace trawl::control {

// What a script found: of a port, of a host, or of none before and after all hosts.
struct ScriptReport {
  std::string id;  // "http-title"
  nse::ScriptOutput output{};
  // Only reports for programs have it: of scripts that are there to complete a version.
  bool is_hidden = false;
};

}  // namespace trawl::control
