#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace trawl::control {

// What `trawl nic doctor` found, one sentence each, and what it comes to.
struct Diagnosis {
  std::vector<std::string> mended;  // Leftovers of ended processes that are gone now.
  std::vector<std::string> left;    // Those that could not be taken away.
  std::vector<std::string>
      lacking;                     // What a survey over a kernel interface needs and does not have.
  std::vector<std::string> notes;  // What may be good to know.

  // Device when something is lacking, Runtime when something is left, else Done.
  [[nodiscard]] ExitCode code() const noexcept;
};

// Looks at the interfaces named, and mends what ended processes left on them. What a live trawl
// uses is not touched.
[[nodiscard]] Diagnosis examine(const std::vector<std::string>& interfaces);

}  // namespace trawl::control
