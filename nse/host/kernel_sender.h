#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "nse/host/host_context.h"

namespace trawl::nse {

// Frames through a packet socket of the kernel. Fails with Device for what is no Ethernet device
// or may not be opened. They pass no guard here: dnet asks it before.
[[nodiscard]] Result<std::unique_ptr<RawSender>> open_kernel_ethernet(const std::string& device);
// IPv4 and IPv6 packets with their headers, through raw sockets.
[[nodiscard]] Result<std::unique_ptr<RawSender>> open_kernel_ip();

}  // namespace trawl::nse
