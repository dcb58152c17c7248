#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/survey/rate_spec.h"

namespace trawl::control {

inline constexpr const char* kConfigurationPath = "/etc/trawl/trawl.conf";
// Names another file where there is none at kConfigurationPath: for tests. Ignored when that file
// is there, so that nobody gets around it, and by a process that runs with more rights than its
// user (setuid, setgid, file capabilities).
inline constexpr const char* kConfigurationVariable = "TRAWL_CONFIG";

// What the operator of a machine decided for every survey that leaves it; trawl.conf(5).
struct Configuration {
  // No survey sends faster, whatever its flags say.
  struct MaxRate {
    RateSpec rate;
    std::string text;   // As written: "50k".
    std::string place;  // "/etc/trawl/trawl.conf:3"
  };

  std::string contact;  // A URI; "" when there is none.
  std::optional<MaxRate> max_rate;
  std::vector<std::string> blocklists;     // Paths, all absolute.
  std::vector<std::string> opt_outs;       // Likewise: those who asked not to be probed.
  std::vector<std::string> allow_special;  // As --allow-special takes them.
  std::vector<std::string> audit_scope;    // Prefixes; audits stay within them if there are any.
};

// Parses lines of "key = value". Empty lines and what follows a "#" at the start of a line or after
// white space are ignored. Fails with BadInput, naming the line: no such key (the nearest is
// suggested), a value that is none, a key that may stand once standing twice, bytes that are not
// text.
[[nodiscard]] Result<Configuration> parse_configuration(std::string_view content,
                                                        std::string_view name);

// Why a file or directory with this owner and mode is not one that root alone can change, or
// nullopt when it is.
[[nodiscard]] std::optional<std::string> why_not_trusted(uid_t owner, mode_t mode);

// Where a configuration comes from.
struct ConfigurationSource {
  enum class Trust { RootOnly, Anyone };
  std::string path;  // "" when there is none.
  Trust trust = Trust::RootOnly;
};

// Picks `system_path` when there is anything at it, else the file that `variable` names, if any.
[[nodiscard]] ConfigurationSource find_configuration(const std::string& system_path,
                                                     const char* variable);

// Reads the file; an empty Configuration when `source` has none. Fails with BadInput, also when the
// file or its directory must be root's alone and is not.
[[nodiscard]] Result<Configuration> read_configuration(const ConfigurationSource& source);

// The configuration of this machine: both of the above with kConfigurationPath and the environment.
[[nodiscard]] Result<Configuration> load_configuration();

}  // namespace trawl::control
