#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/exception/scan_traffic.h"

namespace trawl::dataplane {

// Firewall tables (nft(8)) that keep a scan's replies from the kernel where packet sockets get
// copies only: the kernel would reset connections it knows nothing of, and call UDP ports
// unreachable.

// Carries process and interface, so that tables left behind tell whose they are.
[[nodiscard]] std::string firewall_table_for(const std::string& interface);

// What nft reads to make the table: it drops what arrives on the interface, or on its VLAN, for our
// addresses and ports, before connection tracking sees it. `indices` are those of the interfaces.
[[nodiscard]] std::string firewall_script(const std::string& table, const ScanTraffic& traffic,
                                          const std::vector<unsigned>& indices);

// Makes the table. Fails with Device: no nft, or the kernel refuses it.
[[nodiscard]] Result<void> install_firewall_table(const std::string& table,
                                                  const std::string& interface,
                                                  const ScanTraffic& traffic);
// Whether nft can be run.
[[nodiscard]] bool has_firewall_tool();
// False when there was none.
bool remove_firewall_table(const std::string& table);
// Tables named as firewall_table_for() names them, of any process.
[[nodiscard]] std::vector<std::string> firewall_tables_of(const std::string& interface);

// Interfaces of the VLAN on `interface`, by the text of /proc/net/vlan/config.
[[nodiscard]] std::vector<std::string> vlan_interfaces(const std::string& config,
                                                       const std::string& interface, VlanId vlan);

}  // namespace trawl::dataplane
