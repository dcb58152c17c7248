#include "dataplane/internal/arp_frame.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

#include "tests/dataplane/frames.h"

namespace trawl::dataplane::internal {
namespace {

class ArpFrame : public testing::Test {
 protected:
  ArpOutcome handle(Frame& frame) { return handle_arp(frame, kOurMac, kOurs, neighbours_); }
  [[nodiscard]] bool knows(Ipv4Address address) {
    return (neighbours_.next_hop(address)->load() & Neighbours::kResolved) != 0;
  }

  Neighbours neighbours_ = std::move(*Neighbours::make(
      {.on_link = {*Ipv4Prefix::parse("198.18.0.0/15")}, .gateway = {}, .gateway_mac = {}}));
};

TEST_F(ArpFrame, RequestIsABroadcastThatAsksForOneAddress) {
  Frame frame(80, std::byte{0x5a});
  write_arp_request(frame, kOurMac, kOurs, kPeer);
  Frame expected = arp_frame(
      {.operation = 1, .sender = kOurMac, .sender_ip = kOurs, .target = {}, .target_ip = kPeer});
  ASSERT_EQ(expected.size(), kArpFrameSize);
  expected.resize(frame.size(), std::byte{0x5a});
  EXPECT_EQ(frame, expected);
}

TEST_F(ArpFrame, AnswersARequestForOurAddress) {
  Frame frame = arp_frame({});
  ASSERT_EQ(handle(frame), ArpOutcome::AnswerWritten);
  Frame expected = arp_frame({.operation = 2,
                              .sender = kOurMac,
                              .sender_ip = kOurs,
                              .target = kPeerMac,
                              .target_ip = kPeer});
  for (std::size_t i = 0; i < 6; ++i) expected[i] = std::byte{kPeerMac.bytes()[i]};
  EXPECT_EQ(frame, expected);
  EXPECT_FALSE(knows(kPeer)) << "a request proves nothing";
}

TEST_F(ArpFrame, AnswersAProbeFromNobody) {
  // RFC 5227 section 2.1.1: an address probe comes from 0.0.0.0.
  Frame frame = arp_frame({.sender_ip = Ipv4Address{0}});
  EXPECT_EQ(handle(frame), ArpOutcome::AnswerWritten);
  EXPECT_EQ(get32(frame, 38), 0U);
}

TEST_F(ArpFrame, DoesNotAnswerForOtherAddresses) {
  for (const std::uint32_t wanted : {kOurs.value() + 1, kOurs.value() - 1, kPeer.value(), 0U}) {
    Frame frame = arp_frame({.target_ip = Ipv4Address{wanted}});
    const Frame before = frame;
    EXPECT_EQ(handle(frame), ArpOutcome::Nothing);
    EXPECT_EQ(frame, before);
  }
}

TEST_F(ArpFrame, AnswersForEachOfSeveralSources) {
  const Ipv4Address second{kOurs.value() + 1};
  const Ipv4Address third{kOurs.value() + 7};
  const SourceAddresses sources{std::vector{kOurs, second, third}};
  for (const Ipv4Address wanted : {kOurs, second, third}) {
    Frame frame = arp_frame({.target_ip = wanted});
    ASSERT_EQ(handle_arp(frame, kOurMac, sources, neighbours_), ArpOutcome::AnswerWritten);
    EXPECT_EQ(get32(frame, 28), wanted.value()) << "in whose name";
    EXPECT_EQ(get_mac(frame, 22), kOurMac);
  }
  Frame other = arp_frame({.target_ip = Ipv4Address{kOurs.value() + 2}});
  EXPECT_EQ(handle_arp(other, kOurMac, sources, neighbours_), ArpOutcome::Nothing);
  Frame own = arp_frame({.operation = 2, .sender_ip = third});
  EXPECT_EQ(handle_arp(own, kOurMac, sources, neighbours_), ArpOutcome::Nothing);
}

TEST_F(ArpFrame, AsksAndAnswersInTheVlan) {
  Frame request(80, std::byte{0x5a});
  write_arp_request(request, kOurMac, kOurs, kPeer, VlanId{7});
  Frame expected = with_tag(
      arp_frame({.operation = 1, .sender = kOurMac, .sender_ip = kOurs, .target_ip = kPeer}), 7);
  expected.resize(kArpFrameSize);
  expected.resize(request.size(), std::byte{0x5a});
  EXPECT_EQ(request, expected);
  Frame asked = with_tag(arp_frame({}), 0x6007);
  ASSERT_EQ(handle_arp(asked, kOurMac, kOurs, neighbours_, VlanId{7}), ArpOutcome::AnswerWritten);
  Frame plain = arp_frame({});
  ASSERT_EQ(handle(plain), ArpOutcome::AnswerWritten);
  EXPECT_EQ(asked, with_tag(plain, 0x6007));
  Frame cut = with_tag(arp_frame({}), 7);
  cut.resize(45);
  EXPECT_EQ(handle_arp(cut, kOurMac, kOurs, neighbours_, VlanId{7}), ArpOutcome::Nothing);
}

TEST_F(ArpFrame, LearnsFromAReply) {
  Frame frame = arp_frame({.operation = 2, .target = kOurMac});
  const Frame before = frame;
  EXPECT_EQ(handle(frame), ArpOutcome::Learnt);
  EXPECT_EQ(neighbours_.next_hop(kPeer)->load(), Neighbours::kResolved | kPeerMac.to_integer());
  EXPECT_EQ(frame, before);
}

TEST_F(ArpFrame, ShortestFrameHasNoPadding) {
  Frame frame = arp_frame({.operation = 2});
  frame.resize(42);
  EXPECT_EQ(handle(frame), ArpOutcome::Learnt);
  for (std::size_t size = 0; size < 42; ++size) {
    Frame cut = arp_frame({});
    cut.resize(size);
    cut.shrink_to_fit();
    EXPECT_EQ(handle(cut), ArpOutcome::Nothing) << size;
  }
}

TEST_F(ArpFrame, SendersThatCannotBeAreIgnored) {
  constexpr MacAddress kMulticast{MacAddress::Bytes{0x01, 0, 0x5e, 0, 0, 1}};
  for (const unsigned operation : {1U, 2U}) {
    for (const ArpFields& arp :
         {ArpFields{.operation = operation, .sender = MacAddress::broadcast()},
          ArpFields{.operation = operation, .sender = kMulticast},
          ArpFields{.operation = operation, .sender = kOurMac},
          ArpFields{.operation = operation, .sender_ip = kOurs}}) {
      Frame frame = arp_frame(arp);
      const Frame before = frame;
      EXPECT_EQ(handle(frame), ArpOutcome::Nothing) << operation;
      EXPECT_EQ(frame, before);
    }
  }
  EXPECT_FALSE(knows(kPeer));
  EXPECT_FALSE(knows(kOurs));
}

TEST_F(ArpFrame, OtherFormatsAndOperationsAreIgnored) {
  struct Change {
    std::size_t at;
    unsigned value;
  };
  for (const auto [at, value] :
       {Change{14, 6}, Change{16, 0x86dd}, Change{18, 0x0804}, Change{18, 0x0704},
        Change{18, 0x0610}, Change{20, 0}, Change{20, 3}, Change{20, 0x0100}, Change{20, 0xffff}}) {
    Frame frame = arp_frame({.operation = 2});
    set16(frame, at, value);
    EXPECT_EQ(handle(frame), ArpOutcome::Nothing) << at << " " << value;
  }
  EXPECT_FALSE(knows(kPeer));
}

TEST_F(ArpFrame, SurvivesRandomBytes) {
  std::mt19937 random{8};
  for (int i = 0; i < 100'000; ++i) {
    Frame frame = arp_frame({.operation = 1 + static_cast<unsigned>(random() % 2)});
    for (int change = 0; change < 4; ++change) {
      frame[random() % frame.size()] = static_cast<std::byte>(random());
    }
    const std::size_t size = frame.size();
    (void)handle(frame);
    ASSERT_EQ(frame.size(), size);
  }
}

}  // namespace
}  // namespace trawl::dataplane::internal
