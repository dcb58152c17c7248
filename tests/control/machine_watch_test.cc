#include "control/survey/machine_watch.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/osfp/passive/packets.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

osfp::SynAckFacts linux_facts(std::uint8_t ttl = 50) {
  return osfp::read_syn_ack(osfp::ipv4_packet({.ttl = ttl, .options = osfp::linux_options()}))
      .value();
}
osfp::SynAckFacts windows_facts() {
  return osfp::read_syn_ack(osfp::ipv4_packet({.ttl = 115,
                                               .id = 7,
                                               .window = 65535,
                                               .options = {2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2}}))
      .value();
}

std::vector<MachineWatch::Finding> findings(const MachineWatch& watch) {
  std::vector<MachineWatch::Finding> out;
  EXPECT_TRUE(watch.tell([&](const MachineWatch::Finding& finding) {
    out.push_back(finding);
    return true;
  }));
  return out;
}

TEST(MachineWatch, OnlyAddressesWithSeveralMachinesAreTold) {
  MachineWatch watch{1000};
  watch.add(1, 80, 1ms, linux_facts());
  watch.add(2, 80, 1ms, linux_facts());
  watch.add(2, 443, 2ms, linux_facts());
  watch.add(999, 80, 1ms, windows_facts());
  watch.add(999, 22, 2ms, linux_facts());
  watch.add(999, 443, 3ms, windows_facts());
  EXPECT_EQ(watch.compared(), 2U);
  const auto found = findings(watch);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].place, 999U);
  ASSERT_EQ(found[0].machines.size(), 2U);
  EXPECT_EQ(found[0].machines[0].ports, (std::vector<std::uint16_t>{80, 443}));
  EXPECT_EQ(found[0].machines[1].ports, (std::vector<std::uint16_t>{22}));
  EXPECT_TRUE(found[0].machines[1].is_certain);
  EXPECT_EQ(found[0].ports_left_out, 0U);
  EXPECT_FALSE(watch.tell([](const MachineWatch::Finding&) { return false; }));
}

// Timestamps are kept of each port: two clocks on two ports each are two machines.
TEST(MachineWatch, ClocksAreCompared) {
  MachineWatch watch{10};
  for (const std::uint16_t port : {1, 2, 3, 4}) {
    osfp::SynAckFacts facts = linux_facts();
    facts.stamp = port <= 2 ? 1000U : 900'000'000U;
    watch.add(5, port, 10ms, facts);
  }
  const auto found = findings(watch);
  ASSERT_EQ(found.size(), 1U);
  ASSERT_EQ(found[0].machines.size(), 2U);
  EXPECT_FALSE(found[0].machines[1].is_certain);
}

TEST(MachineWatch, PortsBeyondTheMostAreCounted) {
  MachineWatch watch{10};
  for (std::uint16_t port = 1; port <= MachineWatch::kMostPorts + 5; ++port) {
    watch.add(7, port, 1ms, port == 3 ? windows_facts() : linux_facts());
  }
  EXPECT_EQ(watch.left_out(), 5U);
  const auto found = findings(watch);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].ports_left_out, 5U);
  EXPECT_EQ(found[0].machines[0].ports.size(), MachineWatch::kMostPorts - 1U);
}

// A small table is filled to its bound; what is in stays right, and the rest is counted.
TEST(MachineWatch, MemoryIsBounded) {
  constexpr std::uint64_t kAddresses = 1'000'000;
  MachineWatch watch{kAddresses, ByteCount::mebibytes(3)};
  for (std::uint64_t place = 0; place < kAddresses; ++place) {
    watch.add(place, 80, 1ms, linux_facts());
  }
  EXPECT_GT(watch.left_out(), kAddresses / 2);
  EXPECT_LT(watch.left_out(), kAddresses);
  const std::uint64_t before = watch.left_out();
  watch.add(0, 22, 2ms, windows_facts());
  EXPECT_EQ(watch.left_out(), before);
  const auto found = findings(watch);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].place, 0U);
}

}  // namespace
}  // namespace trawl::control
