#include "control/audit/engine/os_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Answers when the test says so.
struct Log {
  std::vector<OsQuestion> asked;
  std::vector<std::uint64_t> dropped;
  OsProber::News news;
  std::vector<osfp::Round> judged;
  OsJudge::News verdicts;
};

class FakeProber final : public OsProber {
 public:
  explicit FakeProber(std::shared_ptr<Log> log) : log_{std::move(log)} {}
  void ask(OsQuestion question) override { log_->asked.push_back(std::move(question)); }
  void drop(std::uint64_t id) override { log_->dropped.push_back(id); }
  void trace(bool) override {}
  News take() override { return std::exchange(log_->news, {}); }
  [[nodiscard]] int fd() const noexcept override { return -1; }

 private:
  std::shared_ptr<Log> log_;
};

class FakeJudge final : public OsJudge {
 public:
  explicit FakeJudge(std::shared_ptr<Log> log) : log_{std::move(log)} {}
  void judge(std::uint64_t, osfp::Round round) override {
    log_->judged.push_back(std::move(round));
  }
  News take() override { return std::exchange(log_->verdicts, {}); }
  [[nodiscard]] int fd() const noexcept override { return -1; }

 private:
  std::shared_ptr<Log> log_;
};

class OsStageTest : public testing::Test {
 protected:
  static OsHost host(std::uint64_t id, std::vector<std::uint16_t> open = {22, 80},
                     std::optional<std::uint16_t> closed = 20) {
    OsHost made;
    made.id = id;
    made.ip = Ipv4Address{0xc6120000U + static_cast<std::uint32_t>(id)};
    made.ports = {.open_tcp = std::move(open), .closed_tcp = closed, .closed_udp = {}};
    return made;
  }
  void make(const OsSettings& settings) {
    stage = std::make_unique<OsStage>(
        OsStage::Options{.settings = settings, .version = "1", .platform = "here"},
        std::make_unique<FakeProber>(log), std::make_unique<FakeJudge>(log));
  }
  // The last question is answered: with an error for the datagram, and silence.
  void answer(double timing_ratio = 1) {
    const OsQuestion& question = log->asked.back();
    OsAnswer given;
    given.id = question.id;
    given.round.series = question.series;
    if (has_udp_answer) given.round.at(osfp::Probe::Udp).response.emplace();
    given.kept_time = timing_ratio == 1;
    given.timing_ratio = timing_ratio;
    log->news.answers.push_back(std::move(given));
    stage->turn();
  }
  void judge(OsState state, unsigned matched = 0) {
    OsVerdict verdict;
    verdict.id = log->asked.back().id;
    verdict.state = state;
    verdict.best = {.matched = matched, .possible = 100};
    verdict.matches.push_back({.name = "system", .accuracy = matched, .line = 7, .classes = {}});
    log->verdicts.verdicts.push_back(std::move(verdict));
    stage->turn();
  }

  std::shared_ptr<Log> log = std::make_shared<Log>();
  std::unique_ptr<OsStage> stage;
  bool has_udp_answer = true;
};

TEST_F(OsStageTest, AsksTheLowestPortsAndEndsWithAPerfectMatch) {
  make({.is_wanted = true});
  EXPECT_TRUE(stage->join(host(1)));
  ASSERT_THAT(log->asked, SizeIs(1));
  EXPECT_EQ(log->asked[0].series.open_port, 22);
  EXPECT_EQ(log->asked[0].series.closed_port, 20);
  EXPECT_TRUE(log->asked[0].knows_closed_port);
  answer();
  EXPECT_THAT(stage->take_ends(), IsEmpty());
  judge(OsState::Matches, 100);
  EXPECT_THAT(stage->take_ends(), ElementsAre(1U));
  const auto report = stage->leave(1);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->state, OsState::Matches);
  EXPECT_EQ(report->open_tcp, 22);
  EXPECT_EQ(report->closed_tcp, 20);
  EXPECT_GE(report->closed_udp, 30'000);
  EXPECT_FALSE(stage->leave(1));
}

TEST_F(OsStageTest, TriesFiveTimesUnderGoodConditionsAndTwiceUnderOthers) {
  make({.is_wanted = true});
  for (const bool is_good : {true, false}) {
    log->asked.clear();
    stage->join(is_good ? host(1) : host(2, {22}, std::nullopt));
    std::size_t rounds = 0;
    for (; stage->take_ends().empty(); ++rounds) {
      answer();
      judge(OsState::Guesses, 90);
    }
    EXPECT_EQ(rounds, is_good ? 5U : 2U);
    EXPECT_THAT(log->asked, SizeIs(rounds));
  }
  EXPECT_FALSE(log->asked.back().knows_closed_port);
  EXPECT_GE(log->asked.back().series.closed_port, 30'000);
}

// As measured with nmap 7.93, which asks such hosts twice also where it is told to ask five times.
TEST_F(OsStageTest, WhatNobodyCanLearnFromIsNotAskedAThirdTime) {
  const auto rounds_of = [this](const OsSettings& settings, double timing_ratio = 1) {
    make(settings);
    stage->join(host(1));
    std::size_t rounds = 0;
    for (; stage->take_ends().empty(); ++rounds) {
      answer(timing_ratio);
      judge(OsState::Guesses, 90);
    }
    return rounds;
  };
  EXPECT_EQ(rounds_of({.is_wanted = true, .most_tries = 7}), 7U);
  EXPECT_EQ(rounds_of({.is_wanted = true}, 1.5), 2U);
  has_udp_answer = false;
  EXPECT_EQ(rounds_of({.is_wanted = true}), 2U);
  EXPECT_EQ(rounds_of({.is_wanted = true, .most_tries = 7}), 2U);
  EXPECT_EQ(rounds_of({.is_wanted = true, .most_tries = 1}), 1U);
}

TEST_F(OsStageTest, LaterRoundsSendOnceWhatWasSilentInAll) {
  make({.is_wanted = true});
  stage->join(host(1));
  const auto round_where = [this](osfp::Probe answered) {
    OsAnswer given;
    given.id = 1;
    for (auto& exchange : given.round.exchanges) exchange.was_sent = true;
    given.round.at(osfp::Probe::T7).was_sent = false;
    given.round.at(osfp::Probe::Udp).response.emplace();
    given.round.at(answered).response.emplace();
    log->news.answers.push_back(std::move(given));
    stage->turn();
    judge(OsState::Guesses, 90);
    return log->asked.back().sent_once;
  };
  EXPECT_TRUE(log->asked.back().sent_once.none());
  osfp::ProbeSet silent;
  for (std::size_t i = 0; i < osfp::kProbes; ++i) silent[i] = true;
  silent[osfp::index_of(osfp::Probe::T7)] = false;
  silent[osfp::index_of(osfp::Probe::Udp)] = false;
  silent[osfp::index_of(osfp::Probe::T2)] = false;
  EXPECT_EQ(round_where(osfp::Probe::T2), silent);
  silent[osfp::index_of(osfp::Probe::T3)] = false;
  EXPECT_EQ(round_where(osfp::Probe::T3), silent);
}

// A late answer to one round has to be none to the next.
TEST_F(OsStageTest, EachRoundIsToldWhichPortsTheLastOneHad) {
  make({.is_wanted = true});
  stage->join(host(1));
  EXPECT_EQ(log->asked.back().last_batch, std::nullopt);
  log->asked.back().series.source_port = 65116;
  answer();
  judge(OsState::Guesses, 90);
  EXPECT_EQ(log->asked.back().last_batch, 65116);
}

TEST_F(OsStageTest, TellsTriesAndHowMuchIsLeft) {
  make({.is_wanted = true, .most_tries = 3});
  stage->join(host(1));
  answer();
  judge(OsState::None);
  EXPECT_EQ(stage->work(1).done, 1U);
  EXPECT_EQ(stage->work(1).left, 2U);
  const auto tries = stage->take_tries();
  ASSERT_THAT(tries, SizeIs(2));
  EXPECT_EQ(tries[0].number, 1U);
  EXPECT_EQ(tries[1].number, 2U);
  EXPECT_EQ(tries[1].id, 1U);
}

TEST_F(OsStageTest, TheBestRoundCounts) {
  make({.is_wanted = true, .most_tries = 3});
  stage->join(host(1));
  for (const unsigned matched : {88U, 95U, 91U}) {
    answer();
    judge(OsState::Guesses, matched);
  }
  const auto report = stage->leave(1);
  ASSERT_TRUE(report);
  ASSERT_THAT(report->matches, SizeIs(1));
  EXPECT_EQ(report->matches[0].accuracy, 95U);
}

TEST_F(OsStageTest, OnlyPromisingHostsAreAskedWhereThatIsWished) {
  make({.is_wanted = true, .only_promising = true});
  EXPECT_FALSE(stage->join(host(1, {}, 20)));
  EXPECT_FALSE(stage->join(host(2, {22}, std::nullopt)));
  EXPECT_TRUE(stage->join(host(3)));
  EXPECT_THAT(log->asked, SizeIs(1));
  const auto report = stage->leave(1);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->state, OsState::Skipped);
  EXPECT_THAT(log->dropped, IsEmpty());
}

TEST_F(OsStageTest, WhoLeavesEarlyKeepsWhatIsKnown) {
  make({.is_wanted = true});
  stage->join(host(1));
  EXPECT_FALSE(stage->leave(1));
  EXPECT_THAT(log->dropped, ElementsAre(1U));
  stage->join(host(2));
  answer();
  judge(OsState::Guesses, 90);
  const auto report = stage->leave(2);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->state, OsState::Guesses);
  // Late answers and verdicts are nobody's.
  answer();
  judge(OsState::Matches, 100);
  EXPECT_THAT(stage->take_ends(), IsEmpty());
}

TEST_F(OsStageTest, EachOpenPortIsAskedByItself) {
  make({.is_wanted = true, .most_tries = 1, .per_port = true});
  stage->join(host(1, {22, 80, 443}));
  answer();
  judge(OsState::Guesses, 90);
  EXPECT_THAT(stage->take_ends(), IsEmpty());
  for (const int port : {22, 80, 443}) {
    EXPECT_TRUE(log->asked.back().only_open_port);
    EXPECT_EQ(log->asked.back().series.open_port, port);
    answer();
    judge(port == 80 ? OsState::Matches : OsState::None, 100);
  }
  EXPECT_THAT(stage->take_ends(), ElementsAre(1U));
  const auto report = stage->leave(1);
  ASSERT_TRUE(report);
  ASSERT_THAT(report->ports, SizeIs(3));
  EXPECT_EQ(report->ports[1].port, 80);
  EXPECT_EQ(report->ports[1].state, OsState::Matches);
  EXPECT_EQ(report->state, OsState::Guesses);
}

TEST_F(OsStageTest, SaysThatTimeWasNotKept) {
  make({.is_wanted = true, .most_tries = 2});
  stage->join(host(1));
  answer(1.2);
  judge(OsState::None);
  answer();
  judge(OsState::None);
  const auto report = stage->leave(1);
  ASSERT_TRUE(report);
  ASSERT_TRUE(report->timing_ratio);
  EXPECT_DOUBLE_EQ(*report->timing_ratio, 1.2);
  EXPECT_FALSE(report->is_ideal);
}

// Judged by the model at once, without a judge.
class OsStage6Test : public OsStageTest {
 protected:
  static OsHost host6(std::uint64_t id, std::vector<std::uint16_t> open,
                      std::optional<std::uint16_t> closed, bool is_neighbour = true) {
    OsHost made;
    made.id = id;
    made.ip = *Ipv6Address::parse("2001:db8::" + std::to_string(id));
    made.way.source = *Ipv6Address::parse("2001:db8::ffff");
    made.way.asks_neighbour = is_neighbour;
    made.ports = {.open_tcp = std::move(open), .closed_tcp = closed, .closed_udp = {}};
    return made;
  }
  void make6(const OsSettings& settings) {
    const auto model = osfp::OsModel6::parse(osfp::builtin_model6_text(), osfp::kOwnModel6Path);
    ASSERT_TRUE(model);
    stage = std::make_unique<OsStage>(
        OsStage::Options{.settings = settings,
                         .version = "1",
                         .platform = "here",
                         .model6 = std::make_shared<const osfp::OsModel6>(*model)},
        std::make_unique<FakeProber>(log), nullptr);
  }
  // The last question, by so many echo replies.
  void answer6(unsigned echoes) {
    const OsQuestion& question = log->asked.back();
    ASSERT_TRUE(question.series6);
    OsAnswer given;
    given.id = question.id;
    osfp::Round6& round = given.round6.emplace();
    round.series = *question.series6;
    for (const osfp::Probe6 probe : {osfp::Probe6::Echo1, osfp::Probe6::Echo2}) {
      osfp::Exchange6& exchange = round.at(probe);
      exchange.was_sent = true;
      if (echoes == 0) continue;
      --echoes;
      exchange.response = {.at = {}, .packet = std::vector<std::byte>(48, std::byte{0x60})};
    }
    log->news.answers.push_back(std::move(given));
    stage->turn();
  }
};

TEST_F(OsStage6Test, AsksKnownPortsAndEndsAfterOneRound) {
  make6({.is_wanted = true});
  EXPECT_THAT(stage->fds(), SizeIs(1));
  EXPECT_TRUE(stage->join(host6(1, {22, 80}, std::nullopt)));
  ASSERT_THAT(log->asked, SizeIs(1));
  ASSERT_TRUE(log->asked[0].series6);
  EXPECT_EQ(log->asked[0].series6->open_port, 22);
  EXPECT_EQ(log->asked[0].series6->closed_port, std::nullopt);
  EXPECT_GE(log->asked[0].series6->udp_port, 30'000);
  EXPECT_TRUE(log->asked[0].series6->is_neighbour);
  answer6(2);
  EXPECT_THAT(stage->take_ends(), ElementsAre(1U));
  const auto report = stage->leave(1);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->state, OsState::None);
  EXPECT_TRUE(report->is_ideal) << report->not_ideal;
  EXPECT_THAT(report->fingerprint, testing::StartsWith("SCAN(V=1%E=6%"));
  EXPECT_THAT(report->fingerprint, testing::HasSubstr("%OT=22%CT=%CU=%PV=N%DS=1%DC=D%G=Y%"));
  EXPECT_THAT(report->fingerprint, testing::EndsWith("\nEXTRA(FL=12345)\n"));
  EXPECT_FALSE(report->uptime || report->sequence || report->ip_ids || report->stamps);
}

TEST_F(OsStage6Test, TheRoundWithMostAnswersIsTold) {
  make6({.is_wanted = true, .most_tries = 3});
  stage->join(host6(1, {}, std::nullopt, false));
  for (const unsigned echoes : {0U, 2U, 1U}) {
    EXPECT_THAT(stage->take_ends(), IsEmpty());
    EXPECT_FALSE(log->asked.back().series6->is_neighbour);
    answer6(echoes);
  }
  EXPECT_THAT(log->asked, SizeIs(3));
  const auto report = stage->leave(1);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->fingerprint, testing::HasSubstr("\nIE2("));
  EXPECT_EQ(report->not_ideal, "Missing a closed or open TCP port so results incomplete");
  EXPECT_EQ(report->distance, std::nullopt);
}

TEST_F(OsStage6Test, HostsWithoutBothPortsAreLeftOutWhereThatIsWished) {
  make6({.is_wanted = true, .only_promising = true});
  EXPECT_FALSE(stage->join(host6(1, {22}, std::nullopt)));
  EXPECT_TRUE(stage->join(host6(2, {22}, 23)));
}

TEST_F(OsStageTest, TracesAndFailuresAreHandedOn) {
  make({.is_wanted = true});
  log->news.warnings = {"no route"};
  log->news.packets.push_back({.is_sent = true, .has_header = false, .bytes = {}});
  log->verdicts.warnings = {"db:1: what?"};
  log->verdicts.failure = "no database";
  stage->turn();
  EXPECT_THAT(stage->take_warnings(), ElementsAre("no route", "db:1: what?"));
  EXPECT_THAT(stage->take_packets(), SizeIs(1));
  EXPECT_EQ(stage->failure(), "no database");
}

TEST(PortsForOs, AreTheLowestOfEachKindAndNoWrappedOnes) {
  const auto wrapped = std::make_shared<service::ServiceFinding>();
  wrapped->outcome = service::ServiceFinding::Outcome::Wrapped;
  using enum PortState;
  const OsPorts ports = ports_for_os(
      {{.number = 0, .state = Closed, .reason = {}},
       {.number = 5, .state = Filtered, .reason = {}},
       {.number = 21, .state = Open, .reason = {}, .service = wrapped},
       {.number = 22, .state = Open, .reason = {}},
       {.number = 23, .state = Closed, .reason = {}},
       {.number = 24, .state = Closed, .reason = {}},
       {.number = 80, .state = Open, .reason = {}},
       {.protocol = PortProtocol::Udp, .number = 7, .state = OpenFiltered, .reason = {}},
       {.protocol = PortProtocol::Udp, .number = 9, .state = Closed, .reason = {}}});
  EXPECT_THAT(ports.open_tcp, ElementsAre(22, 80));
  EXPECT_EQ(ports.closed_tcp, 23);
  EXPECT_EQ(ports.closed_udp, 9);
}

}  // namespace
}  // namespace trawl::control
