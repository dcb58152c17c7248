#include "dataplane/internal/neighbour_frame.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "tests/dataplane/frames6.h"

namespace trawl::dataplane::internal {
namespace {

constexpr Ipv6Address kRouter{(Uint128{0xfe80} << 112U) | 0xabcdefU};  // fe80::ab:cdef

// Asks for the router and for kPeer6, which is on the link.
Neighbours6 neighbours() {
  Ipv6Set targets;
  targets.add(Ipv6Prefix{kPeer6, 128});
  return std::move(
      *Neighbours6::make({.on_link = {targets}, .gateway = kRouter, .gateway_mac = {}}));
}

struct Handled {
  NeighbourOutcome outcome;
  std::array<std::byte, kMostNeighbourFrame> answer{};
};

Handled handle(const Frame& frame, Neighbours6& known, VlanId vlan = {}) {
  Handled handled{};
  handled.outcome =
      handle_neighbour(frame, kOurMac, SourceAddresses6{kOurs6}, known, handled.answer, vlan);
  return handled;
}

NeighbourOutcome outcome_of(const NeighbourFields& fields) {
  Neighbours6 known = neighbours();
  return handle(neighbour_frame(fields), known).outcome;
}

Ipv6Address get128(std::span<const std::byte> frame, std::size_t at) {
  Uint128 value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 32U | get32(frame, at + 4 * i);
  return Ipv6Address{value};
}

TEST(NeighbourFrame, RequestGoesToTheGroupOfTheWantedAddress) {
  std::array<std::byte, kNeighbourFrameSize> frame;
  write_neighbour_request(frame, kOurMac, kOurs6, kPeer6);
  EXPECT_EQ(get_mac(frame, 0), MacAddress::from_integer(0x3333ff345678));
  EXPECT_EQ(get_mac(frame, 6), kOurMac);
  EXPECT_EQ(get16(frame, 12), 0x86ddU);
  EXPECT_EQ(get16(frame, 18), 32U) << "payload length";
  EXPECT_EQ(get16(frame, 20), 58U << 8U | 255U) << "next header, hop limit";
  EXPECT_EQ(get128(frame, 22), kOurs6);
  EXPECT_EQ(get128(frame, 38), solicited_group(kPeer6));
  EXPECT_EQ(get8(frame, 54), 135U);
  EXPECT_EQ(get128(frame, 62), kPeer6);
  EXPECT_EQ(get16(frame, 78), 0x0101U);
  EXPECT_EQ(get_mac(frame, 80), kOurMac);
  EXPECT_EQ(sum6_of(std::span{frame}.subspan(14)), 0xffffU);
}

TEST(NeighbourFrame, RequestCarriesTheTagOfTheVlan) {
  std::array<std::byte, kMostNeighbourFrame> frame;
  write_neighbour_request(frame, kOurMac, kOurs6, kPeer6, VlanId{7});
  EXPECT_EQ(get32(frame, 12), 0x81000007U);
  EXPECT_EQ(get16(frame, 16), 0x86ddU);
  EXPECT_EQ(sum6_of(std::span{frame}.subspan(18)), 0xffffU);
}

TEST(NeighbourFrame, AdvertisementsOfWhoIsWantedAreLearnt) {
  Neighbours6 known = neighbours();
  const Frame peer = neighbour_frame({.type = 136, .about = kPeer6, .to = kOurs6});
  EXPECT_EQ(handle(peer, known).outcome, NeighbourOutcome::Learnt);
  EXPECT_EQ(known.next_hop(kPeer6)->load(), Neighbours6::kResolved | kPeerMac.to_integer());
  EXPECT_FALSE(known.gateway_known());
  const Frame router =
      neighbour_frame({.type = 136, .about = kRouter, .from = kRouter, .to = kOurs6});
  EXPECT_EQ(handle(router, known).outcome, NeighbourOutcome::Learnt);
  EXPECT_TRUE(known.gateway_known());
}

TEST(NeighbourFrame, OurAddressIsAdvertisedToWhoAsks) {
  Neighbours6 known = neighbours();
  for (const bool option : {true, false}) {
    const auto [outcome, answer] = handle(neighbour_frame({.option = option}), known);
    ASSERT_EQ(outcome, NeighbourOutcome::AnswerWritten);
    EXPECT_EQ(get_mac(answer, 0), kPeerMac);
    EXPECT_EQ(get_mac(answer, 6), kOurMac);
    EXPECT_EQ(get8(answer, 21), 255U);
    EXPECT_EQ(get128(answer, 22), kOurs6);
    EXPECT_EQ(get128(answer, 38), kPeer6);
    EXPECT_EQ(get8(answer, 54), 136U);
    EXPECT_EQ(get32(answer, 58), 0x60000000U) << "solicited, override";
    EXPECT_EQ(get128(answer, 62), kOurs6);
    EXPECT_EQ(get16(answer, 78), 0x0201U);
    EXPECT_EQ(get_mac(answer, 80), kOurMac);
    EXPECT_EQ(sum6_of(std::span{answer}.subspan(14)), 0xffffU);
  }
}

TEST(NeighbourFrame, WhoHasNoAddressYetIsToldTogetherWithAll) {
  Neighbours6 known = neighbours();
  const auto [outcome, answer] =
      handle(neighbour_frame({.from = Ipv6Address{}, .option = false}), known);
  ASSERT_EQ(outcome, NeighbourOutcome::AnswerWritten);
  EXPECT_EQ(get_mac(answer, 0), MacAddress::from_integer(0x333300000001));
  EXPECT_EQ(get128(answer, 38), *Ipv6Address::parse("ff02::1"));
  EXPECT_EQ(get32(answer, 58), 0x20000000U);
  EXPECT_EQ(outcome_of({.from = Ipv6Address{}, .option = true}), NeighbourOutcome::Nothing);
}

TEST(NeighbourFrame, AnswerCarriesTheTagOfTheVlan) {
  Neighbours6 known = neighbours();
  const auto [outcome, answer] = handle(with_tag(neighbour_frame({}), 7), known, VlanId{7});
  ASSERT_EQ(outcome, NeighbourOutcome::AnswerWritten);
  EXPECT_EQ(get32(answer, 12), 0x81000007U);
  EXPECT_EQ(sum6_of(std::span{answer}.subspan(18)), 0xffffU);
}

TEST(NeighbourFrame, WhatTheStandardCallsInvalidIsIgnored) {
  EXPECT_EQ(outcome_of({.about = kPeer6}), NeighbourOutcome::Nothing) << "not our address";
  EXPECT_EQ(outcome_of({.hop_limit = 254}), NeighbourOutcome::Nothing) << "from afar";
  EXPECT_EQ(outcome_of({.code = 1}), NeighbourOutcome::Nothing);
  EXPECT_EQ(outcome_of({.from = kOurs6}), NeighbourOutcome::Nothing) << "as if from us";
  EXPECT_EQ(outcome_of({.mac = MacAddress::broadcast()}), NeighbourOutcome::Nothing);
  EXPECT_EQ(outcome_of({.type = 136, .about = kPeer6, .to = kOurs6, .option = false}),
            NeighbourOutcome::Nothing)
      << "says no address";
  EXPECT_EQ(outcome_of({.type = 136, .about = kOurs6, .to = kOurs6}), NeighbourOutcome::Nothing);
  Neighbours6 known = neighbours();
  Frame damaged = neighbour_frame({});
  damaged[85] ^= std::byte{1};
  EXPECT_EQ(handle(damaged, known).outcome, NeighbourOutcome::Nothing) << "checksum";
  Frame endless = neighbour_frame({});
  endless[79] = std::byte{0};  // An option of no size.
  set16(endless, 56, 0);
  set16(endless, 56, 0xffffU - sum6_of(std::span{endless}.subspan(14)));
  EXPECT_EQ(handle(endless, known).outcome, NeighbourOutcome::Nothing);
  const Frame whole = neighbour_frame({});
  for (std::size_t size = 14; size < whole.size(); ++size) {
    EXPECT_EQ(handle(Frame{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}, known)
                  .outcome,
              NeighbourOutcome::Nothing)
        << size;
  }
}

}  // namespace
}  // namespace trawl::dataplane::internal
