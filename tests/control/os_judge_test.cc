#include "control/audit/engine/os_judge.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <utility>

#include "control/audit/engine/os_report_maker.h"
#include "tests/osfp/active/exchange.h"
#include "tests/osfp/active6/recorded.h"

namespace trawl::control {
namespace {

using osfp::Probe;
using osfp::exchange::kSeries;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::string_view kDatabase = R"(MatchPoints
SEQ(SP=25%GCD=75%ISR=25%TI=100%CI=50%II=100%SS=80%TS=100)
T5(R=100%DF=20%T=15%TG=15%W=25%S=20%A=20%F=30%O=10%RD=20%Q=20)
U1(R=50%DF=20%T=15%TG=15%IPL=100%UN=100%RIPL=100%RID=100%RIPCK=100%RUCK=100%RUD=100)

Fingerprint Resetting OS 1
Class Acme | Resetting OS | 1 | router
CPE cpe:/o:acme:resetting_os:1
T5(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)

Fingerprint Resetting OS 2
Class Acme | Resetting OS | 2 | router
T5(R=Y%DF=N%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)
)";

std::shared_ptr<const osfp::OsScorer> scorer() {
  return std::make_shared<const osfp::OsScorer>(
      std::make_shared<const osfp::OsDatabase>(osfp::parse_os_database(kDatabase, "made-up")));
}

// A host that answers T5 and, `hops` routers away, the UDP probe.
osfp::Round round(std::optional<std::uint8_t> hops = 0) {
  osfp::Round made{.series = kSeries, .knows_closed_port = true, .hops = {}, .exchanges = {}};
  for (const Probe probe : {Probe::T5, Probe::Udp}) {
    osfp::Exchange& exchange = made.at(probe);
    exchange.was_sent = true;
    exchange.sent_ttl = 50;
    const auto packet =
        probe == Probe::T5
            ? osfp::exchange::tcp_answer(probe, {.ack = kSeries.sequence + 1, .flags = 0x14},
                                         {.ttl = static_cast<std::uint8_t>(64 - hops.value_or(0))})
            : osfp::exchange::unreachable(osfp::exchange::quoted_probe(hops.value_or(0)));
    if (probe == Probe::Udp && !hops) continue;
    exchange.response = osfp::match_response(kSeries, packet)->response;
  }
  return made;
}

TEST(JudgeRound, NamesTheEntryThatFits) {
  const OsVerdict verdict = judge_round(round(), *scorer(), osfp::OsDetail::Plain);
  EXPECT_EQ(verdict.state, OsState::Matches);
  ASSERT_THAT(verdict.matches, SizeIs(1));
  EXPECT_EQ(verdict.matches[0].name, "Resetting OS 1");
  EXPECT_EQ(verdict.matches[0].accuracy, 100U);
  EXPECT_EQ(verdict.matches[0].line, 6U);
  ASSERT_THAT(verdict.matches[0].classes, SizeIs(1));
  EXPECT_EQ(verdict.matches[0].classes[0].cpes.at(0), "cpe:/o:acme:resetting_os:1");
  EXPECT_EQ(verdict.summary.details, "Resetting OS 1");
}

// Nine entries fit perfectly, one more than reports name without -d.
TEST(JudgeRound, CallsMoreMatchesThanAreNamedTooMany) {
  std::string database{kDatabase};
  for (int i = 3; i <= 10; ++i) {
    database += fmt::format(
        "\nFingerprint Resetting OS {}\nClass Acme | Resetting OS | 1 | router\n"
        "T5(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)\n",
        i);
  }
  const osfp::OsScorer nine{
      std::make_shared<const osfp::OsDatabase>(osfp::parse_os_database(database, "made-up"))};
  const OsVerdict plain = judge_round(round(), nine, osfp::OsDetail::Plain);
  EXPECT_EQ(plain.state, OsState::TooMany);
  EXPECT_THAT(plain.matches, SizeIs(0));
  EXPECT_EQ(plain.summary.running, "Acme Resetting OS 1");
  const OsVerdict debug = judge_round(round(), nine, osfp::OsDetail::Debug);
  EXPECT_EQ(debug.state, OsState::Matches);
  EXPECT_THAT(debug.matches, SizeIs(9));
}

// As a Linux kernel answered nmap.
osfp::Round6 recorded_round() {
  osfp::Round6 made;
  const auto fingerprint = osfp::Fingerprint6::parse(osfp::recorded::kPrinted);
  for (std::size_t i = 0; i < osfp::kProbes6; ++i) {
    if (!fingerprint->lines[i]) continue;
    osfp::Exchange6& exchange = made.exchanges[i];
    exchange.was_sent = true;
    exchange.sent_ttl = 0xff;
    exchange.sent_at = std::chrono::milliseconds{static_cast<int>(i) * 100};
    exchange.response = {.at = exchange.sent_at, .packet = fingerprint->lines[i]->packet};
  }
  return made;
}

TEST(JudgeRound6, NamesTheClassOrNone) {
  const auto model = osfp::OsModel6::parse(osfp::builtin_model6_text(), osfp::kOwnModel6Path);
  ASSERT_TRUE(model);
  const OsVerdict verdict = judge_round(recorded_round(), *model);
  EXPECT_EQ(verdict.state, OsState::Matches);
  ASSERT_THAT(verdict.matches, SizeIs(1));
  EXPECT_EQ(verdict.matches[0].name, "Linux 6");
  EXPECT_EQ(verdict.matches[0].line, 2U);
  EXPECT_GE(verdict.matches[0].accuracy, 90U);
  EXPECT_EQ(verdict.summary.details, "Linux 6");
  EXPECT_GE(verdict.answers6, 14U);
  EXPECT_TRUE(verdict.analysis.hops);

  osfp::Round6 strange = recorded_round();
  for (std::size_t i = 0; i < 4; ++i) strange.exchanges[i].response->packet[0] = std::byte{0x6f};
  const OsVerdict none = judge_round(strange, *model);
  EXPECT_EQ(none.state, OsState::None);
  EXPECT_THAT(none.matches, SizeIs(0));
  EXPECT_THAT(none.fingerprint6, StartsWith("S1(P=6f"));
  EXPECT_EQ(none.answers6, verdict.answers6);
}

TEST(OsJudgeThread, JudgesWhatItIsGiven) {
  auto judge = OsJudgeThread::open(
      [](const auto& warn) -> Result<std::shared_ptr<const osfp::OsScorer>> {
        warn("made-up:3: a warning");
        return scorer();
      },
      osfp::OsDetail::Plain);
  ASSERT_TRUE(judge);
  (*judge)->judge(5, round());
  std::vector<std::string> warnings;
  std::vector<OsVerdict> verdicts;
  while (verdicts.empty()) {
    pollfd ready{.fd = (*judge)->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, 60'000), 1);
    OsJudge::News news = (*judge)->take();
    EXPECT_EQ(news.failure, "");
    for (auto& text : news.warnings) warnings.push_back(std::move(text));
    for (auto& verdict : news.verdicts) verdicts.push_back(std::move(verdict));
  }
  EXPECT_THAT(warnings, testing::ElementsAre("made-up:3: a warning"));
  EXPECT_EQ(verdicts[0].id, 5U);
  EXPECT_EQ(verdicts[0].state, OsState::Matches);
}

TEST(OsJudgeThread, SaysThatThereIsNoDatabase) {
  auto judge = OsJudgeThread::open(
      [](const auto&) -> Result<std::shared_ptr<const osfp::OsScorer>> {
        return fail(ExitCode::BadInput, "no database");
      },
      osfp::OsDetail::Plain);
  ASSERT_TRUE(judge);
  pollfd ready{.fd = (*judge)->fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 60'000), 1);
  EXPECT_EQ((*judge)->take().failure, "no database");
}

class MakeOsReport : public testing::Test {
 protected:
  OsReport make(std::optional<std::uint8_t> hops = 0, int timing_level = 3,
                std::optional<OsState> state = {}) {
    rounds = {round(hops)};
    verdicts.clear();
    verdicts.push_back(judge_round(rounds[0], *scorer(), osfp::OsDetail::Plain));
    verdicts[0].state = state.value_or(verdicts[0].state);
    return make_os_report({.host = &host,
                           .rounds = rounds,
                           .verdicts = verdicts,
                           .timing_level = timing_level,
                           .version = "1.2",
                           .platform = "here"});
  }

  OsHost host{.id = 1,
              .way = {},
              .ip = Ipv4Address{0x0a000001},
              .ports = {.open_tcp = {80}, .closed_tcp = 81, .closed_udp = {}},
              .traced = {},
              .mac_vendor = {}};
  std::vector<osfp::Round> rounds;
  std::vector<OsVerdict> verdicts;
};

TEST_F(MakeOsReport, TellsHowFarTheHostIsAndHowThatIsKnown) {
  OsReport report = make(2);
  EXPECT_EQ(report.distance, 3U);
  EXPECT_THAT(report.fingerprint, HasSubstr("%PV=Y%DS=3%DC=I%G=Y%"));
  host.traced = 4;
  report = make(2);
  EXPECT_EQ(report.distance, 4U);
  EXPECT_THAT(report.fingerprint, HasSubstr("%DS=4%DC=T%"));
  host.way.asks_neighbour = true;
  host.mac_vendor = 0xa5;
  report = make();
  EXPECT_EQ(report.distance, 1U);
  EXPECT_THAT(report.fingerprint, HasSubstr("%DS=1%DC=D%G=Y%M=0000A5%"));
  host.way.is_local = true;
  report = make();
  EXPECT_EQ(report.distance, 0U);
  EXPECT_THAT(report.fingerprint, HasSubstr("%DS=0%DC=L%"));
}

TEST_F(MakeOsReport, NothingIsKnownOfTheDistanceWithoutAnAnswerToTheUdpProbe) {
  const OsReport report = make(std::nullopt);
  EXPECT_EQ(report.distance, std::nullopt);
  EXPECT_EQ(report.closed_udp, std::nullopt);
  EXPECT_THAT(report.fingerprint, StartsWith("SCAN(V=1.2%E=4%D="));
  EXPECT_THAT(report.fingerprint, HasSubstr("%OT=80%CT=81%CU=%PV=Y%G=N%"));
  EXPECT_EQ(report.not_ideal, "Didn't receive UDP response. Please try again with -sSU");
}

TEST_F(MakeOsReport, SaysWhyOthersShouldNotLearnFromIt) {
  EXPECT_TRUE(make().is_ideal);
  EXPECT_EQ(make(6).not_ideal, "Host distance (7 network hops) is greater than five");
  EXPECT_EQ(make(0, 5).not_ideal, "Timing level 5 (Insane) used");
  EXPECT_EQ(make(0, 3, OsState::TooMany).not_ideal, "Too many fingerprints match");
  host.ports.closed_tcp.reset();
  EXPECT_EQ(make().not_ideal, "Missing a closed TCP port so results incomplete");
  EXPECT_FALSE(make().is_ideal);
}

TEST(MakePortReports, PointsOutPortsOfAnotherMachine) {
  const auto syn_ack = [](std::uint8_t ttl, std::vector<std::uint8_t> options) {
    return osfp::exchange::tcp_answer(Probe::Seq1, {.options = std::move(options)}, {.ttl = ttl});
  };
  std::vector<OsPortRound> ports(3);
  for (std::size_t i = 0; i < ports.size(); ++i) {
    ports[i].port = static_cast<std::uint16_t>(20 + i);
    ports[i].verdict.id = 1;
    ports[i].syn_ack = i == 1 ? syn_ack(128, {2, 4, 5, 0xb4}) : syn_ack(64, {2, 4, 5, 0xb4});
  }
  const std::vector<OsPortReport> reports = make_port_reports(ports);
  ASSERT_THAT(reports, SizeIs(3));
  EXPECT_EQ(reports[0].machine, 0U);
  EXPECT_EQ(reports[2].machine, 0U);
  EXPECT_EQ(reports[1].machine, 1U);
  EXPECT_THAT(reports[1].difference, HasSubstr("TTL 128, not 64"));
  EXPECT_EQ(reports[0].difference, "");
}

}  // namespace
}  // namespace trawl::control
