#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/interval_set.h"

namespace trawl::dataplane {

// The last check before a frame leaves: may this destination be sent to?
//
// Built from the blocklist alone, never from the target space, so that a mistake in one is caught
// by the other. Three levels: two bits for each /16 (all allowed, all blocked, mixed); for a mixed
// /16 one cache line that says the same of each /24; for a mixed /24 one bit an address. The first
// level is 16 KiB and stays in the first-level cache.
//
// Thread: immutable once made. Cost: bench/dataplane/egress_guard_bench.cc.
class EgressGuard {
 public:
  explicit EgressGuard(const Ipv4Set& blocked);

  [[nodiscard]] bool allows(Ipv4Address address) const noexcept {
    const std::uint32_t ip = address.value();
    const std::uint32_t top = ip >> 16U;
    const unsigned verdict = (first_[top >> 5U] >> ((top & 31U) * 2U)) & 3U;
    if (verdict != kMixed) [[likely]]
      return verdict == kAllowed;
    return allows_in_mixed(ip);
  }
  // Bytes held by the tables.
  [[nodiscard]] std::size_t memory() const noexcept;

 private:
  static constexpr unsigned kAllowed = 0;
  static constexpr unsigned kBlocked = 1;
  static constexpr unsigned kMixed = 2;

  using Bits256 = std::array<std::uint64_t, 4>;
  struct alignas(64) Mixed16 {
    Bits256 blocked{};  // By /24: wholly blocked.
    Bits256 mixed{};    // By /24: look at the addresses.
  };

  [[nodiscard]] bool allows_in_mixed(std::uint32_t ip) const noexcept;
  void set_first(std::uint32_t top, unsigned verdict) noexcept;
  Mixed16& mixed_16(std::uint32_t top);
  Bits256& mixed_24(std::uint32_t top, std::uint32_t middle);
  void block(std::uint32_t first, std::uint32_t last);
  void block_in_16(std::uint32_t first, std::uint32_t last);
  void block_in_24(std::uint32_t first, std::uint32_t last);

  std::array<std::uint64_t, 2048> first_{};  // 65536 times two bits.
  std::vector<std::uint32_t> second_index_;  // By /16: into second_ and third_index_.
  std::vector<Mixed16> second_;
  std::vector<std::uint32_t> third_base_;  // By second_ entry: its first leaf in third_.
  std::vector<Bits256> third_;             // Leaves of one /16 follow each other by /24.
};

}  // namespace trawl::dataplane
