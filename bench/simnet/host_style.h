#pragma once

#include <chrono>

#include "bench/simnet/frame.h"
#include "bench/simnet/population.h"

namespace trawl::simnet {

// How the packets of `host` look at `now`. Thread: any. Cost: two hashes.
[[nodiscard]] HostStyle host_style(const Population& population, const Host& host,
                                   std::chrono::nanoseconds now) noexcept;

}  // namespace trawl::simnet
