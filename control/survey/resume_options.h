#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "control/survey/rate_spec.h"
#include "control/survey/survey_options.h"

namespace trawl::control {

// What `trawl resume` was told: a checkpoint, and what is different from when the survey began.
struct ResumeOptions {
  std::string checkpoint;
  std::optional<std::string> link;
  std::optional<RateSpec> rate;
  std::optional<RateSpec> network_rate;
  std::vector<unsigned> lcores;  // Empty: as before.
  std::optional<std::chrono::nanoseconds> cooldown;
  std::optional<std::chrono::nanoseconds> max_runtime;
  bool status_json = false;
  bool quiet = false;
  bool verbose = false;

  // Changes the options of the survey accordingly.
  void apply_to(SurveyOptions& options) const;
};

// Parses the words after `trawl resume`. Fails with Usage.
[[nodiscard]] Result<std::variant<ResumeOptions, PrintAndExit>> parse_resume_options(
    std::span<const char* const> args);

}  // namespace trawl::control
