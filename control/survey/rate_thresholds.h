#pragma once

namespace trawl::control {

// What both looking at samples and acting on them (RateController) go by.

// Evidence below which nothing is concluded: from sentinels, and from ordinary hits.
inline constexpr double kFewestSentinels = 12.0;
inline constexpr double kFewestHits = 20.0;
// Sentinels a trial needs before the rate rises: to see half lost, and to see a few percent.
inline constexpr double kSlowStartSentinels = 20.0;
inline constexpr double kProbingSentinels = 60.0;
// Deviations above the baseline at which loss looks like overload.
inline constexpr double kLikely = 2.0;

}  // namespace trawl::control
