#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/interval_set.h"
#include "dataplane/target_space.h"

namespace trawl::dataplane {

// The last check before a frame leaves: may this destination be sent to?
//
// Built from the blocklist alone, never from the target space, so that a mistake in one is caught
// by the other. Three levels: two bits for each /16 (blocked, mixed); for a mixed /16 one cache
// line that says the same of each /24; for a mixed /24 one bit an address. Entries of the lower
// levels are found by counting bits above them, so the first level, 20 KiB, fits the first-level
// cache.
//
// Thread: immutable once made. Cost: bench/dataplane/egress_guard_bench.cc.
class EgressGuard {
 public:
  explicit EgressGuard(const Ipv4Set& blocked);

  [[nodiscard]] bool allows(Ipv4Address address) const noexcept;
  // Bit i is set when targets[i] must not be sent to. Goes level by level over the whole batch, so
  // that mixed networks cost no mispredicted branches. Needs targets.size() <= 64.
  [[nodiscard]] std::uint64_t blocked(std::span<const Target> targets) const noexcept;
  // Bytes held by the tables.
  [[nodiscard]] std::size_t memory() const noexcept;

 private:
  using Bits256 = std::array<std::uint64_t, 4>;
  struct alignas(64) Mixed16 {
    Bits256 blocked{};  // By /24: wholly blocked.
    Bits256 mixed{};    // By /24: look at the addresses.
  };

  // 65536 bits with the number of set bits before each word.
  struct TopBits {
    std::array<std::uint64_t, 1024> bits{};
    std::array<std::uint16_t, 1024> before{};
  };

  [[nodiscard]] std::uint32_t mixed_index(std::uint32_t top) const noexcept;
  [[nodiscard]] bool leaf_blocks(std::uint32_t ip) const noexcept;
  void block(std::uint32_t first, std::uint32_t last);
  void block_in_16(std::uint32_t first, std::uint32_t last);
  void block_in_24(std::uint32_t first, std::uint32_t last);
  Mixed16& mixed_16(std::uint32_t top);

  std::array<std::uint64_t, 1024> blocked_top_{};  // By /16: wholly blocked.
  TopBits mixed_top_;                              // By /16: look at the /24s.
  std::vector<Mixed16> second_;                    // Of mixed /16s, in rising order.
  std::vector<std::uint32_t> third_base_;          // By second_ entry: its first leaf in third_.
  std::vector<Bits256> third_;                     // Of mixed /24s, in rising order.
};

}  // namespace trawl::dataplane
