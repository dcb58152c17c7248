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
// Probes come in random order, and an array of this size misses caches and address translations
// at every one. So they are sorted by their high bits first (radix partitioning, as of hash joins:
// Manegold, Boncz, Kersten, 2002), and a part of the array takes those that are for it all at once.
//
// Thread: one polling core. Allocates nothing.
class ProbeRecord {
 public:
  // Needs addresses that outlive it. Fails with Usage where there is no memory for so many bits.
  [[nodiscard]] static Result<ProbeRecord> make(const RankedSet<Ipv4Address>& addresses,
                                                std::span<const std::uint16_t> ports);

  // Takes a TCP frame, which will count as the first of its target, a repeat, or of no listed
  // target.
  void note(std::span<const std::byte> frame, Counters& counters) noexcept;
  // Counts some of what was taken: all of it when called 256 times. For times of leisure.
  void settle_some(Counters& counters) noexcept;
  // Counts all that was taken.
  void settle(Counters& counters) noexcept;

 private:
  static constexpr std::size_t kParts = 256;  // Of the array.
  // That wait for each, a cache line of them apart from the others: see note().
  static constexpr std::size_t kPartEntries = std::size_t{1} << 16U;
  static constexpr std::size_t kLineEntries = 16;
  static constexpr std::uint64_t kMostBits = kParts << 32U;
  struct alignas(64) Line : std::array<std::uint32_t, kLineEntries> {};

  static constexpr std::uint64_t kOther = ~std::uint64_t{0};  // No TCP over IPv4.
  static constexpr std::uint64_t kUnlisted = kOther - 1;      // TCP, but no bit for it.
  static constexpr std::uint16_t kNoPort = 0xffff;

  ProbeRecord(const RankedSet<Ipv4Address>& addresses, std::span<const std::uint16_t> ports,
              ZeroPages<std::uint64_t> words, ZeroPages<std::uint32_t> entries);

  [[nodiscard]] std::uint64_t find(std::span<const std::byte> frame) const noexcept;

  void settle_part(std::size_t part, Counters& counters) noexcept;

  const RankedSet<Ipv4Address>* addresses_;
  std::vector<std::uint16_t> port_ranks_;  // By port.
  std::uint64_t ports_;
  ZeroPages<std::uint64_t> words_;
  unsigned part_bits_;                           // A part has 2^part_bits_ bits of the array.
  ZeroPages<std::uint32_t> entries_;             // kPartEntries for each part: bits of it.
  std::array<Line, kParts> last_{};              // What does not fill a line yet.
  std::array<std::uint32_t, kParts> waiting_{};  // How many entries there are, in both.
  std::size_t next_part_ = 0;                    // To settle.
};

}  // namespace trawl::simnet
