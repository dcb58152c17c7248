#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/exception/xdp_program.h"

namespace trawl::control {

// What `trawl nic` tells of a kernel interface of this network namespace.
struct InterfaceFacts {
  std::string name;
  std::string driver;                  // "" when the driver does not say.
  std::string mac;                     // "" on links that have none.
  std::vector<std::string> addresses;  // With the length of their prefix.
  unsigned queues = 1;                 // Receive queues.
  bool up = false;                     // And running: there is a carrier.
  dataplane::XdpState xdp;
  int owner = 0;  // The process of the trawl that uses it, 0 when none does.
};

// Sorted by the kernel's numbers. Those that vanish meanwhile are left out.
[[nodiscard]] std::vector<InterfaceFacts> interface_facts();

// A network card that DPDK may drive, since the kernel does not.
struct PciFacts {
  std::string address;
  std::string driver;  // vfio-pci, uio_pci_generic or igb_uio.
  std::string device;  // Vendor and device, "8086:1572".
};

// Sorted by address. `folder` holds what the kernel knows of PCI devices.
[[nodiscard]] std::vector<PciFacts> pci_facts(const std::string& folder = "/sys/bus/pci/devices");

}  // namespace trawl::control
