// The table of conversations against a map, and the segments that are read and written.
#include "dataplane/conversation/conversation_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/conversation/segment.h"
#include "dataplane/conversation/segment_writer.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

using Table = BasicConversationTable<Ipv4Address>;
using Queue = Table::Queue;

TEST(ConversationTable, AgreesWithAMapWhateverComesAndGoes) {
  constexpr std::size_t kMost = 200;
  auto made = Table::make(kMost);
  ASSERT_TRUE(made);
  Table& table = *made;
  std::unordered_map<std::uint32_t, std::uint32_t> known;  // Address to what was noted.
  std::mt19937 random{7};
  // Few hashes: long runs of slots, that wrap.
  const auto hash_of = [](std::uint32_t address) { return (address % 23) * 0x30000000U - 5; };
  for (std::uint32_t step = 0; step < 40'000; ++step) {
    const std::uint32_t address = static_cast<std::uint32_t>(random() % 400);
    const Target target{Ipv4Address{address}, 80};
    auto* const found = table.find(target, hash_of(address));
    ASSERT_EQ(found != nullptr, known.contains(address));
    if (found != nullptr) {
      ASSERT_EQ(found->own, known[address]);
      if (random() % 2 == 0) {
        table.erase(*found);
        known.erase(address);
      }
    } else if (known.size() < kMost) {
      auto* const added = table.insert(target, hash_of(address));
      ASSERT_NE(added, nullptr);
      added->own = step;
      known[address] = step;
      table.wait_in(*added, static_cast<Queue>(step % 3), step);
    } else {
      ASSERT_EQ(table.insert(target, hash_of(address)), nullptr);
    }
    ASSERT_EQ(table.size(), known.size());
    ASSERT_EQ(table.open(), known.size());
  }
}

TEST(ConversationTable, QueuesKeepTheirOrder) {
  auto made = Table::make(10);
  ASSERT_TRUE(made);
  Table& table = *made;
  std::vector<BasicConversation<Ipv4Address>*> all;
  for (std::uint32_t i = 0; i < 10; ++i) {
    all.push_back(table.insert(Target{Ipv4Address{i}, 1}, i));
    table.wait_in(*all.back(), Queue::Idle, i);
  }
  EXPECT_EQ(table.first_of(Queue::Patience), nullptr);
  table.wait_in(*all[0], Queue::Idle, 100);
  table.wait_in(*all[4], Queue::Grace, 100);
  table.erase(*all[2]);
  EXPECT_EQ(table.open(), 8U);
  for (const std::size_t next : {1U, 3U, 5U, 6U, 7U, 8U, 9U, 0U}) {
    ASSERT_EQ(table.first_of(Queue::Idle), all[next]);
    table.erase(*all[next]);
  }
  EXPECT_EQ(table.first_of(Queue::Idle), nullptr);
  EXPECT_EQ(table.first_of(Queue::Grace), all[4]);
}

TEST(ConversationTable, WhoIsDoneLongestMakesRoom) {
  auto made = Table::make(2);
  ASSERT_TRUE(made);
  Table& table = *made;
  auto* const done = table.insert(Target{Ipv4Address{1}, 1}, 1);
  auto* const open = table.insert(Target{Ipv4Address{2}, 1}, 1);
  table.wait_in(*open, Queue::Idle, 5);
  table.wait_in(*done, Queue::Grace, 9);
  EXPECT_NE(table.insert(Target{Ipv4Address{3}, 1}, 1), nullptr);
  EXPECT_EQ(table.find(Target{Ipv4Address{1}, 1}, 1), nullptr);
  EXPECT_EQ(table.find(Target{Ipv4Address{2}, 1}, 1), open);
  EXPECT_EQ(table.insert(Target{Ipv4Address{4}, 1}, 1), nullptr);
}

ConversationPlan plan() {
  ConversationPlan plan;
  for (const std::string_view text : {"odd", "even"}) {
    const auto bytes = std::as_bytes(std::span{text});
    plan.payloads.emplace_back(bytes.begin(), bytes.end());
  }
  plan.ttl = 77;
  return plan;
}

BasicOutgoing<Ipv4Address> outgoing() {
  BasicOutgoing<Ipv4Address> out;
  out.target = {kPeer, 443};
  out.source = kOurs;
  out.source_port = 61234;
  out.flags = 0x18;
  out.window = 23;
  out.sequence = 0x01020304;
  out.ack = 0xfffefdfc;
  return out;
}

TEST(SegmentWriter, FramesAreWellFormedWithAndWithoutTimestampsAndTag) {
  const auto shared = std::make_shared<const ConversationPlan>(plan());
  for (const bool stamps : {false, true}) {
    for (std::uint8_t payload = 0; payload < 3; ++payload) {
      for (const bool tagged : {false, true}) {
        const BasicSegmentWriter<Ipv4Address> writer{kOurMac, tagged ? VlanId{7} : VlanId{},
                                                     shared};
        auto out = outgoing();
        out.has_stamps = stamps;
        out.stamp = 0xa1b2c3d4;
        out.echo = 0x99887766;
        out.payload = payload;
        out.length = static_cast<std::uint16_t>(shared->payloads[payload].size());
        Frame frame(BasicSegmentWriter<Ipv4Address>::kLargestFrame, std::byte{0xee});
        frame.resize(writer.write(frame.data(), 0x0102030405060708, out));
        if (tagged) {
          EXPECT_EQ(get32(frame, 12), 0x81000007U);
          frame.erase(frame.begin() + 12, frame.begin() + 16);
        }
        EXPECT_EQ(frame.size(), 54U + (stamps ? 12U : 0U) + out.length);
        EXPECT_EQ(get16(frame, 12), 0x0800U);
        EXPECT_EQ(get16(frame, 20), 0U) << "routers may cut it up";
        EXPECT_EQ(get8(frame, 22), 77U);
        EXPECT_TRUE(ip_checksum_is_right(frame));
        EXPECT_TRUE(tcp_checksum_is_right(frame));
        BasicSegment<Ipv4Address> read;
        ASSERT_TRUE(read_segment(frame, {}, read));
        EXPECT_EQ(read.source, kPeer);
        EXPECT_EQ(read.target, (Target{kOurs, 61234}));
        EXPECT_EQ(read.source_port, 443);
        EXPECT_EQ(read.sequence, out.sequence);
        EXPECT_EQ(read.ack, out.ack);
        EXPECT_EQ(read.window, 23);
        EXPECT_EQ(read.flags, 0x18);
        EXPECT_EQ(read.has_stamps, stamps);
        EXPECT_EQ(read.stamp, stamps ? out.stamp : 0U);
        EXPECT_EQ(read.echo, stamps ? out.echo : 0U);
        EXPECT_TRUE(std::ranges::equal(read.data, shared->payloads[payload]));
      }
    }
  }
}

TEST(SegmentWriter, APieceOfAPayloadHasItsOwnChecksum) {
  const auto shared = std::make_shared<const ConversationPlan>(plan());
  const BasicSegmentWriter<Ipv4Address> writer{kOurMac, {}, shared};
  auto out = outgoing();
  out.payload = 2;
  out.offset = 1;
  out.length = 2;
  Frame frame(BasicSegmentWriter<Ipv4Address>::kLargestFrame);
  frame.resize(writer.write(frame.data(), 0, out));
  EXPECT_TRUE(tcp_checksum_is_right(frame));
  EXPECT_EQ(frame[54], std::byte{'v'});
  EXPECT_EQ(frame[55], std::byte{'e'});
}

TEST(Segment, WhatIsCutOffIsNoSegment) {
  const Frame frame = tcp_frame({.options = timestamps(0x01020304)});
  BasicSegment<Ipv4Address> segment;
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(read_segment(std::span{frame}.first(size), {}, segment)) << size;
  }
  ASSERT_TRUE(read_segment(frame, {}, segment));
  EXPECT_TRUE(segment.has_stamps);
  EXPECT_EQ(segment.stamp, 0x11223344U);
  EXPECT_EQ(segment.echo, 0x01020304U);
  EXPECT_FALSE(segment.scales);
  ASSERT_TRUE(read_segment(tcp_frame({.options = {2, 4, 5, 0xb4, 1, 3, 3, 7}}), {}, segment));
  EXPECT_TRUE(segment.scales);
  EXPECT_FALSE(read_segment(with_tag(frame, 7), {}, segment));
  EXPECT_TRUE(read_segment(with_tag(frame, 7), VlanId{7}, segment));
  EXPECT_FALSE(read_segment(tcp_frame({}, {.fragment = 0x2000}), {}, segment));
  EXPECT_FALSE(read_segment(tcp_frame({}, {.protocol = 17}), {}, segment));
}

}  // namespace
}  // namespace trawl::dataplane
