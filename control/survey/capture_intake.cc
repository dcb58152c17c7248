#include "control/survey/capture_intake.h"

namespace trawl::control {
namespace {

constexpr std::size_t kBatch = 1024;

}  // namespace

CaptureIntake::CaptureIntake(dataplane::Scanner& scanner, SurveyOutputs& outputs,
                             CheckpointKeeper* keeper)
    : scanner_{scanner}, outputs_{outputs}, keeper_{keeper}, captures_{outputs.captures()} {
  if (is_wanted()) batch_.resize(kBatch);
}

Result<void> CaptureIntake::take() {
  if (!is_wanted()) return {};
  Result<void> done;
  bool any = false;
  while (const std::size_t count = scanner_.take_frames(batch_)) {
    any = true;
    auto written = outputs_.write_frames({batch_.data(), count}, scanner_.clock());
    if (!written && done) done = std::move(written);
  }
  if (!done || !any || keeper_ == nullptr) return done;
  const std::vector<OutputPosition> positions = outputs_.positions();
  for (const std::size_t i : captures_) {
    keeper_->checkpoint().mark_capture(i, {positions[i].bytes, positions[i].records});
  }
  return done;
}

}  // namespace trawl::control
