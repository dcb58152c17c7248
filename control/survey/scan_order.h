#pragma once

#include <cstdint>

#include "base/ip.h"
#include "base/result.h"
#include "control/survey/survey_options.h"
#include "control/survey/survey_plan.h"
#include "dataplane/permutation.h"
#include "dataplane/probe_mac.h"
#include "dataplane/target_space.h"

namespace trawl::control {

// The seed of --seed, or 128 random bits.
[[nodiscard]] Uint128 draw_seed(const SurveyOptions& options);

// The secret of the scan: the seed itself, most significant byte first.
[[nodiscard]] dataplane::ScanKey scan_key(Uint128 seed) noexcept;
// The visiting order of `targets` targets, from other bits than the secret shows.
[[nodiscard]] dataplane::Permutation scan_order(std::uint64_t targets, Uint128 seed) noexcept;

// The positions [first, second) of `total` that belong to the shard.
[[nodiscard]] std::pair<std::uint64_t, std::uint64_t> shard_of(std::uint64_t total,
                                                               Shard shard) noexcept;

// Prints "address:port" of each target, or "address" where probes have no port, in the order a
// survey with the same options and seed would probe them, to the first of options.outputs. Fails
// with Output.
[[nodiscard]] Result<void> print_targets(const SurveyOptions& options, const SurveyPlan& plan);

}  // namespace trawl::control
