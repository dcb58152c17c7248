#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/ip.h"
#include "base/ranked_set.h"
#include "base/result.h"
#include "bench/simnet/counters.h"
#include "bench/simnet/zero_pages.h"

namespace trawl::simnet {

// Remembers which TCP probes (resets are none) came, a bit for each simulated address and listed
// port, so that every target that is probed twice, or never, shows in the counters.
//
// Thread: one polling core. Cost: one memory access a probe that is not in a cache, all those of a
// burst at once; allocates nothing.
class ProbeRecord {
 public:
  static constexpr std::size_t kMostBurst = 64;

  // Needs addresses that outlive it. Fails with Usage where there is no memory for so many bits.
  [[nodiscard]] static Result<ProbeRecord> make(const RankedSet<Ipv4Address>& addresses,
                                                std::span<const std::uint16_t> ports);

  // Counts each TCP frame of a burst as the first of its target, a repeat, or of no listed target.
  // Needs at most kMostBurst frames.
  void note(std::span<const std::span<const std::byte>> frames, Counters& counters) noexcept;

 private:
  static constexpr std::uint64_t kOther = ~std::uint64_t{0};  // No TCP over IPv4.
  static constexpr std::uint64_t kUnlisted = kOther - 1;      // TCP, but no bit for it.
  static constexpr std::uint16_t kNoPort = 0xffff;

  ProbeRecord(const RankedSet<Ipv4Address>& addresses, std::span<const std::uint16_t> ports,
              ZeroPages<std::uint64_t> words);

  [[nodiscard]] std::uint64_t find(std::span<const std::byte> frame) const noexcept;

  const RankedSet<Ipv4Address>* addresses_;
  std::vector<std::uint16_t> port_ranks_;  // By port.
  std::uint64_t ports_;
  ZeroPages<std::uint64_t> words_;
};

}  // namespace trawl::simnet
