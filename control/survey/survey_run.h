#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "control/survey/checkpoint/checkpoint.h"
#include "control/survey/metadata.h"
#include "control/survey/survey_options.h"
#include "control/survey/survey_plan.h"

namespace trawl::control {

// A survey to be run: for the first time, or on from a checkpoint.
struct SurveyJob {
  SurveyOptions options;
  SurveyPlan plan;
  SurveyMetadata metadata;
  std::unique_ptr<Checkpoint> checkpoint;  // To go on from; absent the first time.
};

// What the metadata says before anything is sent. `args` are the words after `trawl survey`.
[[nodiscard]] SurveyMetadata describe(std::span<const std::string> args,
                                      const SurveyOptions& options, const SurveyPlan& plan,
                                      Uint128 seed);

// Runs it to its end and reports: everything between a good plan and a closed link. SIGINT and
// SIGTERM end it early; everything found is written. Fails before the first probe only.
[[nodiscard]] Result<ExitCode> run_survey(SurveyJob job);

// Logs the error; its exit code.
ExitCode report(const Error& error);

}  // namespace trawl::control
