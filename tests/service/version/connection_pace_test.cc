#include "service/version/connection_pace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trawl::service {
namespace {

using Ask = ConnectionPace::Ask;
using Rank = ConnectionPace::Rank;
using testing::ElementsAre;
using testing::IsEmpty;

const IpAddress kOne = Ipv4Address{0xc6120001};
const IpAddress kTwo = Ipv4Address{0xc6120002};

std::vector<std::uint64_t> ports(const std::vector<Ask>& asks) {
  std::vector<std::uint64_t> ports;
  for (const Ask& ask : asks) ports.push_back(ask.port);
  return ports;
}

TEST(ConnectionPace, BoundsAHostAndGoesOnWhenOneIsGivenBack) {
  ConnectionPace pace{10, 2};
  for (const std::uint64_t port : {1U, 2U, 3U, 4U}) pace.ask(kOne, {port, 1}, Rank::First);
  pace.ask(kTwo, {5, 1}, Rank::First);
  EXPECT_THAT(ports(pace.granted()), ElementsAre(1, 5, 2));
  EXPECT_THAT(pace.granted(), IsEmpty());
  pace.give_back(kTwo, {5, 1});
  EXPECT_THAT(pace.granted(), IsEmpty());
  pace.give_back(kOne, {1, 1});
  EXPECT_THAT(ports(pace.granted()), ElementsAre(3));
  EXPECT_EQ(pace.open(), 2U);
}

TEST(ConnectionPace, BoundsAllAndLetsHostsTakeTurns) {
  ConnectionPace pace{3, 3};
  for (const std::uint64_t port : {1U, 2U, 3U}) pace.ask(kOne, {port, 1}, Rank::First);
  for (const std::uint64_t port : {4U, 5U, 6U}) pace.ask(kTwo, {port, 1}, Rank::First);
  EXPECT_THAT(ports(pace.granted()), ElementsAre(1, 4, 2));
  pace.give_back(kOne, {1, 1});
  pace.give_back(kOne, {2, 1});
  EXPECT_THAT(ports(pace.granted()), ElementsAre(5, 3));
}

TEST(ConnectionPace, FirstConnectionsGoBeforeSecondOnes) {
  ConnectionPace pace{1, 1};
  pace.ask(kOne, {1, 1}, Rank::First);
  EXPECT_THAT(ports(pace.granted()), ElementsAre(1));
  pace.ask(kOne, {1, 2}, Rank::Beside);
  pace.ask(kTwo, {2, 1}, Rank::First);
  pace.ask(kOne, {3, 1}, Rank::First);
  for (const std::uint64_t port : {1U, 2U, 3U}) {
    pace.give_back(port == 2 ? kTwo : kOne, {port, 1});
    (void)pace.granted();
  }
  EXPECT_EQ(pace.open(), 1U);
  pace.give_back(kOne, {1, 2});
  EXPECT_EQ(pace.open(), 0U);
}

TEST(ConnectionPace, WhatIsBegunGoesBeforeWhatIsNot) {
  ConnectionPace pace{1, 1};
  pace.ask(kOne, {1, 1}, Rank::First);
  pace.ask(kOne, {2, 1}, Rank::First);
  EXPECT_THAT(ports(pace.granted()), ElementsAre(1));
  pace.ask(kOne, {1, 2}, Rank::Next);
  pace.give_back(kOne, {1, 1});
  EXPECT_THAT(ports(pace.granted()), ElementsAre(1));
}

TEST(ConnectionPace, WhoWaitsMayGo) {
  ConnectionPace pace{1, 1};
  pace.ask(kOne, {1, 1}, Rank::First);
  pace.ask(kOne, {2, 1}, Rank::First);
  pace.ask(kOne, {3, 1}, Rank::Beside);
  EXPECT_THAT(ports(pace.granted()), ElementsAre(1));
  pace.give_back(kOne, {2, 1});
  EXPECT_EQ(pace.open(), 1U);
  pace.give_back(kOne, {1, 1});
  EXPECT_THAT(ports(pace.granted()), ElementsAre(3));
  pace.give_back(kOne, {3, 1});
  pace.give_back(kOne, {3, 1});  // Once too often.
  EXPECT_EQ(pace.open(), 0U);
}

}  // namespace
}  // namespace trawl::service
