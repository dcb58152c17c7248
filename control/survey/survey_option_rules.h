#pragma once

#include "base/result.h"
#include "control/survey/survey_options.h"

namespace trawl::control {

// Which options of `trawl survey` go together, once each is in order by itself. Both fail with
// Usage.

// All but names of files and what asks open ports.
[[nodiscard]] Result<void> check_together(const CLI::App& app, const SurveyOptions& options);

// Reading a file twice is harmless; standard input can be read once, and outputs replace inputs.
[[nodiscard]] Result<void> check_files(const SurveyOptions& options);

}  // namespace trawl::control
