#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>

#include "base/hash.h"
#include "bench/simnet/frame.h"
#include "bench/simnet/population.h"

namespace trawl::simnet {

// How the packets of `host` look at `now`. Thread: any. Cost: two hashes.
[[nodiscard]] inline HostStyle host_style(const Population& population, const Host& host,
                                          std::chrono::nanoseconds now) noexcept {
  constexpr std::uint16_t kWindows[] = {64240, 65535, 29200, 8192};
  constexpr std::uint8_t kScales[] = {7, 8, 6, 2};
  constexpr std::int64_t kNanosecondsPerTick = 1'000'000;
  const std::uint64_t traits = mix64(host.draw + 1);
  HostStyle style;
  style.ttl = population.ttl(host);
  style.ip_id =
      static_cast<std::uint16_t>((traits >> 2U) + static_cast<std::uint64_t>(now.count()));
  style.window = kWindows[traits % std::size(kWindows)];
  style.window_scale = kScales[traits % std::size(kScales)];
  style.timestamp = static_cast<std::uint32_t>(traits >> 16U) +
                    static_cast<std::uint32_t>(now.count() / kNanosecondsPerTick);
  return style;
}

}  // namespace trawl::simnet
