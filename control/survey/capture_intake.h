#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "control/survey/checkpoint/checkpoint_keeper.h"
#include "control/survey/output/survey_outputs.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// Takes the frames of replies out of the scanner and into captures.
//
// Before a verdict is in the journal of a checkpoint, its frame is in the file and the checkpoint
// says how long the file is: a survey that is killed and resumed has the frame of each finding, and
// none of them torn.
//
// Thread: the control thread.
class CaptureIntake {
 public:
  // Needs all of them to outlive this; `keeper` may be absent.
  CaptureIntake(dataplane::Scanner& scanner, SurveyOutputs& outputs, CheckpointKeeper* keeper);

  // Whether anybody wants frames.
  [[nodiscard]] bool is_wanted() const noexcept { return !captures_.empty(); }
  // Takes all that are there, which are those of all replies taken so far. Fails with Output.
  [[nodiscard]] Result<void> take();

 private:
  dataplane::Scanner& scanner_;
  SurveyOutputs& outputs_;
  CheckpointKeeper* const keeper_;
  const std::vector<std::size_t> captures_;
  std::vector<dataplane::CapturedFrame> batch_;
};

}  // namespace trawl::control
