#pragma once

#include <chrono>

#include "base/service_fact.h"
#include "control/pipeline/open_port.h"
#include "service/version/service_finding.h"

namespace trawl::control {

// What version detection found, as a fact. A TCP port that took a connection and said nothing is
// PortClass::Accepts, one that broke it off at once PortClass::Resets; one that could not be asked
// stays Unknown.
[[nodiscard]] ServiceFact fact_of(const OpenPort& port, service::ServiceFinding&& finding,
                                  std::chrono::system_clock::time_point now);

}  // namespace trawl::control
