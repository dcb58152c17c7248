#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "control/pipeline/service_tier.h"
#include "control/steward/address_list.h"
#include "control/survey/survey_options.h"

namespace trawl::control {

// The tier that asks what a survey finds, with its threads begun; nullptr where that is not wanted.
// Its sockets are bound to the kernel interface of the link, and to --source-ip; the link, opened
// before any of them, keeps the ports of probes out of those the kernel gives them. Fails with
// Usage where the kernel has no way to that link, and with BadInput where the probe file cannot be
// used. The threads keep away from CPUs of `polling` where there are others: what they take there
// is taken from probes.
[[nodiscard]] Result<std::unique_ptr<ServiceTier>> open_services(const SurveyOptions& options,
                                                                 const AddressList& blocked,
                                                                 std::span<const unsigned> polling);

}  // namespace trawl::control
