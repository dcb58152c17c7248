#pragma once

#include <span>
#include <vector>

namespace trawl {

// The CPUs the calling thread may run on, in rising order.
[[nodiscard]] std::vector<unsigned> allowed_cpus();

// Those of them where nobody polls; none when all of them are polled on.
[[nodiscard]] std::vector<unsigned> cpus_beside(std::span<const unsigned> polling);

// Keeps the calling thread on `cpus`; with none of them, or where the kernel refuses, it stays
// where it may be already.
void run_on(std::span<const unsigned> cpus) noexcept;

}  // namespace trawl
