#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nse/engine/script_database.h"

namespace trawl::nse {

// A script that is to be loaded, and why.
struct ChosenScript {
  std::filesystem::path path;
  bool named = false;   // By its name or a pattern of names, not by a category alone.
  bool forced = false;  // By '+': it runs whatever its rules say of a port.
};

// The folder of a database, and what is in that.
struct IndexedScripts {
  std::filesystem::path folder;
  std::vector<DatabaseEntry> entries{};
};

// What `--script` may choose from.
struct ScriptSources {
  // Each part chooses from the first of these that has anything for it: scripts of ours stay out of
  // the categories of an installed nmap-common.
  std::vector<IndexedScripts> databases{};
  std::vector<std::filesystem::path>
      search_folders{};  // Relative files and folders are sought here.
};

// Chooses scripts by the text of `--script`: a list with commas, each part of which is an
// expression of categories, names with '*' and `all`, joined by not, and, or, (), with the
// precedence of Lua; or else a file, with or without ".nse"; or else a folder, with '/' at its end.
// '+' before a part forces its scripts. Each script comes once. Fails with the part that chose
// nothing.
[[nodiscard]] Result<std::vector<ChosenScript>> choose_scripts(std::string_view text,
                                                               const ScriptSources& sources);

}  // namespace trawl::nse
