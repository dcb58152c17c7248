#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "dataplane/cookie.h"
#include "dataplane/probe_kind.h"
#include "dataplane/vlan.h"

namespace trawl::dataplane {

// What of the frames that a kernel interface receives belongs to a scan: all that answers probes of
// `kind` from these addresses and ports. The rest is the kernel's.
struct ScanTraffic {
  ProbeKind kind = ProbeKind::TcpSyn;
  PortRange ports = {};  // Of probes that have any, and of what is sent beside them.
  // Identifiers of echo requests that are sent beside probes; absent: none.
  std::optional<PortRange> echoes = std::nullopt;
  VlanId vlan = {};
  std::vector<IpAddress> sources = {};  // Of one family, sorted, never empty.

  // The sources as at most `most` ranges; where they are more, the narrowest gaps are closed.
  [[nodiscard]] std::vector<std::pair<IpAddress, IpAddress>> source_ranges(std::size_t most) const;
  [[nodiscard]] bool is_v4() const noexcept { return sources.front().is_v4(); }
};

}  // namespace trawl::dataplane
