#include "bench/simnet/reply_flood.h"

#include <gtest/gtest.h>

#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

std::uint16_t next_port(ReplyFlood& flood) {
  TestFrame frame;
  frame.length = flood.write(frame.buffer());
  return wire::read16(frame.l4() + wire::kTcpDestinationPort);
}

TEST(ReplyFlood, KeepsTheFirstAndRepeatsThemInTheirOrder) {
  ReplyFlood flood = ReplyFlood::make(2).value();
  EXPECT_TRUE(flood.empty());
  for (std::uint16_t port = 1; port <= 3; ++port) {
    flood.keep(tcp_frame({.to = kScanner}, {.to_port = port}).frame());
  }
  EXPECT_FALSE(flood.empty());
  EXPECT_EQ(next_port(flood), 1);
  EXPECT_EQ(next_port(flood), 2);
  EXPECT_EQ(next_port(flood), 1);
}

TEST(ReplyFlood, WritesTheFrameAsItWas) {
  ReplyFlood flood = ReplyFlood::make(1).value();
  TestFrame kept = tcp_frame({.to = kScanner}, {.to_port = 80});
  flood.keep(kept.frame());
  TestFrame out;
  out.length = flood.write(out.buffer());
  ASSERT_EQ(out.length, kept.length);
  EXPECT_TRUE(std::ranges::equal(out.frame(), kept.frame()));
}

TEST(ReplyFlood, ArpAndWhatIsTooLargeAreNotKept) {
  ReplyFlood flood = ReplyFlood::make(4).value();
  TestFrame frame = tcp_frame({.to = kScanner}, {});
  wire::write16(frame.bytes.data() + wire::kEthernetType, wire::kTypeArp);
  flood.keep(frame.frame());
  frame = tcp_frame({.to = kScanner}, {});
  frame.length = ReplyFlood::kLargestFrame + 1;
  flood.keep(frame.frame());
  EXPECT_TRUE(flood.empty());
}

}  // namespace
}  // namespace trawl::simnet
