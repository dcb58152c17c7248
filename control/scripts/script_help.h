#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "control/audit/audit_options.h"
#include "nse/engine/script.h"

namespace trawl::control {

// What --script-help says of scripts: name, categories, where it is, description.
[[nodiscard]] std::string script_help_text(std::span<const nse::Script> scripts);
// That of the scripts that the options choose. Fails where they choose nothing, or what they choose
// cannot be loaded.
[[nodiscard]] Result<std::string> script_help(const AuditOptions& options);

// Writes script.db anew from the scripts beside it, in the first data folder that has scripts.
// Returns what was done, in a sentence. Fails where a script cannot be loaded or the file not be
// written; what was there stays then.
[[nodiscard]] Result<std::string> update_script_database(const AuditOptions& options);

}  // namespace trawl::control
