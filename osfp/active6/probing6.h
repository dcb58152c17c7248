#pragma once

#include "osfp/active/group_probing.h"
#include "osfp/active6/response6.h"

namespace trawl::osfp {

// When which probe is to be sent over IPv6: as over IPv4, see host_probing.h.
struct Ipv6Family {
  using Probe = Probe6;
  using Stamp = ProbeStamp6;
  using Series = ProbeSeries6;
  using Round = Round6;
  using Address = Ipv6Address;
  struct Hash {
    std::size_t operator()(Ipv6Address address) const noexcept {
      constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
      return static_cast<std::uint64_t>(address.value() >> 64U) * kOdd ^
             static_cast<std::uint64_t>(address.value());
    }
  };
  static constexpr std::size_t kProbes = kProbes6;
  static constexpr Probe probe_at(std::size_t index) noexcept { return probe6_at(index); }
  static constexpr bool suits(Probe probe, const Series& series) noexcept {
    return is_possible(probe, series);
  }
  static constexpr Stamp make_stamp(std::uint32_t /*random*/, std::uint8_t ttl) noexcept {
    return {.ttl = ttl};
  }
  static void renew(Series& /*series*/, std::uint32_t /*random*/,
                    const ProbingSettings& /*settings*/) noexcept {}
  static auto match(const Series& series, std::span<const std::byte> packet, Moment at) {
    return match_response(series, packet, at);
  }
  static std::optional<Address> sender_of(std::span<const std::byte> packet) noexcept;
};

extern template class BasicHostProbing<Ipv6Family>;
extern template class BasicGroupProbing<Ipv6Family>;
using DueProbe6 = BasicDueProbe<Ipv6Family>;
using HostProbing6 = BasicHostProbing<Ipv6Family>;
using GroupProbing6 = BasicGroupProbing<Ipv6Family>;

}  // namespace trawl::osfp
