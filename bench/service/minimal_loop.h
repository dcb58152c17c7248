#pragma once

#include <cstdint>

namespace trawl::service_bench {

// Connects, reads once and closes, so often and so many at a time, with epoll(7) and nothing else:
// no callbacks, time limits or numbers. Seconds it took, < 0 where something failed.
[[nodiscard]] double run_minimal_loop(std::uint16_t port, std::uint64_t connections,
                                      unsigned at_once);

}  // namespace trawl::service_bench
