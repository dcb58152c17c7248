#include "dataplane/raw_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "dataplane/internal/timed_line.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmp = 1;
constexpr PortRange kPorts{61064, 61319};
constexpr const char* kUs = "198.18.0.1";
constexpr const char* kPeer = "198.18.7.9";
constexpr const char* kRouter = "198.18.3.1";

IpAddress address(const char* text) { return *IpAddress::parse(text); }

struct Seen {
  Bytes bytes;
  FrameNote note;
};

// Keeps what it is offered, up to a number.
class Keeper final : public FrameSink {
 public:
  bool offer(std::span<const std::byte> packet, const FrameNote& note) noexcept override {
    if (seen.size() == most) return false;
    seen.push_back({{packet.begin(), packet.end()}, note});
    return true;
  }
  std::size_t most = 100;
  std::vector<Seen> seen;
};

Bytes transport(std::uint16_t first, std::uint16_t second, std::size_t size = 20) {
  Bytes bytes(size);
  wire::write16(bytes.data(), first);
  wire::write16(bytes.data() + 2, second);
  return bytes;
}

Bytes icmp(std::uint8_t type, std::uint16_t id, const Bytes& rest = {}) {
  Bytes bytes(8);
  wire::write8(bytes.data(), type);
  wire::write16(bytes.data() + 4, id);
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

Bytes packet(const char* from, const char* to, std::uint8_t protocol, const Bytes& payload) {
  Bytes bytes(wire::kIpSize);
  wire::write8(bytes.data(), 0x45);
  wire::write16(bytes.data() + wire::kIpLength,
                static_cast<std::uint16_t>(wire::kIpSize + payload.size()));
  wire::write8(bytes.data() + wire::kIpProtocol, protocol);
  wire::write32(bytes.data() + wire::kIpSource, address(from).v4().value());
  wire::write32(bytes.data() + wire::kIpDestination, address(to).v4().value());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

Bytes frame_of(const Bytes& packet, std::uint16_t vlan = 0) {
  Bytes frame(wire::kEthernetSize + (vlan == 0 ? 0U : wire::kVlanTagSize));
  std::byte* type = frame.data() + wire::kEthernetType;
  if (vlan != 0) {
    wire::write16(type, wire::kTypeVlan);
    wire::write16(frame.data() + wire::kVlanTag, vlan);
    type += wire::kVlanTagSize;
  }
  wire::write16(type, wire::kTypeIpv4);
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

class RawExchangeTest : public testing::Test {
 protected:
  RawExchangeTest() {
    exchange_.bind(address(kUs), {});
    EXPECT_TRUE(exchange_.watch(address(kPeer)));
  }
  [[nodiscard]] bool wants(const Bytes& packet) const { return exchange_.wants(frame_of(packet)); }
  RawExchange::Sending send(const Bytes& packet) { return exchange_.send(packet, 5, 7); }

  std::shared_ptr<Keeper> received_ = std::make_shared<Keeper>();
  std::shared_ptr<Keeper> departed_ = std::make_shared<Keeper>();
  RawExchange exchange_{{.ports = kPorts, .received = received_, .departed = departed_}};
};

TEST_F(RawExchangeTest, WantsWhatPeersThatAreWatchedSendToItsPortsAlone) {
  EXPECT_TRUE(wants(packet(kPeer, kUs, kTcp, transport(80, kPorts.first))));
  EXPECT_TRUE(wants(packet(kPeer, kUs, kTcp, transport(80, kPorts.last))));
  EXPECT_TRUE(wants(packet(kPeer, kUs, kUdp, transport(80, kPorts.last, 8))));
  EXPECT_FALSE(wants(packet(kPeer, kUs, kTcp, transport(80, kPorts.first - 1))));
  EXPECT_FALSE(wants(packet(kPeer, kUs, kTcp, transport(80, kPorts.last + 1))));
  EXPECT_FALSE(wants(packet(kRouter, kUs, kTcp, transport(80, kPorts.first))));
  EXPECT_FALSE(wants(packet(kPeer, kRouter, kTcp, transport(80, kPorts.first))));
  exchange_.unwatch(address(kPeer));
  EXPECT_FALSE(wants(packet(kPeer, kUs, kTcp, transport(80, kPorts.first))));
}

TEST_F(RawExchangeTest, WantsEchoRepliesOfItsIdentifiers) {
  EXPECT_TRUE(wants(packet(kPeer, kUs, kIcmp, icmp(0, kPorts.first))));
  EXPECT_FALSE(wants(packet(kPeer, kUs, kIcmp, icmp(0, kPorts.last + 1))));
  EXPECT_FALSE(wants(packet(kPeer, kUs, kIcmp, icmp(8, kPorts.first))));
  EXPECT_FALSE(wants(packet(kRouter, kUs, kIcmp, icmp(0, kPorts.first))));
}

TEST_F(RawExchangeTest, WantsErrorsOfAnybodyThatQuoteAPacketOfItToAWatchedPeer) {
  const auto error = [](const Bytes& quoted) {
    return packet(kRouter, kUs, kIcmp, icmp(3, 0, quoted));
  };
  EXPECT_TRUE(wants(error(packet(kUs, kPeer, kUdp, transport(kPorts.first, 9, 8)))));
  EXPECT_TRUE(wants(error(packet(kUs, kPeer, kTcp, transport(kPorts.last, 9, 8)))));
  EXPECT_TRUE(wants(error(packet(kUs, kPeer, kIcmp, icmp(8, kPorts.last)))));
  EXPECT_FALSE(wants(error(packet(kUs, kPeer, kUdp, transport(53, 9, 8)))));
  EXPECT_FALSE(wants(error(packet(kUs, kRouter, kUdp, transport(kPorts.first, 9, 8)))));
  EXPECT_FALSE(wants(error(packet(kPeer, kUs, kUdp, transport(kPorts.first, 9, 8)))));
}

TEST_F(RawExchangeTest, EveryStartOfAFrameIsReadWithinItsBounds) {
  const Bytes quoted = packet(kUs, kPeer, kUdp, transport(kPorts.first, 9, 8));
  const Bytes whole = frame_of(packet(kRouter, kUs, kIcmp, icmp(3, 0, quoted)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes part{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
    EXPECT_FALSE(exchange_.wants(part)) << size;
  }
  EXPECT_TRUE(exchange_.wants(whole));
}

TEST_F(RawExchangeTest, AFrameIsOfTheVlanOrNotWanted) {
  RawExchange tagged{{.ports = kPorts, .received = received_, .departed = departed_}};
  tagged.bind(address(kUs), VlanId{7});
  ASSERT_TRUE(tagged.watch(address(kPeer)));
  const Bytes answer = packet(kPeer, kUs, kTcp, transport(80, kPorts.first));
  EXPECT_TRUE(tagged.wants(frame_of(answer, 7)));
  EXPECT_FALSE(tagged.wants(frame_of(answer, 8)));
  EXPECT_FALSE(tagged.wants(frame_of(answer)));
  EXPECT_FALSE(exchange_.wants(frame_of(answer, 7)));
}

TEST_F(RawExchangeTest, PacketsArePassedWithTheirTimeAndWithoutPadding) {
  const Bytes answer = packet(kPeer, kUs, kTcp, transport(80, kPorts.first));
  Bytes frame = frame_of(answer);
  frame.resize(frame.size() + 6);
  ASSERT_TRUE(exchange_.pass(frame, 99));
  ASSERT_EQ(received_->seen.size(), 1U);
  EXPECT_EQ(received_->seen[0].bytes, answer);
  EXPECT_EQ(received_->seen[0].note.at, 99U);
  received_->most = 1;
  EXPECT_FALSE(exchange_.pass(frame, 100));
}

TEST_F(RawExchangeTest, OnlyWholePacketsOfItsOwnAreSent) {
  using enum RawExchange::Sending;
  const Bytes good = packet(kUs, kPeer, kTcp, transport(kPorts.first, 80));
  EXPECT_EQ(send(good), Queued);
  EXPECT_EQ(send(packet(kUs, kPeer, kIcmp, icmp(8, kPorts.first))), Queued);
  EXPECT_EQ(send(packet(kUs, kPeer, kTcp, transport(61000, 80))), Refused);
  EXPECT_EQ(send(packet(kPeer, kUs, kTcp, transport(kPorts.first, 80))), Refused);
  EXPECT_EQ(send(packet(kUs, kPeer, kIcmp, icmp(5, kPorts.first))), Refused);
  Bytes cut = good;
  cut.pop_back();
  EXPECT_EQ(send(cut), Refused);
  // A source route would lead it elsewhere than the guard is asked about.
  Bytes options = good;
  options.insert(options.begin() + wire::kIpSize, 4, std::byte{1});
  wire::write8(options.data(), 0x46);
  wire::write16(options.data() + wire::kIpLength, static_cast<std::uint16_t>(options.size()));
  EXPECT_EQ(send(options), Refused);
  EXPECT_EQ(send(packet(kUs, kPeer, kTcp, Bytes(RawPacket::kMostBytes))), Refused);
}

TEST_F(RawExchangeTest, WhatIsSentWaitsWithItsTimeAndTagUntilThereIsNoMoreRoom) {
  const Bytes good = packet(kUs, kPeer, kTcp, transport(kPorts.first, 80));
  for (std::size_t i = 0; i < RawExchange::kWaiting; ++i) {
    ASSERT_EQ(exchange_.send(good, 1000 + i, i), RawExchange::Sending::Queued);
  }
  EXPECT_EQ(send(good), RawExchange::Sending::Full);
  std::vector<RawPacket> taken(2);
  EXPECT_EQ(exchange_.outgoing().take(taken), 2U);
  EXPECT_EQ(taken[1].not_before, 1001U);
  EXPECT_EQ(taken[1].tag, 1U);
  ASSERT_EQ(taken[1].size, good.size());
  EXPECT_TRUE(std::equal(good.begin(), good.end(), taken[1].bytes.begin()));
  EXPECT_EQ(send(good), RawExchange::Sending::Queued);
}

TEST_F(RawExchangeTest, DeparturesAreToldOfPacketsWithATag) {
  EXPECT_TRUE(exchange_.departed(0, 1));
  EXPECT_TRUE(exchange_.departed(8, 77));
  ASSERT_EQ(departed_->seen.size(), 1U);
  EXPECT_EQ(departed_->seen[0].note.tag, 8U);
  EXPECT_EQ(departed_->seen[0].note.at, 77U);
}

TEST(PeerSet, HoldsWhatWasAddedAndNotRemoved) {
  PeerSet peers;
  for (std::uint32_t i = 0; i < 1024; ++i) ASSERT_TRUE(peers.add(Ipv4Address{0xc6120000 + i}));
  for (std::uint32_t i = 0; i < 1024; i += 2) peers.remove(Ipv4Address{0xc6120000 + i});
  for (std::uint32_t i = 0; i < 2048; ++i) {
    EXPECT_EQ(peers.has(Ipv4Address{0xc6120000 + i}), i < 1024 && i % 2 == 1) << i;
  }
  EXPECT_TRUE(peers.add(*IpAddress::parse("2001:db8::1")));
  EXPECT_TRUE(peers.has(*IpAddress::parse("2001:db8::1")));
}

TEST(PeerSet, RefusesWhatItHasNoRoomFor) {
  PeerSet peers;
  std::uint32_t added = 0;
  while (added < 100'000 && peers.add(Ipv4Address{added})) ++added;
  EXPECT_GT(added, PeerSet::kMost / 4);
  EXPECT_LT(added, PeerSet::kMost * 2 + 1);
  EXPECT_TRUE(peers.has(Ipv4Address{0}));
  EXPECT_FALSE(peers.has(Ipv4Address{added}));
}

// What three threads share: under ThreadSanitizer.
TEST(RawExchange, SenderReceiverAndUserWorkAtOnce) {
  constexpr std::uint64_t kPackets = 20'000;
  const auto received = std::make_shared<Keeper>();
  received->most = 0;
  RawExchange exchange{{.ports = kPorts, .received = received, .departed = received}};
  exchange.bind(address(kUs), {});
  std::atomic<bool> is_over{false};
  std::uint64_t wrong = 0;
  std::thread sender{[&] {
    RawPacket one;
    for (std::uint64_t next = 0; next < kPackets;) {
      if (exchange.outgoing().is_empty() || exchange.outgoing().take({&one, 1}) == 0) {
        std::this_thread::yield();
        continue;
      }
      if (one.tag != next || one.not_before != 2 * next || one.size != 40) ++wrong;
      ++next;
    }
  }};
  std::uint64_t wanted = 0;
  std::thread receiver{[&] {
    const Bytes frame = frame_of(packet(kPeer, kUs, kTcp, transport(80, kPorts.first)));
    while (!is_over.load()) {
      if (exchange.wants(frame)) ++wanted;
      std::this_thread::yield();
    }
  }};
  const Bytes good = packet(kUs, kPeer, kTcp, transport(kPorts.first, 80));
  for (std::uint64_t i = 0; i < kPackets;) {
    if (i % 64 == 0) (void)exchange.watch(address(kPeer));
    if (exchange.send(good, 2 * i, i) == RawExchange::Sending::Queued) {
      if (i % 64 == 32) exchange.unwatch(address(kPeer));
      ++i;
    } else {
      std::this_thread::yield();
    }
  }
  sender.join();
  is_over.store(true);
  receiver.join();
  EXPECT_EQ(wrong, 0U);
}

TEST(TimedLine, GivesTheEarliestFirstAndOfOneTimeTheFirst) {
  internal::TimedLine<int> line{8};
  line.push(1, 50, 0);
  line.push(2, 10, 0);
  line.push(3, 50, 0);
  line.push(4, 20, 0);
  line.push(5, 50, 0);
  EXPECT_FALSE(line.is_due(9));
  EXPECT_TRUE(line.is_due(10));
  std::vector<int> order;
  while (line.is_due(50)) order.push_back(line.pop().item);
  EXPECT_EQ(order, (std::vector<int>{2, 4, 1, 3, 5}));
}

TEST(TimedLine, WhatIsPutBackKeepsItsPlaceAmongItsTime) {
  internal::TimedLine<int> line{2};
  line.push(1, 10, 70);
  line.push(2, 30, 0);
  EXPECT_FALSE(line.has_room());
  line.put_back(line.pop(), 30);
  EXPECT_FALSE(line.is_due(29));
  const auto first = line.pop();
  EXPECT_EQ(first.item, 1);
  EXPECT_EQ(first.tag, 70U);
  EXPECT_TRUE(line.has_room());
  EXPECT_EQ(line.pop().item, 2);
}

}  // namespace
}  // namespace trawl::dataplane
