#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "control/survey/survey_options.h"
#include "control/survey/survey_plan.h"
#include "control/survey/sweep_planner.h"
#include "dataplane/exception/kernel_tap.h"
#include "dataplane/kernel_interface.h"
#include "dataplane/link.h"
#include "dataplane/neighbours.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// Where probes come from and which way they leave.
template <typename Address>
struct BasicSourceChoice {
  std::vector<Address> sources;  // Sorted, each once, never empty.
  typename dataplane::BasicNeighbours<Address>::Config neighbours;
};
using SourceChoice = BasicSourceChoice<Ipv4Address>;
using SourceChoice6 = BasicSourceChoice<Ipv6Address>;

// Chooses from the options, what the kernel says of the link, and the kind of link. Fails with
// Usage: a source address that is not on the link, no source address, targets behind no gateway, or
// too many of IPv6 on the link.
[[nodiscard]] Result<SourceChoice> choose_source(const SurveyOptions& options,
                                                 const dataplane::LinkSpec& link,
                                                 const dataplane::KernelInterface& kernel,
                                                 const RankedSet<Ipv4Address>& targets);
[[nodiscard]] Result<SourceChoice6> choose_source(const SurveyOptions& options,
                                                  const dataplane::LinkSpec& link,
                                                  const dataplane::KernelInterface& kernel,
                                                  const RankedSet<Ipv6Address>& targets);

// The CPUs to poll on: those of --lcores, which must be allowed ones, or the first allowed one.
[[nodiscard]] Result<std::vector<unsigned>> choose_cpus(const SurveyOptions& options,
                                                        const std::vector<unsigned>& allowed);

// The mean size of the survey's frames: what bits/s mean for it.
[[nodiscard]] ByteCount mean_frame_size(const SurveyOptions& options, const SurveyPlan& plan);

// What of --memory is left for what is known of targets once --per-network-rate has its share.
// Fails with Usage where that leaves none.
[[nodiscard]] Result<ByteCount> memory_for_verdicts(const SurveyOptions& options,
                                                    const RankedAddresses& targets);

// A survey with its devices open, ready to start. Members go in reverse order.
struct PreparedSurvey {
  ByteCount memory;  // For what is known of targets.
  std::unique_ptr<SweepPlanner> planner;
  std::unique_ptr<dataplane::Link> link;
  std::unique_ptr<dataplane::KernelTap> tap;  // With --tap alone.
  std::unique_ptr<dataplane::Scanner> scanner;
};

// Starts DPDK, opens the link and builds the scanner. Takes the plan's sets. `raw` are packets that
// others send and receive, from now on from the survey's first source; may be absent. Fails with
// Usage or Device.
[[nodiscard]] Result<PreparedSurvey> prepare_survey(
    const SurveyOptions& options, SurveyPlan plan, Uint128 seed,
    std::shared_ptr<dataplane::RawExchange> raw = nullptr);

}  // namespace trawl::control
