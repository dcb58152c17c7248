#include "dataplane/neighbours.h"

#include <gtest/gtest.h>

#include <utility>

namespace trawl::dataplane {
namespace {

constexpr MacAddress kMac{MacAddress::Bytes{0x02, 1, 2, 3, 4, 5}};
constexpr MacAddress kOther{MacAddress::Bytes{0x02, 9, 9, 9, 9, 9}};
const Ipv4Prefix kSubnet = *Ipv4Prefix::parse("192.168.5.0/24");
const Ipv4Address kGateway = *Ipv4Address::parse("192.168.5.1");
const Ipv4Address kHost = *Ipv4Address::parse("192.168.5.77");
const Ipv4Address kFar = *Ipv4Address::parse("198.18.0.1");

Neighbours make(const Neighbours::Config& config) {
  auto made = Neighbours::make(config);
  EXPECT_TRUE(made);
  return std::move(*made);
}

TEST(Neighbours, OnLinkTargetsHaveAWordEachAndOthersTheGateways) {
  Neighbours neighbours =
      make({.on_link = {kSubnet}, .gateway = kGateway, .gateway_mac = std::nullopt});
  EXPECT_FALSE(neighbours.only_gateway());
  const auto* const first = neighbours.next_hop(kSubnet.first());
  EXPECT_EQ(neighbours.next_hop(kSubnet.last()) - first, 255);
  EXPECT_EQ(neighbours.next_hop(kHost) - first, 77);
  EXPECT_EQ(neighbours.next_hop(kFar), neighbours.gateway());
  EXPECT_EQ(neighbours.next_hop(Ipv4Address{kSubnet.last().value() + 1}), neighbours.gateway());
  EXPECT_EQ(neighbours.next_hop(Ipv4Address{kSubnet.first().value() - 1}), neighbours.gateway());
}

TEST(Neighbours, WithoutGatewayOtherTargetsHaveNoNextHop) {
  Neighbours neighbours = make({.on_link = {kSubnet}, .gateway = {}, .gateway_mac = {}});
  EXPECT_EQ(neighbours.next_hop(kFar), nullptr);
  EXPECT_NE(neighbours.next_hop(kHost), nullptr);
}

TEST(Neighbours, NothingIsKnownAtFirst) {
  Neighbours neighbours = make({.on_link = {kSubnet}, .gateway = kGateway, .gateway_mac = {}});
  for (std::uint32_t i = 0; i < 256; ++i) {
    EXPECT_EQ(neighbours.next_hop(Ipv4Address{kSubnet.first().value() + i})->load(), 0U);
  }
  EXPECT_EQ(neighbours.gateway()->load(), 0U);
}

TEST(Neighbours, LearnsExactlyTheAddressThatSpoke) {
  Neighbours neighbours = make({.on_link = {kSubnet}, .gateway = kGateway, .gateway_mac = {}});
  neighbours.learn(kHost, kMac);
  EXPECT_EQ(neighbours.next_hop(kHost)->load(), Neighbours::kResolved | kMac.to_integer());
  EXPECT_EQ(neighbours.next_hop(Ipv4Address{kHost.value() + 1})->load(), 0U);
  EXPECT_EQ(neighbours.next_hop(Ipv4Address{kHost.value() - 1})->load(), 0U);
  EXPECT_EQ(neighbours.gateway()->load(), 0U);
}

TEST(Neighbours, OnLinkGatewayIsLearntBothAsGatewayAndAsTarget) {
  Neighbours neighbours = make({.on_link = {kSubnet}, .gateway = kGateway, .gateway_mac = {}});
  neighbours.learn(kGateway, kMac);
  EXPECT_EQ(neighbours.gateway()->load(), Neighbours::kResolved | kMac.to_integer());
  EXPECT_EQ(neighbours.next_hop(kGateway)->load(), Neighbours::kResolved | kMac.to_integer());
}

TEST(Neighbours, AddressesWeWouldNeverAskForAreIgnored) {
  Neighbours neighbours = make({.on_link = {}, .gateway = kGateway, .gateway_mac = {}});
  EXPECT_TRUE(neighbours.only_gateway());
  neighbours.learn(kFar, kMac);
  neighbours.learn(Ipv4Address{0}, kMac);
  EXPECT_EQ(neighbours.gateway()->load(), 0U);
}

TEST(Neighbours, GatewayMacGivenByTheUserStands) {
  Neighbours neighbours =
      make({.on_link = {}, .gateway = kGateway, .gateway_mac = kMac, .gateway_mac_stands = true});
  neighbours.learn(kGateway, kOther);
  EXPECT_EQ(neighbours.gateway()->load(), Neighbours::kResolved | kMac.to_integer());
  Neighbours no_address = make({.on_link = {}, .gateway = {}, .gateway_mac = kMac});
  EXPECT_EQ(no_address.next_hop(kFar), no_address.gateway());
  no_address.learn(Ipv4Address{0}, kOther);
  EXPECT_EQ(no_address.gateway()->load(), Neighbours::kResolved | kMac.to_integer());
}

TEST(Neighbours, GatewayMacOfTheKernelGivesWayToAnAnswer) {
  Neighbours neighbours = make({.on_link = {}, .gateway = kGateway, .gateway_mac = kMac});
  EXPECT_TRUE(neighbours.gateway_known());
  neighbours.learn(kGateway, kOther);
  EXPECT_EQ(neighbours.gateway()->load(), Neighbours::kResolved | kOther.to_integer());
}

TEST(Neighbours, AddressZeroIsAGatewayLikeAnyOther) {
  Neighbours neighbours = make({.on_link = {}, .gateway = Ipv4Address{0}, .gateway_mac = {}});
  EXPECT_FALSE(neighbours.gateway_known());
  EXPECT_EQ(neighbours.gateway_address(), Ipv4Address{0});
  neighbours.learn(Ipv4Address{0}, kMac);
  EXPECT_TRUE(neighbours.gateway_known());
}

TEST(Neighbours, OverlappingSubnetsAllLearn) {
  const Ipv4Prefix wide = *Ipv4Prefix::parse("192.168.0.0/16");
  Neighbours neighbours = make({.on_link = {wide, kSubnet}, .gateway = {}, .gateway_mac = {}});
  neighbours.learn(kHost, kMac);
  EXPECT_NE(neighbours.next_hop(kHost)->load() & Neighbours::kResolved, 0U);
}

// Address space only: 2^32 words would not fit in memory.
TEST(Neighbours, TableOfAHugeSubnetTakesNoMemoryUntilTouched) {
  Neighbours neighbours =
      make({.on_link = {*Ipv4Prefix::parse("0.0.0.0/1")}, .gateway = {}, .gateway_mac = {}});
  neighbours.learn(Ipv4Address{0x7fffffff}, kMac);
  neighbours.learn(Ipv4Address{0}, kMac);
  EXPECT_NE(neighbours.next_hop(Ipv4Address{0x7fffffff})->load(), 0U);
  EXPECT_EQ(neighbours.next_hop(Ipv4Address{0x40000000})->load(), 0U);
}

TEST(Neighbours, MovingKeepsWhatIsKnown) {
  Neighbours before = make({.on_link = {kSubnet}, .gateway = kGateway, .gateway_mac = {}});
  before.learn(kHost, kMac);
  before.learn(kGateway, kMac);
  Neighbours after{std::move(before)};
  EXPECT_NE(after.next_hop(kHost)->load(), 0U);
  EXPECT_NE(after.gateway()->load(), 0U);
  EXPECT_EQ(after.gateway_address(), kGateway);
}

TEST(Neighbours6, OnlyTargetsOnTheLinkHaveAWordOfTheirOwn) {
  const auto address = [](const char* text) { return *Ipv6Address::parse(text); };
  Ipv6Set targets;
  targets.add(*Ipv6Prefix::parse("2001:db8::10/124"));
  targets.add(*Ipv6Prefix::parse("2001:db8::ffff:0:0:1"));
  auto made =
      Neighbours6::make({.on_link = {targets}, .gateway = address("fe80::1"), .gateway_mac = {}});
  ASSERT_TRUE(made);
  Neighbours6 neighbours{std::move(*made)};
  auto* const first = neighbours.next_hop(address("2001:db8::10"));
  EXPECT_EQ(neighbours.next_hop(address("2001:db8::1f")) - first, 15);
  EXPECT_EQ(neighbours.next_hop(address("2001:db8::ffff:0:0:1")) - first, 16);
  EXPECT_EQ(neighbours.next_hop(address("2001:db8::20")), neighbours.gateway());
  neighbours.learn(address("2001:db8::11"), kMac);
  EXPECT_EQ(neighbours.next_hop(address("2001:db8::11"))->load(),
            Neighbours6::kResolved | kMac.to_integer());
  EXPECT_EQ(neighbours.next_hop(address("2001:db8::12"))->load(), 0U);
  EXPECT_FALSE(neighbours.gateway_known());
  neighbours.learn(address("fe80::1"), kOther);
  EXPECT_TRUE(neighbours.gateway_known());
}

}  // namespace
}  // namespace trawl::dataplane
