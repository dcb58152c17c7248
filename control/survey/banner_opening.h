#pragma once

#include <memory>

#include "base/result.h"
#include "control/banners/banner_recogniser.h"
#include "control/survey/survey_options.h"

namespace trawl::control {

// What open ports are told and how their answers are told apart; nullptr where no banners are
// wanted. Makes all patterns ready, which takes a while the first time on a machine. Fails with
// BadInput where the probe file cannot be used. `is_resumed`: a process before this one may have
// left connections behind.
[[nodiscard]] Result<std::shared_ptr<const BannerRecogniser>> open_banners(
    const SurveyOptions& options, bool is_resumed);

}  // namespace trawl::control
