#include "control/survey/survey_setup.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/survey/option_values.h"

namespace trawl::control {
namespace {

using dataplane::KernelInterface;
using dataplane::LinkSpec;

KernelInterface::Assigned assigned(const char* address, unsigned length) {
  const Ipv4Address parsed = *Ipv4Address::parse(address);
  return {.address = parsed, .prefix = Ipv4Prefix{parsed, length}};
}

// An interface with one subnet, as a newcomer's has.
KernelInterface plain_interface() {
  KernelInterface kernel;
  kernel.addresses = {assigned("192.0.2.10", 24)};
  return kernel;
}

// What choose_source() is asked, and what it should say; an error names `mentions`.
struct Case {
  const char* what;
  const char* link = "eth1";
  std::optional<const char*> source_ip = {};
  std::optional<const char*> gateway = {};
  std::optional<const char*> gateway_mac = {};
  KernelInterface kernel = plain_interface();
  std::vector<const char*> targets = {"198.18.0.0/15"};
  // Expected:
  const char* source = "";
  const char* via = "";
  const char* via_mac = "";
  std::size_t on_link = 0;
  const char* mentions = "";
};

KernelInterface with_gateway(const char* gateway, const char* mac = nullptr) {
  KernelInterface kernel = plain_interface();
  kernel.gateway = Ipv4Address::parse(gateway);
  if (mac != nullptr) kernel.gateway_mac = MacAddress::parse(mac);
  return kernel;
}

KernelInterface with_addresses(std::vector<KernelInterface::Assigned> addresses) {
  KernelInterface kernel;
  kernel.addresses = std::move(addresses);
  return kernel;
}

Result<SourceChoice> choose(const Case& asked) {
  SurveyOptions options;
  if (asked.source_ip) {
    options.source_ips = *parse_source_addresses(*asked.source_ip, "--source-ip");
  }
  if (asked.gateway) options.gateway = Ipv4Address::parse(*asked.gateway);
  if (asked.gateway_mac) options.gateway_mac = MacAddress::parse(*asked.gateway_mac);
  Ipv4Set set;
  for (const char* prefix : asked.targets) set.add(*Ipv4Prefix::parse(prefix));
  return choose_source(options, *LinkSpec::parse(asked.link), asked.kernel,
                       RankedSet<Ipv4Address>{set});
}

template <typename Address>
std::string text_of(const std::optional<Address>& address) {
  return address ? address->to_string() : "";
}

void expect_choice(const Case& asked) {
  SCOPED_TRACE(asked.what);
  const auto choice = choose(asked);
  if (*asked.mentions != '\0') {
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().code, ExitCode::Usage);
    EXPECT_NE(choice.error().message.find(asked.mentions), std::string::npos)
        << choice.error().message;
    return;
  }
  ASSERT_TRUE(choice) << choice.error().message;
  std::string sources;
  for (const Ipv4Address source : choice->sources) {
    sources += (sources.empty() ? "" : ",") + source.to_string();
  }
  EXPECT_EQ(sources, asked.source);
  EXPECT_EQ(text_of(choice->neighbours.gateway), asked.via);
  EXPECT_EQ(text_of(choice->neighbours.gateway_mac), asked.via_mac);
  EXPECT_EQ(choice->neighbours.on_link.size(), asked.on_link);
}

TEST(SurveySetup, KernelInterfacesGiveSourceAndGateway) {
  expect_choice({.what = "through the kernel's gateway",
                 .kernel = with_gateway("192.0.2.1"),
                 .source = "192.0.2.10",
                 .via = "192.0.2.1"});
  expect_choice({.what = "whose MAC the kernel knows",
                 .kernel = with_gateway("192.0.2.1", "02:00:00:00:00:11"),
                 .source = "192.0.2.10",
                 .via = "192.0.2.1",
                 .via_mac = "02:00:00:00:00:11"});
  expect_choice({.what = "all targets on the link, no gateway",
                 .targets = {"192.0.2.0/25"},
                 .source = "192.0.2.10",
                 .on_link = 1});
  expect_choice({.what = "targets on the link and beyond",
                 .kernel = with_gateway("192.0.2.1"),
                 .targets = {"192.0.2.128/25", "198.18.0.0/15"},
                 .source = "192.0.2.10",
                 .via = "192.0.2.1",
                 .on_link = 1});
  expect_choice({.what = "the first of several addresses",
                 .kernel = with_addresses({assigned("192.0.2.10", 24), assigned("10.0.0.1", 8)}),
                 .targets = {"192.0.2.0/24", "10.1.0.0/16"},
                 .source = "192.0.2.10",
                 .on_link = 2});
}

TEST(SurveySetup, SeveralSourcesMustAllBeOnTheLink) {
  expect_choice({.what = "a range",
                 .source_ip = "192.0.2.20-21,192.0.2.30",
                 .kernel = with_gateway("192.0.2.1"),
                 .source = "192.0.2.20,192.0.2.21,192.0.2.30",
                 .via = "192.0.2.1"});
  expect_choice({.what = "one outside",
                 .source_ip = "192.0.2.20,198.51.100.7",
                 .kernel = with_gateway("192.0.2.1"),
                 .mentions = "--source-ip 198.51.100.7 is not on eth1 (192.0.2.10/24)"});
}

TEST(SurveySetup, TaggedFramesNeedAddressesOfTheVlan) {
  SurveyOptions options;
  options.vlan = dataplane::VlanId{7};
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.18.0.0/15"));
  const RankedSet<Ipv4Address> targets{set};
  const auto link = *LinkSpec::parse("eth1");
  const auto refused = choose_source(options, link, {}, targets);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--vlan 7: the addresses of eth1"), std::string::npos);
  options.source_ips = {*Ipv4Address::parse("192.0.2.1")};
  const auto no_gateway = choose_source(options, link, {}, targets);
  ASSERT_FALSE(no_gateway);
  EXPECT_NE(no_gateway.error().message.find("--gateway"), std::string::npos);
  options.gateway = Ipv4Address::parse("192.0.2.254");
  EXPECT_TRUE(choose_source(options, link, {}, targets));
}

TEST(SurveySetup, BitsPerSecondCountTheRealFrames) {
  SurveyOptions options;
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.18.0.0/15"));
  SurveyPlan plan{.addresses = RankedSet<Ipv4Address>{set}, .ports = {7, 443}, .blocked = {}};
  EXPECT_EQ(mean_frame_size(options, plan).count(), 74U);
  options.vlan = dataplane::VlanId{7};
  EXPECT_EQ(mean_frame_size(options, plan).count(), 78U);
  options.syn_options = dataplane::SynOptions::Mss;
  EXPECT_EQ(mean_frame_size(options, plan).count(), 62U);
  options.vlan = {};
  options.probe = dataplane::ProbeKind::Udp;
  const dataplane::UdpPayload quic{
      .name = "", .ports = {443}, .bytes = std::vector<std::byte>(1200), .slots = {}, .reply = {}};
  plan.payloads = std::make_shared<const dataplane::UdpPayloads>(std::span{&quic, 1}, plan.ports);
  EXPECT_EQ(mean_frame_size(options, plan).count(), 651U) << "60 and 1242 bytes";
}

TEST(SurveySetup, OptionsWinOverTheKernel) {
  expect_choice({.what = "--gateway",
                 .gateway = "192.0.2.254",
                 .kernel = with_gateway("192.0.2.1", "02:00:00:00:00:11"),
                 .source = "192.0.2.10",
                 .via = "192.0.2.254"});
  expect_choice({.what = "--gateway-mac",
                 .gateway_mac = "02:00:00:00:00:99",
                 .kernel = with_gateway("192.0.2.1", "02:00:00:00:00:11"),
                 .source = "192.0.2.10",
                 .via_mac = "02:00:00:00:00:99"});
  expect_choice({.what = "--source-ip in the subnet",
                 .source_ip = "192.0.2.200",
                 .kernel = with_gateway("192.0.2.1"),
                 .source = "192.0.2.200",
                 .via = "192.0.2.1"});
  expect_choice({.what = "--source-ip on a link without addresses",
                 .source_ip = "192.0.2.200",
                 .gateway = "192.0.2.1",
                 .kernel = {},
                 .source = "192.0.2.200",
                 .via = "192.0.2.1"});
}

TEST(SurveySetup, WhatCannotWorkIsAUsageError) {
  expect_choice({.what = "no address", .kernel = {}, .mentions = "--source-ip"});
  expect_choice({.what = "a source of another network",
                 .source_ip = "203.0.113.1",
                 .kernel = with_gateway("192.0.2.1"),
                 .mentions = "192.0.2.10/24"});
  expect_choice({.what = "targets behind no gateway", .mentions = "--gateway"});
  expect_choice({.what = "one target behind no gateway",
                 .targets = {"192.0.2.0/24", "192.0.3.0"},
                 .mentions = "--gateway"});
  expect_choice({.what = "a NIC that the kernel knows nothing of",
                 .link = "0000:3b:00.0",
                 .kernel = {},
                 .mentions = "--source-ip"});
  expect_choice({.what = "such a NIC without gateway",
                 .link = "0000:3b:00.0",
                 .source_ip = "192.0.2.10",
                 .kernel = {},
                 .mentions = "--gateway"});
  expect_choice({.what = "a host address makes nothing on-link",
                 .kernel = with_addresses({assigned("192.0.2.10", 32)}),
                 .targets = {"192.0.2.10"},
                 .mentions = "--gateway"});
}

TEST(SurveySetup, VirtualLinksNeedNoAddressesOfTheirOwn) {
  expect_choice({.what = "memif",
                 .link = "net_memif0,role=client",
                 .kernel = {},
                 .source = "198.18.0.1",
                 .via = "198.18.0.2"});
  expect_choice({.what = "a sink asks nobody",
                 .link = "net_null0",
                 .kernel = {},
                 .source = "198.18.0.1",
                 .via_mac = "02:00:00:00:00:02"});
  expect_choice({.what = "a sink with options",
                 .link = "net_null0",
                 .source_ip = "192.0.2.1",
                 .gateway_mac = "02:00:00:00:00:99",
                 .kernel = {},
                 .source = "192.0.2.1",
                 .via_mac = "02:00:00:00:00:99"});
  expect_choice({.what = "a vdev over a kernel interface goes by the kernel",
                 .link = "net_af_packet0,iface=eth1",
                 .kernel = with_gateway("192.0.2.1"),
                 .source = "192.0.2.10",
                 .via = "192.0.2.1"});
  expect_choice({.what = "which must have an address",
                 .link = "net_af_packet0,iface=eth1",
                 .kernel = {},
                 .mentions = "eth1 has no IPv4 address"});
}

TEST(SurveySetup, OnlySubnetsWithTargetsAreOnLink) {
  const auto choice =
      choose({.what = "",
              .kernel = with_addresses({assigned("192.0.2.10", 24), assigned("10.0.0.1", 8)}),
              .targets = {"10.1.0.0/16"}});
  ASSERT_TRUE(choice);
  ASSERT_EQ(choice->neighbours.on_link.size(), 1U);
  EXPECT_EQ(choice->neighbours.on_link[0].to_string(), "10.0.0.0/8");
}

TEST(SurveySetup, PollsOnTheFirstAllowedCpuUnlessTold) {
  SurveyOptions options;
  EXPECT_EQ(choose_cpus(options, {3, 5, 7}).value(), (std::vector<unsigned>{3}));
  options.lcores = {7, 3};
  EXPECT_EQ(choose_cpus(options, {3, 5, 7}).value(), (std::vector<unsigned>{7, 3}));
  options.lcores = {5, 5};
  EXPECT_EQ(choose_cpus(options, {3, 5, 7}).value(), (std::vector<unsigned>{5, 5}));
}

TEST(SurveySetup, CpusThatAreNotAllowedAreRefusedByName) {
  SurveyOptions options;
  options.lcores = {3, 4};
  const auto cpus = choose_cpus(options, {3, 5});
  ASSERT_FALSE(cpus);
  EXPECT_EQ(cpus.error().code, ExitCode::Usage);
  EXPECT_NE(cpus.error().message.find("CPU 4"), std::string::npos);
  EXPECT_NE(cpus.error().message.find("3,5"), std::string::npos);
}

TEST(SurveySetup, Ipv6TargetsOnTheLinkAreNeighboursAndOthersGoThroughTheGateway) {
  KernelInterface kernel;
  const Ipv6Address own = *Ipv6Address::parse("2001:db8::5");
  kernel.addresses6 = {{.address = own, .prefix = Ipv6Prefix{own, 64}, .standing = {}}};
  kernel.gateway6 = Ipv6Address::parse("fe80::1");
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8::/120"));
  const auto link = *LinkSpec::parse("eth1");
  const auto near = choose_source(SurveyOptions{}, link, kernel, RankedSet<Ipv6Address>{set});
  ASSERT_TRUE(near) << near.error().message;
  EXPECT_EQ(near->sources, std::vector{own});
  ASSERT_EQ(near->neighbours.on_link.size(), 1U);
  EXPECT_EQ(static_cast<unsigned>(near->neighbours.on_link[0].size()), 256U);
  EXPECT_FALSE(near->neighbours.gateway) << "nobody needs it";
  set.add(*Ipv6Prefix::parse("2001:db8:9::1"));
  const auto both = choose_source(SurveyOptions{}, link, kernel, RankedSet<Ipv6Address>{set});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->neighbours.gateway, kernel.gateway6);
  EXPECT_EQ(static_cast<unsigned>(both->neighbours.on_link[0].size()), 256U);
  set.add(*Ipv6Prefix::parse("2001:db8::/90"));
  const auto crowd = choose_source(SurveyOptions{}, link, kernel, RankedSet<Ipv6Address>{set});
  ASSERT_FALSE(crowd);
  EXPECT_NE(crowd.error().message.find("neighbours on the link"), std::string::npos);
  kernel.addresses6.clear();
  const auto nameless = choose_source(SurveyOptions{}, link, kernel, RankedSet<Ipv6Address>{set});
  ASSERT_FALSE(nameless);
  EXPECT_NE(nameless.error().message.find("eth1 has no IPv6 address"), std::string::npos);
}

TEST(SurveySetup, Ipv6SourceSuitsTheTargetsAndAnyOfTheLinkMayBeGiven) {
  KernelInterface kernel;
  kernel.read_addresses6(
      "fd000000000000000000000000000001 02 40 00 80 eth1\n"
      "20010db8000000000000000000000007 02 40 00 20 eth1\n"
      "20010db8000000000000000000000005 02 40 00 80 eth1\n",
      "eth1");
  kernel.gateway6 = Ipv6Address::parse("fe80::1");
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2a00::/120"));
  const RankedSet<Ipv6Address> targets{set};
  const auto link = *LinkSpec::parse("eth1");
  SurveyOptions options;
  const auto chosen = choose_source(options, link, kernel, targets);
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->sources.front().to_string(), "2001:db8::5");
  options.source_ips = {*Ipv6Address::parse("2001:db8::7")};
  const auto given = choose_source(options, link, kernel, targets);
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(given->sources.front().to_string(), "2001:db8::7");
}

TEST(SurveySetup, VirtualLinksHaveIpv6AddressesOfTheDocumentation) {
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8::/112"));
  const auto choice = choose_source(SurveyOptions{}, *LinkSpec::parse("net_memif0"), {},
                                    RankedSet<Ipv6Address>{set});
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->sources.front().to_string(), "2001:db8::1");
  ASSERT_TRUE(choice->neighbours.gateway);
  EXPECT_EQ(choice->neighbours.gateway->to_string(), "2001:db8::2");
}

}  // namespace
}  // namespace trawl::control
