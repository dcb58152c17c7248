#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trawl::nse {

// A line of scripts/script.db: which categories a script is in, known without loading it.
struct DatabaseEntry {
  std::string filename;  // In the folder of the database: "banner.nse".
  std::vector<std::string> categories{};

  // Without ".nse".
  [[nodiscard]] std::string_view name() const;
  bool operator==(const DatabaseEntry&) const = default;
};

// Reads `Entry { filename = "banner.nse", categories = { "discovery", "safe", } }` and so on. It is
// not run as Lua: anything else fails, with its line. A filename must be one in the same folder.
[[nodiscard]] Result<std::vector<DatabaseEntry>> parse_script_database(std::string_view text);
// The text of such a file, scripts and categories in alphabetical order.
[[nodiscard]] std::string script_database_text(std::vector<DatabaseEntry> entries);

}  // namespace trawl::nse
