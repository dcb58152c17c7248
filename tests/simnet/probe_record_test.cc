#include "bench/simnet/probe_record.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

const Ipv4Address kFirst{0xc6120000};
const Ipv4Address kLast{0xc61200ff};

RankedSet<Ipv4Address> addresses() {
  Ipv4Set set;
  set.add(Ipv4Prefix{kFirst, 24});
  return RankedSet<Ipv4Address>{set};
}

class ProbeRecordTest : public testing::Test {
 protected:
  void note(TestFrame frame) { record_.note(frame.frame(), counters_); }
  void expect(std::uint64_t first, std::uint64_t repeated, std::uint64_t unlisted) {
    record_.settle(counters_);
    EXPECT_EQ(counters_.get(Counter::ProbesFirst), first);
    EXPECT_EQ(counters_.get(Counter::ProbesRepeated), repeated);
    EXPECT_EQ(counters_.get(Counter::ProbesUnlisted), unlisted);
  }
  static TestFrame probe(Ipv4Address to, std::uint16_t port) {
    return tcp_frame({.to = to}, {.to_port = port});
  }

  RankedSet<Ipv4Address> addresses_ = addresses();
  std::array<std::uint16_t, 2> ports_{80, 443};
  ProbeRecord record_ = ProbeRecord::make(addresses_, ports_).value();
  Counters counters_;
};

TEST_F(ProbeRecordTest, EveryTargetHasABitOfItsOwn) {
  for (std::uint32_t value = kFirst.value(); value <= kLast.value(); ++value) {
    for (const std::uint16_t port : ports_) note(probe(Ipv4Address{value}, port));
  }
  expect(512, 0, 0);
}

TEST_F(ProbeRecordTest, AnotherProbeOfATargetIsARepeat) {
  for (int i = 0; i < 3; ++i) note(probe(kLast, 443));
  expect(1, 2, 0);
}

TEST_F(ProbeRecordTest, CountsBitByBitInTimesOfLeisure) {
  for (std::uint32_t value = kFirst.value(); value <= kLast.value(); ++value) {
    note(probe(Ipv4Address{value}, 80));
  }
  EXPECT_EQ(counters_.get(Counter::ProbesFirst), 0U) << "they wait for more";
  for (int i = 0; i < 256; ++i) record_.settle_some(counters_);
  EXPECT_EQ(counters_.get(Counter::ProbesFirst), 256U);
}

// More than a part of the array waits for, over all parts.
TEST(ProbeRecord, TellsFirstFromRepeatedAmongMillions) {
  Ipv4Set set;
  set.add(Ipv4Prefix{Ipv4Address{0x0a000000}, 11});
  const RankedSet<Ipv4Address> addresses{set};
  constexpr std::array<std::uint16_t, 1> kPorts{80};
  ProbeRecord record = ProbeRecord::make(addresses, kPorts).value();
  Counters counters;
  TestFrame frame = tcp_frame({.to = Ipv4Address{0}}, {.to_port = 80});
  // Odd multiples visit every address once; then a quarter of them again.
  constexpr std::uint32_t kCount = 1U << 21U;
  for (std::uint32_t i = 0; i < kCount + kCount / 4; ++i) {
    wire::write32(frame.ip() + wire::kIpDestination, 0x0a000000U | i * 0x9e3779b1U % kCount);
    record.note(frame.frame(), counters);
  }
  record.settle(counters);
  EXPECT_EQ(counters.get(Counter::ProbesFirst), kCount);
  EXPECT_EQ(counters.get(Counter::ProbesRepeated), kCount / 4);
}

TEST_F(ProbeRecordTest, OtherPortsAndAddressesAreUnlisted) {
  note(probe(kFirst, 81));
  note(probe(Ipv4Address{kLast.value() + 1}, 80));
  expect(0, 0, 2);
}

TEST_F(ProbeRecordTest, AResetIsNoProbe) {
  note(probe(kFirst, 80));
  note(tcp_frame({.to = kFirst}, {.to_port = 80, .flags = wire::kRst}));
  expect(1, 0, 0);
}

TEST_F(ProbeRecordTest, WhatIsNoTcpCountsAsNothing) {
  TestFrame frame = probe(kFirst, 80);
  wire::write8(frame.ip() + wire::kIpProtocol, wire::kProtocolUdp);
  note(frame);
  frame = probe(kFirst, 80);
  frame.length = 40;
  note(frame);
  expect(0, 0, 0);
}

}  // namespace
}  // namespace trawl::simnet
