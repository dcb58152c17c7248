#include "bench/simnet/reply_limits.h"

#include <fmt/format.h>

namespace trawl::simnet {

ReplyLimits::ReplyLimits(const Population& population)
    : population_{&population},
      host_gate_{population.options().limited > 0 ? population.options().limited_rate
                                                  : PacketsPerSecond::unlimited()},
      router_gate_{population.options().icmp_rate},
      host_icmp_gate_{population.options().host_icmp_rate.rate,
                      population.options().host_icmp_rate.burst},
      network_gate_{population.options().network_rate.rate,
                    population.options().network_rate.burst},
      refusal_gate_{population.options().network_refusals.rate,
                    population.options().network_refusals.burst},
      is_free_{!host_gate_.is_limited() && !router_gate_.is_limited() &&
               !host_icmp_gate_.is_limited() && !network_gate_.is_limited() &&
               !refusal_gate_.is_limited()} {}

Result<ReplyLimits> ReplyLimits::make(const Population& population) {
  ReplyLimits limits{population};
  if (auto reserved = limits.reserve(); !reserved) return tl::unexpected{reserved.error()};
  return limits;
}

Result<void> ReplyLimits::reserve() {
  const std::uint64_t addresses = population_->addresses().size();
  if ((host_gate_.is_limited() || host_icmp_gate_.is_limited()) &&
      addresses > kMostLimitedAddresses) {
    return fail(ExitCode::Usage,
                fmt::format("--rate-limit and --host-icmp-rate keep state for every address: give "
                            "prefixes of at most {} addresses, not {}",
                            kMostLimitedAddresses, addresses));
  }
  const auto make = [](const RateGate& gate, ZeroPages<std::int64_t>& into, std::uint64_t count) {
    if (gate.is_limited()) into = ZeroPages<std::int64_t>{count};
    return !gate.is_limited() || !into.empty();
  };
  if (!make(host_gate_, host_due_, addresses) ||
      !make(host_icmp_gate_, host_icmp_due_, addresses) ||
      !make(network_gate_, network_due_, kIpv4Networks) ||
      !make(refusal_gate_, refusal_due_, kIpv4Networks)) {
    return fail(ExitCode::Runtime,
                fmt::format("not enough memory for the rate limits of {} addresses", addresses));
  }
  return {};
}

std::optional<Counter> ReplyLimits::check(ReplyKind kind, const Host& host, Ipv4Address address,
                                          std::chrono::nanoseconds now) noexcept {
  if (kind == ReplyKind::RouterError) {
    if (router_gate_.is_limited() && !router_gate_.pass(router_due_, now)) {
      return Counter::IcmpLimited;
    }
  } else if (host_gate_.is_limited() && population_->is_rate_limited(host)) {
    const auto rank = population_->addresses().rank(address);
    if (rank && !host_gate_.pass(host_due_[*rank], now)) return Counter::RateLimited;
  }
  if (kind == ReplyKind::HostError && host_icmp_gate_.is_limited()) {
    const auto rank = population_->addresses().rank(address);
    if (rank && !host_icmp_gate_.pass(host_icmp_due_[*rank], now)) return Counter::IcmpLimited;
  }
  const std::uint32_t network = address.value() >> 8U;
  if (kind != ReplyKind::Answer && refusal_gate_.is_limited() &&
      !refusal_gate_.pass(refusal_due_[network], now)) {
    return Counter::NetworkLimited;
  }
  if (network_gate_.is_limited() && !network_gate_.pass(network_due_[network], now)) {
    return Counter::NetworkLimited;
  }
  return std::nullopt;
}

}  // namespace trawl::simnet
