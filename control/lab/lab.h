#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace trawl::control {

struct LabUpOptions {
  std::string name = "lab";
  std::string driver =
      "auto";  // auto, af_xdp or af_packet: how the simulated network drives its end.
  bool with_servers = true;
  std::string servers = "basic";        // "basic", "default", "all" or names, with commas between.
  std::vector<std::string> recipes;     // Files with more of them.
  unsigned cpu = 0;                     // Where it polls.
  std::vector<std::string> population;  // Options for trawl-simnet, as words.
};

// Builds the lab; when it is up already, says so and changes nothing. On failure, and when an
// earlier attempt was cut off, what was made is removed. False when servers other than the basic
// ones did not come up: they are named, the lab stands without them. Of "all", those that are not
// installed are only counted.
[[nodiscard]] Result<bool> lab_up(const LabUpOptions& options);

// Removes exactly what the lab of this name made, whole or half-made.
[[nodiscard]] Result<void> lab_down(const std::string& name);

// Prints namespaces, processes and the counters of the simulated network. False when the lab is
// not wholly up.
[[nodiscard]] Result<bool> lab_status(const std::string& name);

// Becomes `trawl-simnet truth` for the lab's population and servers; `arguments` are its options.
// Returns only on failure.
[[nodiscard]] Error lab_truth(const std::string& name, const std::vector<std::string>& arguments);

// Becomes `command` in one of the lab's namespaces ("scan", "sim", "srv1"... or the name
// of a server). Returns only on failure.
[[nodiscard]] Error lab_exec(const std::string& name, const std::string& suffix,
                             const std::vector<std::string>& command);

}  // namespace trawl::control
