#include "control/os/closed_port_search.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <set>
#include <vector>

#include "control/os/os_fact.h"
#include "control/os/seq_departures.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

namespace wire = dataplane::wire;
using namespace std::chrono_literals;
using osfp::Moment;

using Bytes = std::vector<std::byte>;

constexpr Ipv4Address kOurs{0xc6120001};  // 198.18.0.1
constexpr Ipv4Address kHost{0xc6120101};  // 198.18.1.1
constexpr Ipv4Address kOther{0xc6120102};

class ClosedPortSearchTest : public testing::Test {
 protected:
  // What the host says to a SYN.
  static Bytes answer_to(const Bytes& syn, std::uint8_t flags) {
    Bytes answer(wire::kIpSize + wire::kTcpSize);
    std::byte* const ip = answer.data();
    wire::write8(ip, 0x45);
    wire::write16(ip + wire::kIpLength, static_cast<std::uint16_t>(answer.size()));
    wire::write8(ip + wire::kIpTtl, 64);
    wire::write8(ip + wire::kIpProtocol, wire::kProtocolTcp);
    wire::write32(ip + wire::kIpSource, wire::read32(syn.data() + wire::kIpDestination));
    wire::write32(ip + wire::kIpDestination, wire::read32(syn.data() + wire::kIpSource));
    std::byte* const tcp = ip + wire::kIpSize;
    const std::byte* const from = syn.data() + wire::kIpSize;
    wire::write16(tcp, wire::read16(from + 2));
    wire::write16(tcp + 2, wire::read16(from));
    wire::write32(tcp + wire::kTcpAck, wire::read32(from + wire::kTcpSequence) + 1);
    wire::write8(tcp + wire::kTcpOffset, 0x50);
    wire::write8(tcp + wire::kTcpFlags, flags);
    return answer;
  }

  std::vector<Bytes> sent_;
  ClosedPortSearch search_{{.source_port = 65240,
                            .wait = 500ms,
                            .seed = 1,
                            .send = [this](std::span<const std::byte> packet) {
                              sent_.emplace_back(packet.begin(), packet.end());
                            }}};
};

TEST_F(ClosedPortSearchTest, AResetTellsOfAClosedPortAndOfTheTimeItTook) {
  search_.begin(kOurs, kHost, 1s);
  ASSERT_EQ(sent_.size(), 1U);
  const auto answer = search_.receive(answer_to(sent_[0], wire::kRst | wire::kAck), 1s + 30ms);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->host, kHost);
  EXPECT_TRUE(answer->is_closed);
  EXPECT_EQ(answer->port, wire::read16(sent_[0].data() + wire::kIpSize + 2));
  EXPECT_EQ(answer->round_trip, Moment{30ms});
  EXPECT_TRUE(search_.turn(10s).empty());
  EXPECT_EQ(sent_.size(), 1U);
  EXPECT_FALSE(search_.receive(answer_to(sent_[0], wire::kRst | wire::kAck), 2s));
}

TEST_F(ClosedPortSearchTest, AnOpenPortIsNoClosedOne) {
  search_.begin(kOurs, kHost, 1s);
  std::set<std::uint16_t> ports;
  for (std::size_t tries = 1;; ++tries) {
    ASSERT_EQ(sent_.size(), tries);
    ports.insert(wire::read16(sent_.back().data() + wire::kIpSize + 2));
    const auto answer =
        search_.receive(answer_to(sent_.back(), wire::kSyn | wire::kAck), 1s + 10ms * tries);
    if (!answer) continue;
    EXPECT_GT(tries, 1U);
    EXPECT_EQ(ports.size(), tries) << "another one each time";
    EXPECT_FALSE(answer->is_closed);
    EXPECT_EQ(answer->round_trip, Moment{10ms * tries});
    return;
  }
}

TEST_F(ClosedPortSearchTest, AnotherPortMayBeClosed) {
  search_.begin(kOurs, kHost, 1s);
  EXPECT_FALSE(search_.receive(answer_to(sent_[0], wire::kSyn | wire::kAck), 1s));
  ASSERT_EQ(sent_.size(), 2U);
  const auto answer = search_.receive(answer_to(sent_[1], wire::kRst | wire::kAck), 1s + 5ms);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is_closed);
  EXPECT_EQ(answer->port, wire::read16(sent_[1].data() + wire::kIpSize + 2));
}

TEST_F(ClosedPortSearchTest, OnlyAResetTellsOfAClosedPort) {
  search_.begin(kOurs, kHost, 1s);
  EXPECT_FALSE(search_.receive(answer_to(sent_[0], wire::kAck), 1s));
  EXPECT_EQ(sent_.size(), 1U);
  EXPECT_TRUE(search_.receive(answer_to(sent_[0], wire::kRst | wire::kAck), 1s + 1ms));
}

TEST_F(ClosedPortSearchTest, SilenceIsAskedAgainAndThenTold) {
  search_.begin(kOurs, kHost, 1s);
  search_.begin(kOurs, kOther, 1200ms);
  EXPECT_EQ(search_.due(), Moment{1500ms});
  EXPECT_TRUE(search_.turn(1499ms).empty());
  EXPECT_EQ(sent_.size(), 2U);
  EXPECT_TRUE(search_.turn(1500ms).empty());
  EXPECT_EQ(sent_.size(), 3U);
  EXPECT_EQ(search_.due(), Moment{1700ms});
  EXPECT_TRUE(search_.turn(2s).empty());
  EXPECT_EQ(sent_.size(), 5U);
  const auto silent = search_.turn(2500ms);
  ASSERT_EQ(silent.size(), 1U);
  EXPECT_EQ(silent[0].host, kHost);
  EXPECT_FALSE(silent[0].is_closed);
  EXPECT_FALSE(silent[0].round_trip);
  EXPECT_EQ(search_.due(), Moment{3s});  // After the third try with the other.
  EXPECT_EQ(search_.turn(3s).size(), 1U);
  EXPECT_EQ(search_.due(), std::nullopt);
  EXPECT_EQ(sent_.size(), 6U);
}

TEST_F(ClosedPortSearchTest, WhoIsForgottenGetsNothingMore) {
  search_.begin(kOurs, kHost, 1s);
  search_.forget(kHost);
  EXPECT_TRUE(search_.turn(5s).empty());
  EXPECT_EQ(sent_.size(), 1U);
  EXPECT_FALSE(search_.receive(answer_to(sent_[0], wire::kRst | wire::kAck), 2s));
}

TEST_F(ClosedPortSearchTest, PacketsOfOthersAndCutOnesSayNothing) {
  search_.begin(kOurs, kHost, 1s);
  Bytes answer = answer_to(sent_[0], wire::kRst | wire::kAck);
  for (std::size_t size = 0; size < answer.size(); ++size) {
    EXPECT_FALSE(search_.receive(std::span{answer}.first(size), 2s));
  }
  wire::write32(answer.data() + wire::kIpSource, kOther.value());
  EXPECT_FALSE(search_.receive(answer, 2s));
}

// All six, at these gaps.
SeqDepartures left_with(const std::vector<Moment>& gaps) {
  SeqDepartures departures;
  Moment at = 5s;
  departures.left(0, at);
  for (std::size_t i = 0; i < gaps.size(); ++i) departures.left(i + 1, at += gaps[i]);
  return departures;
}

TEST(SeqDepartures, KeepTimeWithinAMillisecond) {
  EXPECT_TRUE(left_with({100ms, 101ms, 99ms, 100ms, 100ms}).kept_time());
  EXPECT_FALSE(left_with({100ms, 100ms, 100ms, 100ms, 101001us}).kept_time());
  EXPECT_FALSE(left_with({98999us, 100ms, 100ms, 100ms, 100ms}).kept_time());
  EXPECT_DOUBLE_EQ(*left_with({100ms, 100ms, 100ms, 100ms, 150ms}).ratio(), 1.1);
}

TEST(SeqDepartures, WhatIsNotHeardOfDidNotKeepTime) {
  EXPECT_FALSE(SeqDepartures{}.kept_time());
  EXPECT_FALSE(SeqDepartures{}.ratio());
  EXPECT_FALSE(left_with({100ms, 100ms, 100ms, 100ms}).kept_time());
  SeqDepartures gap;
  gap.left(0, 1s);
  for (const std::size_t number : {2U, 3U, 4U, 5U}) gap.left(number, 1s + 100ms * (number - 1));
  gap.left(5, 1500ms);
  EXPECT_FALSE(gap.kept_time());
}

TEST(SeqDepartures, ANewBeginningForgetsTheOldOne) {
  SeqDepartures departures = left_with({100ms, 300ms});
  for (std::size_t i = 0; i < osfp::kSeqProbes; ++i) departures.left(i, 9s + 100ms * i);
  EXPECT_TRUE(departures.kept_time());
  departures.begin_round();
  EXPECT_FALSE(departures.kept_time());
  departures.stopped();
  departures.begin_round();
  EXPECT_TRUE(departures.was_stopped());
}

TEST(OsJudgement, AnAnswerOutweighsSilence) {
  OsJudgement answered{.is_answered = true};
  OsJudgement silent{.is_answered = false};
  silent.matches.outcome = osfp::OsOutcome::TooMany;
  EXPECT_FALSE(silent.is_better_than(answered));
  EXPECT_TRUE(answered.is_better_than(silent));
  EXPECT_FALSE(answered.is_better_than(answered));
}

}  // namespace
}  // namespace trawl::control
