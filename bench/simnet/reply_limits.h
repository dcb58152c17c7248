#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "bench/simnet/counters.h"
#include "bench/simnet/population.h"
#include "bench/simnet/rate_gate.h"
#include "bench/simnet/zero_pages.h"

namespace trawl::simnet {

enum class ReplyKind : std::uint8_t {
  Answer,
  Refusal,     // A reset.
  HostError,   // An ICMP error of the host itself.
  RouterError  // An ICMP error of the router.
};

// Every limit on how many replies leave: the router's ICMP errors, each slow host, each /24. They
// know only `now`, so the same replies at the same times meet the same fate.
//
// Thread: one polling core. Cost: one branch without limits; one cache miss a kind of limit.
class ReplyLimits {
 public:
  // Fails with Usage when a limit for every host is asked for more addresses than its table may
  // hold, and with Runtime when there is too little memory.
  [[nodiscard]] static Result<ReplyLimits> make(const Population& population);

  // The counter of what holds the reply back, or nullopt when it may leave.
  [[nodiscard]] std::optional<Counter> hold(ReplyKind kind, const Host& host, Ipv4Address address,
                                            std::chrono::nanoseconds now) noexcept {
    if (is_free_) return std::nullopt;
    return check(kind, host, address, now);
  }

 private:
  static constexpr std::uint64_t kMostLimitedAddresses = std::uint64_t{1} << 26U;

  explicit ReplyLimits(const Population& population);
  [[nodiscard]] Result<void> reserve();
  [[nodiscard]] std::optional<Counter> check(ReplyKind kind, const Host& host, Ipv4Address address,
                                             std::chrono::nanoseconds now) noexcept;

  const Population* population_;
  RateGate host_gate_;
  RateGate router_gate_;
  RateGate host_icmp_gate_;
  RateGate network_gate_;
  RateGate refusal_gate_;
  bool is_free_;
  std::int64_t router_due_ = 0;
  ZeroPages<std::int64_t> host_due_;  // By rank of the address.
  ZeroPages<std::int64_t> host_icmp_due_;
  ZeroPages<std::int64_t> network_due_;  // By /24.
  ZeroPages<std::int64_t> refusal_due_;
};

}  // namespace trawl::simnet
