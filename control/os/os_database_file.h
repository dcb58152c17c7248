#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "osfp/classifier/os_model6.h"
#include "osfp/database/os_database.h"
#include "osfp/database/os_scorer.h"

namespace trawl::control {

// data/os-db, which is part of the program; "" while it has none. Its OsDatabase has this path.
[[nodiscard]] std::string_view own_os_text() noexcept;
inline constexpr std::string_view kOwnOsPath = "os-db (built in)";

// The first nmap-os-db of data_folders(datadir) that can be read, else our own. Fails with
// BadInput, naming the file, when the one found has no MatchPoints or no entry, or there is none at
// all. Its wrong lines are among `problems`.
[[nodiscard]] Result<osfp::OsDatabase> load_os_database(const std::string& datadir);

// The same, told of and made ready for scoring: each wrong line, up to some, goes to `warn` as
// "path:line: reason", printable. Cost: 5,678 entries take a tenth of a second or two, so call it
// where nobody waits.
[[nodiscard]] Result<std::shared_ptr<const osfp::OsScorer>> open_os_scorer(
    const std::string& datadir, const std::function<void(std::string_view)>& warn);

// The same of the model that judges answers over IPv6: the first os-model6 of
// data_folders(datadir) that can be read, else our own. Fails with BadInput, "path:line: reason".
[[nodiscard]] Result<std::shared_ptr<const osfp::OsModel6>> open_os_model6(
    const std::string& datadir);

}  // namespace trawl::control
