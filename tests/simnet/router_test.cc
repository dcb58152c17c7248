#include "bench/simnet/router.h"

#include <gtest/gtest.h>

#include "bench/simnet/arp.h"
#include "bench/simnet/frame.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kUplinkMac = 0x020000000003;
constexpr std::uint64_t kServerMac = 0x020000000004;
const Ipv4Address kUplinkAddress = *Ipv4Address::parse("198.18.255.14");
const Ipv4Address kServer = *Ipv4Address::parse("198.18.255.1");

class RouterTest : public testing::Test {
 protected:
  // The server's answer to the ARP request that the router has ready.
  void answer_request(std::chrono::nanoseconds now) {
    TestFrame request;
    request.length = router.next_output(request.buffer(), now);
    ASSERT_EQ(request.length, wire::kEthernetSize + wire::kArpSize);
    const auto arp = parse_arp(request.frame());
    ASSERT_TRUE(arp);
    EXPECT_EQ(arp->operation, 1);
    EXPECT_EQ(arp->sender_mac, kUplinkMac);
    EXPECT_EQ(arp->sender, kUplinkAddress);
    EXPECT_EQ(arp->target, kServer);
    TestFrame reply;
    reply.length = write_arp_reply(reply.buffer(), *arp, kServerMac);
    EXPECT_EQ(router.from_uplink(reply.buffer(), reply.length), Route::Done);
  }

  Counters counters;
  Router router{
      {MacAddress::from_integer(kRouterMac), MacAddress::from_integer(kUplinkMac), kUplinkAddress},
      counters};
};

TEST_F(RouterTest, FirstFrameWaitsForArpAndTheNextGoesStraightThrough) {
  TestFrame first = tcp_frame({.to = kServer}, {.to_port = 1});
  EXPECT_EQ(router.from_scanner(first.frame(), 1s), Route::Done);
  answer_request(1s);
  TestFrame held;
  held.length = router.next_output(held.buffer(), 1s);
  ASSERT_EQ(held.length, first.length);
  EXPECT_EQ(wire::read_mac(held.bytes.data()), kServerMac);
  EXPECT_EQ(wire::read_mac(held.bytes.data() + 6), kUplinkMac);
  EXPECT_EQ(wire::read8(held.ip() + 8), 63);
  EXPECT_TRUE(is_sound_reply(held));
  EXPECT_EQ(router.next_output(held.buffer(), 1s), 0U);

  TestFrame second = tcp_frame({.to = kServer}, {.to_port = 2});
  EXPECT_EQ(router.from_scanner(second.frame(), 1s), Route::ToUplink);
  EXPECT_EQ(wire::read_mac(second.bytes.data()), kServerMac);
  EXPECT_TRUE(is_sound_reply(second));
}

TEST_F(RouterTest, ResolvesAheadOfTheFirstFrame) {
  router.resolve(kServer);
  answer_request(0s);
  TestFrame frame = tcp_frame({.to = kServer}, {});
  EXPECT_EQ(router.from_scanner(frame.frame(), 1s), Route::ToUplink);
}

TEST_F(RouterTest, RepliesGoBackToTheMacTheProbeCameFrom) {
  TestFrame probe = tcp_frame({.to = kServer}, {});
  (void)router.from_scanner(probe.frame(), 1s);
  TestFrame reply = tcp_frame(
      {.from = kServer, .to = kScanner, .eth_to = kUplinkMac, .eth_from = kServerMac}, {});
  ASSERT_EQ(router.from_uplink(reply.buffer(), reply.length), Route::ToScanner);
  EXPECT_EQ(wire::read_mac(reply.bytes.data()), kScannerMac);
  EXPECT_EQ(wire::read_mac(reply.bytes.data() + 6), kRouterMac);
  EXPECT_EQ(wire::read8(reply.ip() + 8), 63);
  EXPECT_TRUE(is_sound_reply(reply));
}

TEST_F(RouterTest, FramesForStrangersAndOtherMacsAreDropped) {
  TestFrame stranger = tcp_frame({.from = kServer, .to = kScanner, .eth_to = kUplinkMac}, {});
  EXPECT_EQ(router.from_uplink(stranger.buffer(), stranger.length), Route::Done);
  EXPECT_EQ(counters.get(Counter::UplinkNoNeighbour), 1U);
  TestFrame other = tcp_frame({.from = kServer, .to = kScanner, .eth_to = 0x02aa}, {});
  EXPECT_EQ(router.from_uplink(other.buffer(), other.length), Route::Done);
  EXPECT_EQ(counters.get(Counter::UplinkIgnored), 1U);
}

TEST_F(RouterTest, AnswersArpForItsOwnAddressOnly) {
  TestFrame ours = arp_request(kUplinkAddress);
  ASSERT_EQ(router.from_uplink(ours.buffer(), ours.length), Route::ToUplink);
  EXPECT_EQ(wire::read_mac(ours.ip() + 8), kUplinkMac);
  EXPECT_EQ(wire::read16(ours.ip() + 6), 2);
  TestFrame other = arp_request(kServer);
  EXPECT_EQ(router.from_uplink(other.buffer(), other.length), Route::Done);
}

TEST_F(RouterTest, AHostThatNeverAnswersCostsThreeRequestsAndItsFrames) {
  TestFrame probe = tcp_frame({.to = kServer}, {});
  EXPECT_EQ(router.from_scanner(probe.frame(), 0s), Route::Done);
  TestFrame out;
  int requests = 0;
  for (auto now = 0s; now < 10s; ++now) {
    while (router.next_output(out.buffer(), now) != 0) ++requests;
  }
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(counters.get(Counter::UplinkUnresolved), 1U);
  TestFrame soon = tcp_frame({.to = kServer}, {});
  EXPECT_EQ(router.from_scanner(soon.frame(), 5s), Route::Done);
  EXPECT_EQ(counters.get(Counter::UplinkUnresolved), 2U);
  EXPECT_EQ(router.next_output(out.buffer(), 5s), 0U);
}

TEST_F(RouterTest, AnExpiredTtlIsNotForwarded) {
  TestFrame frame = tcp_frame({.to = kServer, .ttl = 1}, {});
  EXPECT_EQ(router.from_scanner(frame.frame(), 0s), Route::Done);
  EXPECT_EQ(counters.get(Counter::UplinkTtlExpired), 1U);
}

}  // namespace
}  // namespace trawl::simnet
