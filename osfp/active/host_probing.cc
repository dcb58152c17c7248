#include "osfp/active/host_probing.h"

#include "dataplane/wire.h"
#include "osfp/active/host_probing_steps.h"

namespace trawl::osfp {

namespace wire = dataplane::wire;

std::optional<Ipv4Address> Ipv4Family::sender_of(std::span<const std::byte> packet) noexcept {
  if (packet.size() < wire::kIpSize) return std::nullopt;
  return Ipv4Address{wire::read32(packet.data() + wire::kIpSource)};
}

template class BasicHostProbing<Ipv4Family>;

}  // namespace trawl::osfp
