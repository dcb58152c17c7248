#pragma once

#include <cstdint>
#include <cstdio>
#include <span>

#include "base/result.h"
#include "bench/simnet/population.h"

namespace trawl::simnet {

enum class TruthFormat : std::uint8_t { Jsonl, Csv };

struct TruthRequest {
  std::span<const std::uint16_t> ports;             // Sorted.
  bool states[kPortStates] = {true, false, false};  // By PortState.
  TruthFormat format = TruthFormat::Jsonl;
};

// Writes one line for every target that a perfect scanner on a perfect path would have an answer
// for, sorted by address, then port. Loss and rate limits do not change what is there, so they do
// not change the truth.
//
// Fails with Output when `out` does not take it all. Cost: tens of millions of addresses a second
// where few live.
[[nodiscard]] Result<void> write_truth(const Population& population, const TruthRequest& request,
                                       std::FILE* out);

}  // namespace trawl::simnet
