#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "control/audit/audit_options.h"
#include "control/audit/engine/audit_plan.h"
#include "control/audit/ports/port_choice.h"
#include "control/audit/report/port_names.h"
#include "nse/engine/selection.h"

namespace trawl::control {

// Where scripts and what they need are: the folders of data_folders(), and behind them that of our
// own scripts, which comes with the program.
[[nodiscard]] std::vector<std::string> script_data_folders(const std::string& datadir);

// Scripts and their libraries in these.
struct ScriptFolders {
  nse::ScriptSources sources;
  std::vector<std::filesystem::path> libraries;
  std::vector<std::filesystem::path> trusted;  // Scripts in these are not held in the sandbox.
};
// Fails for a script.db that cannot be read, unless none is looked at.
[[nodiscard]] Result<ScriptFolders> find_script_folders(const AuditOptions& options,
                                                        bool reads_databases = true);

// The scripts that the options ask for, into `plan`, which has its guard and addresses by now;
// `names` outlives it. Nothing where no scripts are wanted, or none can run. Fails where --script
// or its arguments mean nothing.
[[nodiscard]] AuditResult<void> choose_scripts(const AuditOptions& options, const PortNames* names,
                                               AuditPlan& plan,
                                               const std::function<void(std::string_view)>& warn);

}  // namespace trawl::control
