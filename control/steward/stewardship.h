#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/units.h"
#include "control/steward/configuration.h"
#include "control/survey/survey_options.h"
#include "control/survey/survey_plan.h"

namespace trawl::control {

// A survey of more public addresses than this does not start without a contact.
inline constexpr std::uint64_t kMostAnonymousAddresses = std::uint64_t{1} << 20U;

// Adds to the options what the configuration decides: the contact unless --contact gave one, more
// lists and more allowed prefixes.
void apply_configuration(const Configuration& configuration, SurveyOptions& options);

// Holds the rate to the highest the configuration allows for frames of `frame` bytes. A default
// rate and "max" are lowered to it with a notice; fails with Usage when --rate asks for more by
// number.
[[nodiscard]] Result<void> limit_rate(const Configuration& configuration, ByteCount frame,
                                      SurveyOptions& options);

// Fails with Usage when the survey may send to more than kMostAnonymousAddresses public addresses
// and has no contact. Dry runs send nothing and may.
[[nodiscard]] Result<void> require_contact(const SurveyOptions& options, const SurveyPlan& plan);

}  // namespace trawl::control
