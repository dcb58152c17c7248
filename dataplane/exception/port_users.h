#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/verdict.h"
#include "dataplane/exception/scan_traffic.h"

namespace trawl::dataplane {

// A socket of the kernel that is bound to a port.
struct BoundSocket {
  Protocol protocol = Protocol::Tcp;
  IpAddress address;  // All zeros: any address of the machine.
  std::uint16_t port = 0;
};

// The sockets in the text of /proc/net/tcp, tcp6, udp or udp6 (proc(5)), without connections that
// only wait for their time to be over; lines that make no sense are skipped.
[[nodiscard]] std::vector<BoundSocket> parse_bound_sockets(std::string_view text,
                                                           Protocol protocol);

// Whether the socket may get what the scan takes: replies to one of its ports and addresses.
// `kernel` are the addresses that the kernel has; a socket for any address listens on those.
[[nodiscard]] bool is_disturbed(const BoundSocket& bound, const ScanTraffic& traffic,
                                const std::vector<IpAddress>& kernel);

// The first socket of this network namespace that a scan would disturb.
[[nodiscard]] std::optional<BoundSocket> find_disturbed(const ScanTraffic& traffic);

// All addresses of all interfaces, sorted.
[[nodiscard]] std::vector<IpAddress> kernel_addresses();

}  // namespace trawl::dataplane
