#include "control/scripts/script_help.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "control/scripts/script_runner.h"
#include "control/scripts/script_setup.h"
#include "control/survey/text.h"
#include "nse/engine/script_database.h"

namespace trawl::control {
namespace {

namespace fs = std::filesystem;

// What the files say of themselves; nothing runs.
Result<std::vector<nse::Script>> load(const AuditOptions& options, ScriptFolders folders,
                                      std::vector<nse::ChosenScript> chosen) {
  ScriptRunner::Settings settings;
  settings.engine.library_folders = std::move(folders.libraries);
  settings.engine.trusted_folders = std::move(folders.trusted);
  settings.engine.sandboxes_others = options.scripts.is_sandboxed;
  settings.chosen = std::move(chosen);
  auto runner = ScriptRunner::open(std::move(settings));
  if (!runner) return Failure{runner.error()};
  return (*runner)->scripts();
}

// Two columns in; empty lines stay empty, and those at the end are left out.
std::string indented(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) result += fmt::format("  {}", printable(text.substr(0, end)));
    result += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

Result<void> write_whole(const fs::path& path, const std::string& text) {
  const fs::path draft = path.string() + ".new";
  std::ofstream file{draft, std::ios::binary};
  file << text;
  file.close();
  std::error_code error;
  if (file) fs::rename(draft, path, error);
  if (file && !error) return {};
  const int why = error ? error.value() : errno;
  fs::remove(draft, error);
  return fail(ExitCode::Output, fmt::format("{} cannot be written: {}", path.string(),
                                            std::system_category().message(why)));
}

}  // namespace

std::string script_help_text(std::span<const nse::Script> scripts) {
  std::string text;
  for (const nse::Script& script : scripts) {
    text += fmt::format("\n{}\nCategories:", printable(script.id));
    for (const std::string& category : script.categories) {
      text += fmt::format(" {}", printable(category));
    }
    text += fmt::format("\n{}\n{}", printable(script.path.string()), indented(script.description));
  }
  return text;
}

Result<std::string> script_help(const AuditOptions& options) {
  auto folders = find_script_folders(options);
  if (!folders) return Failure{folders.error()};
  std::string choice;
  for (const std::string& part : options.scripts.help) {
    choice += (choice.empty() ? "" : ",") + part;
  }
  auto chosen = nse::choose_scripts(choice, folders->sources);
  if (!chosen) return Failure{chosen.error()};
  const auto scripts = load(options, std::move(*folders), std::move(*chosen));
  if (!scripts) return Failure{scripts.error()};
  return script_help_text(*scripts);
}

Result<std::string> update_script_database(const AuditOptions& options) {
  auto folders = find_script_folders(options, false);
  if (!folders) return Failure{folders.error()};
  if (folders->trusted.empty()) {
    return fail(ExitCode::Usage, "--script-updatedb: no data folder has scripts; see --datadir");
  }
  const fs::path folder = folders->trusted.front();
  std::vector<nse::ChosenScript> files;
  std::error_code error;
  for (fs::directory_iterator entry{folder, error}, end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".nse") files.push_back({.path = entry->path()});
  }
  if (error) {
    return fail(ExitCode::Usage,
                fmt::format("{} cannot be read: {}", folder.string(), error.message()));
  }
  const auto scripts = load(options, std::move(*folders), std::move(files));
  if (!scripts) return Failure{scripts.error()};
  std::vector<nse::DatabaseEntry> entries;
  for (const nse::Script& script : *scripts) {
    entries.push_back(
        {.filename = script.path.filename().string(), .categories = script.categories});
  }
  const fs::path database = folder / "script.db";
  auto written = write_whole(database, nse::script_database_text(std::move(entries)));
  if (!written) return Failure{written.error()};
  return fmt::format("NSE: {} has {} scripts.", database.string(), scripts->size());
}

}  // namespace trawl::control
