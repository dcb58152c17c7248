#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/pipeline/service_thread.h"
#include "service/probes/probe_file.h"
#include "service/version/version_scan.h"

namespace trawl::control {

// "FILE:LINE: reason" for the first lines of a probe file that are wrong, and how many more there
// are.
void tell_problems(const std::string& path, const std::vector<service::ProbeFileProblem>& problems,
                   const std::function<void(std::string_view)>& warn);

// The descriptors this process may have, less as many for others; at least 16.
[[nodiscard]] std::size_t half_of_descriptors() noexcept;

// How version detection makes a worker on each thread of services. Threads share the patterns: the
// first one makes them ready, which takes a while the first time on a machine.
//
// `keeps_responses`: findings tell the bytes that decided. Only some formats do, and a host may
// have 65535 open ports.
[[nodiscard]] ServiceThread::Make version_workers(std::shared_ptr<const service::ProbeFile> file,
                                                  service::VersionSettings settings,
                                                  bool keeps_responses);

}  // namespace trawl::control
