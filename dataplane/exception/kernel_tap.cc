#include "dataplane/exception/kernel_tap.h"

#include <utility>

namespace trawl::dataplane {

Result<std::unique_ptr<KernelTap>> KernelTap::make(const Config& config, const Ipv4Set& blocked,
                                                   const Ipv6Set& blocked6) {
  std::unique_ptr<KernelTap> made{new KernelTap};
  auto claim = InterfaceClaim::take(config.tap.name);
  if (!claim) return Failure{claim.error()};
  made->claim_ = std::move(*claim);
  auto device = TapDevice::make(config.tap);
  if (!device) return Failure{device.error()};
  // Once the kernel has the addresses: sockets bound to any address then listen on them, too.
  auto path = ExceptionPath::open(config.traffic, made->claim_);
  if (!path) return Failure{path.error()};
  made->path_.emplace(std::move(*path));
  made->exchange_ = std::make_shared<KernelExchange>(
      KernelExchange::Config{
          .traffic = config.traffic, .mac = config.tap.mac, .gateway = config.tap.gateway},
      blocked, blocked6);
  made->forwarder_ =
      std::make_unique<TapForwarder>(std::move(*device), *made->exchange_, config.cpus);
  return made;
}

}  // namespace trawl::dataplane
