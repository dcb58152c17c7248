#include "osfp/active6/probing6.h"

#include "dataplane/wire.h"
#include "osfp/active/group_probing_steps.h"
#include "osfp/active/host_probing_steps.h"

namespace trawl::osfp {

namespace wire = dataplane::wire;

std::optional<Ipv6Address> Ipv6Family::sender_of(std::span<const std::byte> packet) noexcept {
  if (packet.size() < wire::kIpv6Size) return std::nullopt;
  return wire::read_ipv6(packet.data() + wire::kIpv6Source);
}

template class BasicHostProbing<Ipv6Family>;
template class BasicGroupProbing<Ipv6Family>;

}  // namespace trawl::osfp
