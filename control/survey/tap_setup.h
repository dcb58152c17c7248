#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "control/survey/survey_options.h"
#include "control/survey/survey_setup.h"
#include "dataplane/exception/kernel_tap.h"
#include "dataplane/kernel_interface.h"
#include "dataplane/link.h"
#include "dataplane/link_spec.h"

namespace trawl::control {

// Whether the link is DPDK's alone, so that --tap has a part to play. Fails with Usage, saying why
// not.
[[nodiscard]] Result<void> check_tap(const SurveyOptions& options, const dataplane::LinkSpec& link,
                                     const dataplane::KernelInterface& kernel);

// Makes the TAP that --tap asks for, with the survey's addresses and gateway; nullptr without the
// option. `polling` are the CPUs that its threads leave alone where there are others. Fails with
// Device.
template <typename Address>
[[nodiscard]] Result<std::unique_ptr<dataplane::KernelTap>> make_tap(
    const SurveyOptions& options, const AddressList& blocked, const dataplane::Link& link,
    const dataplane::ScanTraffic& traffic, const BasicSourceChoice<Address>& choice,
    const std::vector<unsigned>& polling);

}  // namespace trawl::control
