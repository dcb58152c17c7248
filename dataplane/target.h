#pragma once

#include <cstdint>

#include "base/ip.h"

namespace trawl::dataplane {

// One port of one address.
template <typename Address>
struct BasicTarget {
  Address ip;
  std::uint16_t port = 0;
  friend constexpr bool operator==(const BasicTarget&, const BasicTarget&) noexcept = default;
};

using Target = BasicTarget<Ipv4Address>;
using Target6 = BasicTarget<Ipv6Address>;
// Of either family: what the control plane works with.
using AnyTarget = BasicTarget<IpAddress>;

}  // namespace trawl::dataplane
