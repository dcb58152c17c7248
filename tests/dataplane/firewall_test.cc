#include "dataplane/exception/firewall.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::dataplane {
namespace {

TEST(Firewall, TableSaysWhoseItIs) {
  const std::string table = firewall_table_for("eth1.5@x");
  EXPECT_TRUE(table.starts_with("trawl_"));
  EXPECT_TRUE(table.ends_with("_eth1_5_x"));
}

TEST(Firewall, DropsForOurAddressesAndPortsOnly) {
  const ScanTraffic traffic{
      .kind = ProbeKind::TcpSyn,
      .ports = {.first = 61000, .last = 61063},
      .sources = {*IpAddress::parse("198.18.0.1"), *IpAddress::parse("198.18.0.2"),
                  *IpAddress::parse("198.18.0.9")}};
  const std::string script = firewall_script("trawl_7_eth1", traffic, {3, 4});
  EXPECT_NE(std::string::npos, script.find("table inet trawl_7_eth1 {"));
  EXPECT_NE(std::string::npos,
            script.find("iif { 3, 4 } ip daddr { 198.18.0.1-198.18.0.2, 198.18.0.9 } meta l4proto "
                        "{ tcp, udp } th dport 61000-61063 drop"));
}

TEST(Firewall, FindsTheInterfacesOfAVlan) {
  const std::string config =
      "VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n"
      "eth1.5         | 5  | eth1\neth2.5         | 5  | eth2\nguests         | 5  | eth1\n"
      "eth1.6         | 6  | eth1\n";
  EXPECT_EQ((std::vector<std::string>{"eth1.5", "guests"}),
            vlan_interfaces(config, "eth1", VlanId{5}));
  EXPECT_TRUE(vlan_interfaces("", "eth1", VlanId{5}).empty());
}

}  // namespace
}  // namespace trawl::dataplane
