#include "dataplane/kernel_interface.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace trawl::dataplane {
namespace {

// As /proc/net/route prints them: addresses are the hexadecimal of their bytes, last byte first.
constexpr const char* kRouteHead =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
constexpr const char* kDefaultRoute =
    "eth1\t00000000\t0200A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
constexpr const char* kSubnet = "eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
constexpr const char* kTenNet = "eth1\t0000000A\t0100A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n";

constexpr const char* kArpTable =
    "IP address       HW type     Flags       HW address            Mask     Device\n"
    "192.168.0.1      0x1         0x2         02:00:00:00:00:11     *        eth1\n"
    "192.168.0.2      0x1         0x2         02:00:00:00:00:22     *        eth1\n";

std::string join(std::initializer_list<const char*> lines) {
  std::string text;
  for (const char* line : lines) text += line;
  return text;
}

KernelInterface with_routes(const std::string& text) {
  KernelInterface interface;
  interface.read_routes(text, "eth1");
  return interface;
}

TEST(KernelInterface, TakesTheGatewayOfTheDefaultRoute) {
  const auto found = with_routes(join({kRouteHead, kSubnet, kDefaultRoute}));
  ASSERT_TRUE(found.gateway);
  EXPECT_EQ(found.gateway->to_string(), "192.168.0.2");
}

TEST(KernelInterface, TakesTheGatewayOfTheWidestRouteWhateverTheOrder) {
  for (const auto& text : {join({kTenNet, kDefaultRoute}), join({kDefaultRoute, kTenNet})}) {
    EXPECT_EQ(with_routes(text).gateway->to_string(), "192.168.0.2");
  }
  const auto narrow = with_routes(join({kRouteHead, kSubnet, kTenNet}));
  EXPECT_EQ(narrow.gateway->to_string(), "192.168.0.1");
}

TEST(KernelInterface, OnLinkDefaultRouteHasNoGateway) {
  const auto found = with_routes("eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n");
  EXPECT_FALSE(found.gateway);
}

TEST(KernelInterface, RoutesOfOtherInterfacesDoNotCount) {
  KernelInterface other;
  other.read_routes(join({kRouteHead, kDefaultRoute}), "eth10");
  EXPECT_FALSE(other.gateway);
}

TEST(KernelInterface, RouteLinesThatMakeNoSenseAreSkipped) {
  for (const char* line : {"", "\n\n", "eth1\n", "eth1\t0\t0\n", "eth1\tx\ty\tz\t0\t0\t0\tw\n",
                           "eth1\t00000000\t0200A8C0Z\t0003\t0\t0\t0\t00000000\n",
                           "eth1\t00000000\t0200A8C0\t0003\t0\t0\t0\t100000000\n",
                           "eth1\t00000000\t-0200A8C\t0003\t0\t0\t0\t00000000\n"}) {
    EXPECT_FALSE(with_routes(line).gateway) << line;
    EXPECT_TRUE(with_routes(std::string{line} + "\n" + kDefaultRoute).gateway) << line;
  }
}

TEST(KernelInterface, FindsTheGatewaysMacInTheArpTable) {
  KernelInterface found = with_routes(kDefaultRoute);
  found.read_arp(kArpTable, "eth1");
  ASSERT_TRUE(found.gateway_mac);
  EXPECT_EQ(found.gateway_mac->to_string(), "02:00:00:00:00:22");
}

TEST(KernelInterface, ArpEntriesThatAreNoAnswerAreSkipped) {
  for (const char* line : {"192.168.0.2 0x1 0x0 00:00:00:00:00:00 * eth1\n",  // Incomplete.
                           "192.168.0.2 0x1 0x2 02:00:00:00:00:22 * eth2\n",  // Another interface.
                           "192.168.0.3 0x1 0x2 02:00:00:00:00:22 * eth1\n",  // Another address.
                           "192.168.0.2 0x1 0x2 02:00:00:00:00 * eth1\n",     // Half a MAC.
                           "192.168.0.2 0x1 0x2\n", "garbage\n", "", "\n"}) {
    KernelInterface found = with_routes(kDefaultRoute);
    found.read_arp(line, "eth1");
    EXPECT_FALSE(found.gateway_mac) << line;
  }
  KernelInterface permanent = with_routes(kDefaultRoute);
  permanent.read_arp("192.168.0.2 0x1 0x6 02:00:00:00:00:22 * eth1\n", "eth1");
  EXPECT_TRUE(permanent.gateway_mac);
  KernelInterface no_gateway;
  no_gateway.read_arp(kArpTable, "eth1");
  EXPECT_FALSE(no_gateway.gateway_mac);
}

TEST(KernelInterface, NewGatewayForgetsTheOldOnesMac) {
  KernelInterface found = with_routes(kTenNet);
  found.read_arp(kArpTable, "eth1");
  ASSERT_TRUE(found.gateway_mac);
  found.gateway_mac.reset();
  found.read_routes(kDefaultRoute, "eth1");
  found.gateway_mac = MacAddress{};
  found.read_routes(join({kTenNet, kDefaultRoute}), "eth1");
  EXPECT_FALSE(found.gateway_mac);
}

TEST(KernelInterface, SurvivesGarbage) {
  std::mt19937 random{6};
  for (int round = 0; round < 2000; ++round) {
    std::string text = join({kRouteHead, kDefaultRoute, kSubnet, kArpTable});
    for (int change = 0; change < 12; ++change) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    KernelInterface found = with_routes(text);
    found.gateway = Ipv4Address{0xc0a80002};
    found.read_arp(text, "eth1");
  }
}

TEST(KernelInterface, LoopbackHasItsAddressAndNoGateway) {
  const KernelInterface found = KernelInterface::look_up("lo");
  for (const auto& [address, prefix] : found.addresses) EXPECT_TRUE(prefix.contains(address));
  EXPECT_FALSE(found.gateway);
}

TEST(KernelInterface, AbsentInterfaceIsEmpty) {
  const KernelInterface found = KernelInterface::look_up("no-such-if0");
  EXPECT_TRUE(found.addresses.empty());
  EXPECT_FALSE(found.gateway || found.gateway_mac);
}

constexpr const char* kAddresses6 =
    "fe80000000000000021122fffe334455 02 40 20 80 eth1\n"
    "20010db8000000000000000000000005 02 40 00 80 eth1\n"
    "20010db8000000000000000000000006 02 40 00 48 eth1\n"
    "20010db8000100000000000000000007 02 30 00 80 eth1\n"
    "20010db8000200000000000000000008 03 40 00 80 eth2\n"
    "00000000000000000000000000000001 01 80 10 80 lo\n";
constexpr const char* kRoutes6 =
    "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1\n"
    "20010db8ffff00000000000000000000 30 00000000000000000000000000000000 00 "
    "20010db80000000000000000000000fe 00000400 00000001 00000000 00000003     eth1\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fe80000000000000000000000000abcd 00000400 00000001 00000000 00000003     eth1\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fe80000000000000000000000000eeee 00000400 00000001 00000000 00000003     eth2\n";

TEST(KernelInterface, ReadsIpv6AddressesBeyondTheLink) {
  KernelInterface found;
  found.read_addresses6(kAddresses6, "eth1");
  ASSERT_EQ(found.addresses6.size(), 2U);
  EXPECT_EQ(found.addresses6[0].address.to_string(), "2001:db8::5");
  EXPECT_EQ(found.addresses6[0].prefix.to_string(), "2001:db8::/64");
  EXPECT_EQ(found.addresses6[1].prefix.to_string(), "2001:db8:1::/48");
}

constexpr const char* kUniqueLocal = "fd000000000000000000000000000001 02 40 00 80 eth1\n";
constexpr const char* kGlobal = "20010db8000000000000000000000005 02 40 00 80 eth1\n";
constexpr const char* kOtherGlobal = "20010db8000000000000000000000006 02 40 00 00 eth1\n";
constexpr const char* kDeprecated = "20010db8000000000000000000000007 02 40 00 20 eth1\n";
constexpr const char* kTentative = "20010db8000000000000000000000008 02 40 00 c0 eth1\n";
constexpr const char* kDuplicate = "20010db8000000000000000000000009 02 40 00 c8 eth1\n";

std::string source_for(std::initializer_list<const char*> lines,
                       std::initializer_list<const char*> targets) {
  KernelInterface kernel;
  kernel.read_addresses6(join(lines), "eth1");
  Ipv6Set set;
  for (const char* prefix : targets) set.add(*Ipv6Prefix::parse(prefix));
  return kernel.source_for(RankedSet<Ipv6Address>{set}).to_string();
}

TEST(KernelInterface, Ipv6SourceIsOfTheKindOfTheTargets) {
  EXPECT_EQ(source_for({kUniqueLocal, kGlobal, kOtherGlobal}, {"2a00::/64"}), "2001:db8::5");
  EXPECT_EQ(source_for({kOtherGlobal, kUniqueLocal, kGlobal}, {"2a00::/64"}), "2001:db8::6");
  EXPECT_EQ(source_for({kGlobal, kUniqueLocal}, {"fc00::1", "fdff::/64"}), "fd00::1");
  EXPECT_EQ(source_for({kUniqueLocal, kGlobal}, {"fd00::/64", "2a00::1"}), "2001:db8::5");
  EXPECT_EQ(source_for({kUniqueLocal, kGlobal}, {"fd00::/64", "fe00::"}), "2001:db8::5");
  EXPECT_EQ(source_for({kUniqueLocal}, {"2a00::/64"}), "fd00::1");
  EXPECT_EQ(source_for({kGlobal}, {"fd00::/64"}), "2001:db8::5");
}

TEST(KernelInterface, DeprecatedAndTentativeIpv6SourcesAreTheLastResort) {
  EXPECT_EQ(source_for({kTentative, kDeprecated, kGlobal}, {"2a00::/64"}), "2001:db8::5");
  EXPECT_EQ(source_for({kTentative, kDeprecated, kUniqueLocal}, {"2a00::/64"}), "fd00::1");
  EXPECT_EQ(source_for({kTentative, kDeprecated}, {"2a00::/64"}), "2001:db8::7");
  EXPECT_EQ(source_for({kDuplicate, kTentative}, {"2a00::/64"}), "2001:db8::8");
  KernelInterface kernel;
  kernel.read_addresses6(kDuplicate, "eth1");
  EXPECT_TRUE(kernel.addresses6.empty()) << "it is another host's";
}

TEST(KernelInterface, WidestIpv6RouteGivesTheGateway) {
  KernelInterface found;
  found.read_routes6(kRoutes6, "eth1");
  ASSERT_TRUE(found.gateway6);
  EXPECT_EQ(found.gateway6->to_string(), "fe80::abcd");
  KernelInterface none;
  none.read_routes6(kRoutes6, "eth3");
  EXPECT_FALSE(none.gateway6);
}

TEST(KernelInterface, SurvivesGarbageOfIpv6) {
  std::mt19937 random{7};
  for (int round = 0; round < 2000; ++round) {
    std::string text = std::string{kAddresses6} + kRoutes6;
    for (int change = 0; change < 12; ++change) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    KernelInterface found;
    found.read_addresses6(text, "eth1");
    found.read_routes6(text, "eth1");
  }
}

}  // namespace
}  // namespace trawl::dataplane
