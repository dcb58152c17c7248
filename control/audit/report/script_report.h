#pragma once

#include <string>

#include "nse/engine/output_value.h"

namespace trawl::control {

// What a script found: of a port, of a host, or of none before and after all hosts.
struct ScriptReport {
  std::string id;  // "http-title"
  nse::ScriptOutput output{};
};

}  // namespace trawl::control
