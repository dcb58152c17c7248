#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "osfp/active6/fingerprint6.h"

namespace trawl::osfp {

// What a fingerprint is to a classifier: numbers, in the order of feature_name(). They are those of
// the Nmap book, "List of all features", with the type and code of ICMPv6 answers that its text
// names; a number that cannot be known is kMissing.
//
// TCP_ISR, then of each answer PLEN, TC and HLIM (rounded up to 32, 64, 128 or 255), of those that
// are not TCP ICMPV6_TYPE and ICMPV6_CODE, of the others TCP_WINDOW, the twelve bits before it from
// TCP_FLAG_F to TCP_FLAG_RES11, TCP_OPT_0 to TCP_OPTLEN_15, TCP_MSS, TCP_SACKOK and TCP_WSCALE.
inline constexpr double kMissing = -1;
inline constexpr std::size_t kTcpOptions6 = 16;
inline constexpr std::size_t kTcpProbes6 = 13;
inline constexpr std::size_t kFeatures6 =
    1 + kProbes6 * 3 + (kProbes6 - kTcpProbes6) * 2 + kTcpProbes6 * (1 + 12 + 2 * kTcpOptions6 + 3);

using Features6 = std::array<double, kFeatures6>;

[[nodiscard]] Features6 features_of(const Fingerprint6& fingerprint);
// "S1.TCP_OPT_0"
[[nodiscard]] std::string feature_name(std::size_t index);

}  // namespace trawl::osfp
