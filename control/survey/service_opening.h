#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "control/os/os_worker.h"
#include "control/pipeline/service_tier.h"
#include "control/steward/address_list.h"
#include "control/survey/survey_options.h"

namespace trawl::control {

// What the tier is told besides options.
struct ServiceNeeds {
  AddressList blocked{};
  std::vector<unsigned> polling{};  // CPUs.
  bool has_many_ports = false;      // Of an address, in the survey.
  // With --os: its packets, the most that the survey sends, and the hosts whose systems the outputs
  // have before it begins, filled in once a checkpoint was read.
  OsPackets packets{};
  PacketsPerSecond most = PacketsPerSecond::unlimited();
  std::shared_ptr<const std::vector<std::uint32_t>> told_before{};
};

// The tier that asks what a survey finds, with its threads begun; nullptr where that is not wanted.
// Its sockets are bound to the kernel interface of the link, and to --source-ip; the link, opened
// before any of them, keeps the ports of probes out of those the kernel gives them. Fails with
// Usage where the kernel has no way to that link, and with BadInput where the probe file, or the
// file of fingerprints, cannot be used. The threads keep away from the CPUs that poll where there
// are others: what they take there is taken from probes.
[[nodiscard]] Result<std::unique_ptr<ServiceTier>> open_services(const SurveyOptions& options,
                                                                 const ServiceNeeds& needs);

}  // namespace trawl::control
