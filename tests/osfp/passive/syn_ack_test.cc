#include "osfp/passive/syn_ack.h"

#include <gtest/gtest.h>

#include "tests/osfp/passive/packets.h"

namespace trawl::osfp {
namespace {

SynAckFacts facts_of(const TestSynAck& from) {
  const auto facts = read_syn_ack(ipv4_packet(from));
  EXPECT_TRUE(facts.has_value());
  return facts.value_or(SynAckFacts{});
}

Quirks quirks(std::initializer_list<Quirk> list) {
  Quirks out;
  for (const Quirk quirk : list) out.add(quirk);
  return out;
}

TEST(SynAck, ReadsWhatLinuxAnswers) {
  const SynAckFacts facts = facts_of({.ttl = 57, .options = linux_options()});
  EXPECT_EQ(facts.ip_version, 4);
  EXPECT_EQ(facts.ttl, 57);
  EXPECT_EQ(facts.mss, 1460);
  EXPECT_EQ(facts.scale, 7);
  EXPECT_EQ(facts.window, 65160);
  EXPECT_TRUE(facts.has_stamp);
  EXPECT_EQ(facts.stamp, 0x01020304U);
  EXPECT_EQ(facts.layout.print(), "mss,sok,ts,nop,ws");
  EXPECT_EQ(facts.quirks, quirks({Quirk::DontFragment}));
  EXPECT_FALSE(facts.has_data);
}

TEST(SynAck, ReadsIpv6) {
  const auto facts = read_syn_ack(ipv6_packet({.ttl = 60, .options = linux_options()}, 0xabcde));
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->ip_version, 6);
  EXPECT_EQ(facts->ttl, 60);
  EXPECT_EQ(facts->quirks, quirks({Quirk::FlowLabel}));
  EXPECT_EQ(facts->layout.print(), "mss,sok,ts,nop,ws");
}

TEST(SynAck, TellsTheHabitsOfTheHeaders) {
  EXPECT_EQ(facts_of({.id = 7}).quirks, quirks({Quirk::DontFragment, Quirk::IdWithDf}));
  EXPECT_EQ(facts_of({.fragment = 0}).quirks, quirks({Quirk::NoId}));
  EXPECT_EQ(facts_of({.fragment = 0, .id = 7}).quirks, Quirks{});
  EXPECT_EQ(facts_of({.fragment = 0x8000, .id = 7}).quirks, quirks({Quirk::ReservedBit}));
  const Quirk df = Quirk::DontFragment;
  EXPECT_EQ(facts_of({.flags = 0x52}).quirks, quirks({df, Quirk::Ecn}));
  EXPECT_EQ(facts_of({.flags = 0x1a}).quirks, quirks({df, Quirk::Push}));
  EXPECT_EQ(facts_of({.flags = 0x32}).quirks, quirks({df, Quirk::Urgent}));
  EXPECT_EQ(facts_of({.urgent = 1}).quirks, quirks({df, Quirk::StrayUrgent}));
  EXPECT_EQ(facts_of({.flags = 0x32, .urgent = 1}).quirks, quirks({df, Quirk::Urgent}));
  EXPECT_EQ(facts_of({.sequence = 0}).quirks, quirks({df, Quirk::ZeroSequence}));
  EXPECT_EQ(facts_of({.ack = 0}).quirks, quirks({df, Quirk::ZeroAck}));
}

TEST(SynAck, TellsTheHabitsOfTheOptions) {
  const Quirk df = Quirk::DontFragment;
  EXPECT_EQ(facts_of({.options = {3, 3, 15, 1}}).quirks, quirks({df, Quirk::ExcessiveScale}));
  const SynAckFacts zero = facts_of({.options = {8, 10, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}});
  EXPECT_EQ(zero.quirks, quirks({df, Quirk::ZeroStamp}));
  const SynAckFacts padded = facts_of({.options = {2, 4, 5, 0xb4, 0, 0, 0, 0}});
  EXPECT_EQ(padded.layout.print(), "mss,eol+3");
  EXPECT_EQ(padded.quirks, quirks({df}));
  const SynAckFacts trailer = facts_of({.options = {2, 4, 5, 0xb4, 0, 0, 9, 0}});
  EXPECT_EQ(trailer.quirks, quirks({df, Quirk::OptionTrailer}));
}

TEST(SynAck, OptionsWithWrongLengthsAreAQuirk) {
  const Quirks bad = quirks({Quirk::DontFragment, Quirk::MalformedOptions});
  const SynAckFacts zero = facts_of({.options = {1, 2, 0, 0}});
  EXPECT_EQ(zero.quirks, bad);
  EXPECT_EQ(zero.layout.print(), "nop");
  EXPECT_EQ(facts_of({.options = {1, 1, 254, 9}}).quirks, bad);  // Past the header.
  EXPECT_EQ(facts_of({.options = {1, 1, 1, 2}}).quirks, bad);    // No length at all.
  EXPECT_EQ(facts_of({.options = {2, 3, 5, 1}}).quirks, bad);    // An MSS of one byte.
  EXPECT_EQ(facts_of({.options = {254, 4, 0, 0}}).quirks, quirks({Quirk::DontFragment}));
}

TEST(SynAck, DataIsSeenAndPaddingOfTheFrameIsNot) {
  EXPECT_TRUE(facts_of({.data = "x"}).has_data);
  auto packet = ipv4_packet({});
  packet.resize(packet.size() + 6);
  EXPECT_FALSE(read_syn_ack(packet)->has_data);
}

TEST(SynAck, WhatIsNoWholeSynAckIsLeft) {
  for (const std::uint8_t flags :
       std::initializer_list<std::uint8_t>{0x02, 0x10, 0x14, 0x13, 0x16, 0x00}) {
    EXPECT_FALSE(read_syn_ack(ipv4_packet({.flags = flags}))) << int{flags};
  }
  EXPECT_FALSE(read_syn_ack(ipv4_packet({.fragment = 0x2000})));  // More follow.
  EXPECT_FALSE(read_syn_ack(ipv4_packet({.fragment = 0x0001})));
  EXPECT_FALSE(read_syn_ack({}));
  for (const auto& whole :
       {ipv4_packet({.options = linux_options()}), ipv6_packet({.options = linux_options()}, 0)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(read_syn_ack(std::span{whole}.first(size))) << size;
    }
  }
  auto udp = ipv4_packet({});
  udp[dataplane::wire::kIpProtocol] = std::byte{17};
  EXPECT_FALSE(read_syn_ack(udp));
}

TEST(SynAck, EveryQuirkHasAName) {
  for (std::size_t i = 0; i < kQuirks; ++i) {
    const auto quirk = static_cast<Quirk>(i);
    EXPECT_EQ(find_quirk(to_string(quirk)), quirk);
  }
  EXPECT_EQ(find_quirk("df "), std::nullopt);
}

}  // namespace
}  // namespace trawl::osfp
