#include "osfp/passive/port_comparison.h"

#include <gtest/gtest.h>

#include "tests/osfp/passive/packets.h"

namespace trawl::osfp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Ports = std::vector<std::uint16_t>;

PortSynAck linux_port(std::uint16_t port, std::uint32_t stamp = 1000,
                      std::chrono::nanoseconds arrival = {}) {
  PortSynAck out{
      .port = port,
      .arrival = arrival,
      .facts = read_syn_ack(ipv4_packet({.ttl = 50, .options = linux_options()})).value()};
  out.facts.stamp = stamp;
  return out;
}

PortSynAck windows_port(std::uint16_t port) {
  return {.port = port,
          .facts = read_syn_ack(ipv4_packet({.ttl = 115,
                                             .id = 7,
                                             .window = 65535,
                                             .options = {2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2}}))
                       .value()};
}

TEST(PortComparison, PortsOfOneMachineAreOneGroup) {
  EXPECT_TRUE(compare_ports({}).empty());
  PortSynAck small_buffer = linux_port(25);
  small_buffer.facts.window = 14480;
  small_buffer.facts.scale = 2;
  const auto groups = compare_ports(std::vector{linux_port(443), linux_port(80), small_buffer});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].ports, (Ports{25, 80, 443}));
  EXPECT_TRUE(groups[0].differences.empty());
}

// Port 22 forwarded to a Linux box, the web ports on Windows.
TEST(PortComparison, AForwardedPortStandsOut) {
  const auto groups =
      compare_ports(std::vector{linux_port(22), windows_port(80), windows_port(443)});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].ports, (Ports{80, 443}));
  EXPECT_EQ(groups[1].ports, (Ports{22}));
  EXPECT_TRUE(groups[1].is_certain);
  EXPECT_EQ(groups[1].differences,
            (std::vector{MachineDifference::InitialTtl, MachineDifference::OptionLayout,
                         MachineDifference::Quirks}));
  EXPECT_EQ(groups[1].explanation,
            "TTL 50, not 115; options 'mss,sok,ts,nop,ws', not 'mss,nop,ws,nop,nop,sok'; quirks: "
            "without id+");
}

TEST(PortComparison, HopsAndMssAreHintsOnly) {
  PortSynAck near = linux_port(22);
  near.facts.ttl = 49;
  PortSynAck tunnel = linux_port(25);
  tunnel.facts.mss = 1400;
  const auto groups = compare_ports(std::vector{linux_port(80), linux_port(443), near, tunnel});
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[1].differences, std::vector{MachineDifference::Hops});
  EXPECT_FALSE(groups[1].is_certain);
  EXPECT_EQ(groups[1].explanation, "TTL 49, not 50");
  EXPECT_EQ(groups[2].differences, std::vector{MachineDifference::Mss});
  EXPECT_EQ(groups[2].explanation, "MSS 1400, not 1460");
}

TEST(PortComparison, TwoClocksThatSeveralPortsShareAreTwoMachines) {
  const auto groups = compare_ports(std::vector{
      linux_port(21, 1'000'000, seconds{0}), linux_port(22, 3'000'000'000, milliseconds{100}),
      linux_port(25, 1'002'000, seconds{2}), linux_port(80, 3'000'004'900, seconds{5}),
      linux_port(443, 1'007'010, seconds{7})});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].ports, (Ports{21, 25, 443}));
  EXPECT_EQ(groups[1].ports, (Ports{22, 80}));
  EXPECT_EQ(groups[1].differences, std::vector{MachineDifference::Clock});
  EXPECT_FALSE(groups[1].is_certain);
}

TEST(PortComparison, AClockForEachConnectionIsNoSecondMachine) {
  std::vector<PortSynAck> ports;
  for (std::uint16_t i = 0; i < 6; ++i) ports.push_back(linux_port(i, 500'000'000U * (i + 1U)));
  EXPECT_EQ(compare_ports(ports).size(), 1U);
  // One port with another clock than the rest says as little.
  EXPECT_EQ(compare_ports(
                std::vector{linux_port(1, 1000), linux_port(2, 1100), linux_port(3, 2'000'000'000)})
                .size(),
            1U);
}

TEST(PortComparison, AClockThatWrapsRoundIsOne) {
  const auto groups = compare_ports(
      std::vector{linux_port(1, 0xffffff00, seconds{0}), linux_port(2, 0x00000100, seconds{1}),
                  linux_port(3, 0x80000000, seconds{0}), linux_port(4, 0x80000100, seconds{1})});
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].ports, (Ports{1, 2}));
}

// Time runs forward: a timestamp far behind is of another clock.
TEST(PortComparison, AClockDoesNotRunBackwards) {
  const auto groups = compare_ports(
      std::vector{linux_port(1, 1'000'000, seconds{0}), linux_port(2, 1'000'500, seconds{1}),
                  linux_port(3, 991'000, seconds{10}), linux_port(4, 991'500, seconds{11})});
  EXPECT_EQ(groups.size(), 2U);
}

}  // namespace
}  // namespace trawl::osfp
