#pragma once

#include <chrono>
#include <cstdint>

#include "base/ip.h"
#include "bench/simnet/path_options.h"
#include "bench/simnet/zero_pages.h"

namespace trawl::simnet {

// Loss in bursts: Gilbert's and Elliott's two-state chain, in time instead of in packets.
//
// Each /24 has a chain of its own, because what fails on the Internet is a link or a router, and
// then every host behind it is gone for that while, however often it is probed. The spells of a
// chain are drawn one after the other from (seed, /24), so its state is a function of time alone:
// the same for any order and any number of packets. A table remembers the spell each chain is in.
//
// Thread: one polling core. Cost: one cache miss a packet in random order, and a draw for each
// spell since the /24 was last asked for.
class BurstLoss {
 public:
  // Needs `options` with such loss. Not is_present() afterwards: there is too little memory.
  BurstLoss(const BurstLossOptions& options, std::uint64_t seed);
  BurstLoss() noexcept = default;  // Loses nothing.

  [[nodiscard]] bool is_present() const noexcept { return !chains_.empty(); }
  // Whether the packet to or from `host` is lost at `now`.
  [[nodiscard]] bool is_lost(Ipv4Address host, std::chrono::nanoseconds now) noexcept;
  // Whether the chain of `host` is in a bad spell. `now` may go back by less than a spell.
  [[nodiscard]] bool is_bad(Ipv4Address host, std::chrono::nanoseconds now) noexcept;

 private:
  // The spell a chain is in; spells with odd numbers are bad. Zeros: not begun.
  struct Chain {
    std::uint64_t until : 40;  // Microseconds; twelve days.
    std::uint64_t spell : 24;
  };
  static_assert(sizeof(Chain) == sizeof(std::uint64_t));

  [[nodiscard]] std::uint64_t length(std::uint64_t key, std::uint64_t spell) const noexcept;

  double bad_share_ = 0;
  double mean_us_[2] = {0, 0};  // Of good and of bad spells.
  std::uint32_t threshold_[2] = {0, 0};
  bool is_one_chain_ = false;
  std::uint64_t key_ = 0;
  std::uint64_t drawn_ = 0;
  ZeroPages<Chain> chains_;
};

}  // namespace trawl::simnet
