#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace trawl::service_bench {

// A network of this process alone, with nothing but a loopback interface that is up, and as many
// descriptors as are allowed.
[[nodiscard]] Result<void> enter_lonely_network();
// This process, and those it forks, on one processor; nothing where there is no such processor.
void stay_on_processor(unsigned processor);

// What this process uses now.
[[nodiscard]] std::size_t resident_bytes();
[[nodiscard]] std::size_t open_descriptors();
// How long the calling thread was ready so far while a processor had others to do; 0 where the
// kernel does not count it.
[[nodiscard]] std::chrono::nanoseconds time_without_processor();

// Addresses of 127.0.0.0/8 in host order, one after the other, so that no pair of address and port
// is used again soon.
[[nodiscard]] inline std::uint32_t loopback_address(std::uint64_t n) noexcept {
  return 0x7f010000U + static_cast<std::uint32_t>(n % 0x40000U);
}

}  // namespace trawl::service_bench
