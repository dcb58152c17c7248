#pragma once

#include <cstdint>

namespace trawl::service_bench {

// The loop connects, reads once and closes, so often and so many at a time. Seconds it took, < 0
// where something failed.
[[nodiscard]] double run_loop(std::uint16_t port, std::uint64_t connections, unsigned at_once);

// Each prints its figures, and returns whether they are what is asked for.
struct CaseOptions {
  std::uint64_t connections = 0;
  unsigned at_once = 256;
  unsigned rounds = 5;
  double seconds = 5;  // That so many connections are held.
};
// Asked: 0.7 of a minimal loop's throughput.
[[nodiscard]] bool compare_throughput(const CaseOptions& options);
// What io_uring(7) would give in place of epoll(7), in minimal loops of both. Nothing is asked.
[[nodiscard]] bool compare_uring(const CaseOptions& options);
// Asked: less than 300 MB, and no timer later than 5 ms.
[[nodiscard]] bool hold_many(const CaseOptions& options);
// Packets of a polling core beside datagrams, by the loop's processor time. Asked: as many.
[[nodiscard]] bool pass_packets(const CaseOptions& options);
// Asked: no more descriptors and memory after all connections than after the first tenth.
[[nodiscard]] bool look_for_leaks(const CaseOptions& options);

}  // namespace trawl::service_bench
