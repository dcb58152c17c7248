#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/interval_set.h"
#include "base/result.h"
#include "dataplane/exception/exception_path.h"
#include "dataplane/exception/interface_claim.h"
#include "dataplane/exception/kernel_exchange.h"
#include "dataplane/exception/tap_device.h"
#include "dataplane/exception/tap_forwarder.h"

namespace trawl::dataplane {

// The kernel's part of a link that DPDK owns: a TAP with the link's addresses, whose frames go
// through the link beside probes, and the ports of the survey kept from the kernel.
//
// Thread: the control thread.
class KernelTap {
 public:
  struct Config {
    TapConfig tap;
    ScanTraffic traffic;
    std::vector<unsigned> cpus;  // Of the threads that carry frames; empty: any.
  };
  // Frames flow once a Scanner polls the exchange. Fails with Device as TapDevice and ExceptionPath
  // do.
  [[nodiscard]] static Result<std::unique_ptr<KernelTap>> make(const Config& config,
                                                               const Ipv4Set& blocked,
                                                               const Ipv6Set& blocked6);

  // For the plan of the scan.
  [[nodiscard]] const std::shared_ptr<KernelExchange>& exchange() const noexcept {
    return exchange_;
  }

 private:
  KernelTap() = default;

  InterfaceClaim claim_;
  std::optional<ExceptionPath> path_;
  std::shared_ptr<KernelExchange> exchange_;
  std::unique_ptr<TapForwarder> forwarder_;
};

}  // namespace trawl::dataplane
