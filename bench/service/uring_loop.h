#pragma once

#include <cstdint>

#include "base/result.h"

namespace trawl::service_bench {

// How a connection is asked of the kernel.
enum class UringSteps : std::uint8_t {
  OneByOne,  // Connect, read, close, each when the one before is over: as callbacks have it.
  Chained,   // All three at once, linked: what a program can do that decides nothing in between.
};

// The work of run_minimal_loop(), with io_uring(7) in place of epoll(7). Seconds it took; fails
// where the kernel refuses, or a connection does.
[[nodiscard]] Result<double> run_uring_loop(std::uint16_t port, std::uint64_t connections,
                                            unsigned at_once, UringSteps steps);

}  // namespace trawl::service_bench
