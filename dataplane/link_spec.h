#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace trawl::dataplane {

enum class LinkKind {
  Pci,              // 0000:3b:00.0: a NIC given to DPDK.
  KernelInterface,  // eth1: becomes an af_xdp vdev, or af_packet where XDP is refused.
  Vdev              // net_null0, net_memif0,...: passed to DPDK as it is.
};

// How the user named a link, taken apart but not looked for.
struct LinkSpec {
  LinkKind kind = LinkKind::Vdev;
  std::string text;              // PCI address, interface name, or vdev name with its arguments.
  std::string kernel_interface;  // The kernel interface underneath, "" when there is none.

  // Fails with Usage when `text` is none of the three.
  [[nodiscard]] static Result<LinkSpec> parse(std::string_view text);

  // The vdev driver without its number ("net_memif"), "" for other kinds.
  [[nodiscard]] std::string driver() const;
  // A vdev as DPDK gets it: the text, and what makes it do for a scanner where the text does not
  // say otherwise.
  [[nodiscard]] std::string device() const;
  // memif works only in a DPDK process with shared configuration files.
  [[nodiscard]] bool needs_multiprocess() const { return driver() == "net_memif"; }
  // A link that nothing answers on: no reply is waited for, no neighbour resolved.
  [[nodiscard]] bool is_sink() const { return driver() == "net_null"; }
};

}  // namespace trawl::dataplane
