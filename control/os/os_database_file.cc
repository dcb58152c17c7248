#include "control/os/os_database_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "control/audit/ports/data_file.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::size_t kMostProblems = 20;  // Told of.

void tell_problems(const osfp::OsDatabase& database,
                   const std::function<void(std::string_view)>& warn) {
  const auto& problems = database.problems;
  const std::size_t told = std::min(problems.size(), kMostProblems);
  for (std::size_t i = 0; i < told; ++i) {
    warn(printable(fmt::format("{}:{}: {}", database.path, problems[i].line, problems[i].reason)));
  }
  if (problems.size() > told) {
    warn(printable(
        fmt::format("{}: {} more lines are wrong.", database.path, problems.size() - told)));
  }
}

}  // namespace

Result<osfp::OsDatabase> load_os_database(const std::string& datadir) {
  for (const std::string& folder : data_folders(datadir)) {
    const std::string path = fmt::format("{}/nmap-os-db", folder);
    if (::access(path.c_str(), R_OK) == 0) return osfp::read_os_database(path);
  }
  osfp::OsDatabase own = osfp::parse_os_database(own_os_text(), std::string{kOwnOsPath});
  if (!own.has_points || own.entries.empty()) {
    return fail(
        ExitCode::BadInput,
        "no OS fingerprints: install the file nmap-os-db, or name its folder with $NMAPDIR");
  }
  return own;
}

Result<std::shared_ptr<const osfp::OsScorer>> open_os_scorer(
    const std::string& datadir, const std::function<void(std::string_view)>& warn) {
  auto loaded = load_os_database(datadir);
  if (!loaded) return Failure{loaded.error()};
  const auto database = std::make_shared<const osfp::OsDatabase>(std::move(*loaded));
  tell_problems(*database, warn);
  return std::make_shared<const osfp::OsScorer>(database);
}

Result<std::shared_ptr<const osfp::OsModel6>> open_os_model6(const std::string& datadir) {
  SharedText text;
  std::string path{osfp::kOwnModel6Path};
  for (const std::string& folder : data_folders(datadir)) {
    std::string found = fmt::format("{}/os-model6", folder);
    text = read_whole_file(found);
    if (text == nullptr) continue;
    path = std::move(found);
    break;
  }
  auto model =
      osfp::OsModel6::parse(text == nullptr ? osfp::builtin_model6_text() : *text, printable(path));
  if (!model) return Failure{model.error()};
  return std::make_shared<const osfp::OsModel6>(std::move(*model));
}

}  // namespace trawl::control
