#include "control/audit/engine/service_stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace trawl::control {
namespace {

using Outcome = service::ServiceFinding::Outcome;
using testing::ElementsAre;
using testing::IsEmpty;

// Answers when the test says so.
class FakeAsker final : public ServiceAsker {
 public:
  struct Log {
    std::vector<service::ServicePort> asked;
    std::vector<IpAddress> dropped;
    News news;
  };
  explicit FakeAsker(std::shared_ptr<Log> log) : log_{std::move(log)} {}

  void ask(std::vector<service::ServicePort> ports) override {
    for (service::ServicePort& port : ports) log_->asked.push_back(std::move(port));
  }
  void drop(const IpAddress& host) override { log_->dropped.push_back(host); }
  void trace(bool) override {}
  News take() override { return std::exchange(log_->news, {}); }
  [[nodiscard]] int fd() const noexcept override { return -1; }

 private:
  std::shared_ptr<Log> log_;
};

class ServiceStageTest : public testing::Test {
 protected:
  static IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
  static ServiceStage::Host host(std::uint64_t id, std::string_view address) {
    return {.id = id, .ip = ip(address), .zone = 3, .name = "host.example"};
  }
  void answer(std::size_t question, const std::string& name, bool answered = true) {
    service::ServiceFinding finding;
    finding.outcome = Outcome::Matched;
    finding.name = name;
    finding.answered = answered;
    log->news.answers.push_back({log->asked.at(question), finding});
    stage.turn();
  }

  std::shared_ptr<FakeAsker::Log> log = std::make_shared<FakeAsker::Log>();
  ServiceStage stage{std::make_unique<FakeAsker>(log)};
};

TEST_F(ServiceStageTest, AHostWaitsForItsOwnPortsOnly) {
  stage.join(host(1, "198.18.0.1"), {{.number = 22}, {.number = 80}});
  stage.join(host(2, "198.18.0.2"), {{.number = 22}});
  ASSERT_EQ(log->asked.size(), 3U);
  EXPECT_EQ(log->asked[0].host_name, "host.example");
  EXPECT_EQ(log->asked[0].zone, 3U);
  answer(0, "ssh");
  EXPECT_THAT(stage.take_ends(), IsEmpty());
  EXPECT_EQ(stage.work(1).answered, 1U);
  EXPECT_EQ(stage.work(1).left, 1U);
  answer(2, "ssh");
  EXPECT_THAT(stage.take_ends(), ElementsAre(2U));
  answer(1, "http");
  EXPECT_THAT(stage.take_ends(), ElementsAre(1U));
  EXPECT_THAT(stage.take_ends(), IsEmpty());
  const ServiceFindings findings = stage.leave(1);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ((findings.at({PortProtocol::Tcp, 80})->name), "http");
  EXPECT_THAT(log->dropped, IsEmpty());
}

TEST_F(ServiceStageTest, WhoLeavesEarlyKeepsWhatIsKnown) {
  stage.join(host(1, "198.18.0.1"), {{.number = 22}, {.number = 80}});
  answer(0, "ssh");
  const ServiceFindings findings = stage.leave(1);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ((findings.at({PortProtocol::Tcp, 22})->name), "ssh");
  EXPECT_THAT(log->dropped, ElementsAre(ip("198.18.0.1")));
  EXPECT_THAT(stage.leave(1), IsEmpty());
  EXPECT_EQ(stage.work(1).left, 0U);
}

TEST_F(ServiceStageTest, LateAndRepeatedAnswersAreNobodys) {
  stage.join(host(1, "198.18.0.1"), {{.number = 22}});
  (void)stage.leave(1);
  // The same address again, with a number of its own.
  stage.join(host(2, "198.18.0.1"), {{.number = 22}, {.number = 80}});
  answer(0, "late");
  EXPECT_EQ(stage.work(2).left, 2U);
  answer(1, "ssh");
  answer(1, "again");
  EXPECT_EQ(stage.work(2).left, 1U);
  EXPECT_THAT(stage.take_ends(), IsEmpty());
  EXPECT_EQ((stage.leave(2).at({PortProtocol::Tcp, 22})->name), "ssh");
}

TEST_F(ServiceStageTest, TcpAndUdpOfOneNumberAreTwoPorts) {
  stage.join(host(1, "198.18.0.1"),
             {{.protocol = PortProtocol::Tcp, .number = 53},
              {.protocol = PortProtocol::Udp, .number = 53, .is_certain = false}});
  answer(0, "domain");
  EXPECT_THAT(stage.take_opened(), IsEmpty());
  answer(1, "dns-udp");
  ASSERT_THAT(stage.take_opened(), testing::SizeIs(1));
  EXPECT_THAT(stage.take_ends(), ElementsAre(1U));
  EXPECT_EQ((stage.leave(1).at({PortProtocol::Udp, 53})->name), "dns-udp");
}

TEST_F(ServiceStageTest, WarningsAndTraceAreHandedOn) {
  log->news.warnings = {"a line is wrong"};
  log->news.trace = {"NSOCK INFO", "Service scan"};
  stage.turn();
  EXPECT_THAT(stage.take_warnings(), ElementsAre("a line is wrong"));
  EXPECT_THAT(stage.take_trace(), ElementsAre("NSOCK INFO", "Service scan"));
  EXPECT_THAT(stage.take_trace(), IsEmpty());
}

PortReport port(PortProtocol protocol, std::uint16_t number, PortState state) {
  return {.protocol = protocol, .number = number, .state = state, .reason = {}};
}

TEST(PortsToAsk, OpenOnesAndThoseThatMayBe) {
  using enum PortState;
  const auto chosen = ports_to_ask(
      {port(PortProtocol::Tcp, 1, Open), port(PortProtocol::Tcp, 2, Closed),
       port(PortProtocol::Tcp, 3, Filtered), port(PortProtocol::Tcp, 4, OpenFiltered),
       port(PortProtocol::Tcp, 5, Unfiltered), port(PortProtocol::Udp, 6, OpenFiltered),
       port(PortProtocol::Udp, 7, ClosedFiltered), port(PortProtocol::Sctp, 8, Open)});
  ASSERT_EQ(chosen.size(), 3U);
  EXPECT_EQ(chosen[0].number, 1);
  EXPECT_TRUE(chosen[0].is_certain);
  EXPECT_EQ(chosen[1].number, 4);
  EXPECT_FALSE(chosen[1].is_certain);
  EXPECT_EQ(chosen[2].number, 6);
  EXPECT_EQ(chosen[2].protocol, PortProtocol::Udp);
}

TEST(AddServices, WhoAnsweredIsOpen) {
  const auto finding = [](bool answered) {
    auto made = std::make_shared<service::ServiceFinding>();
    made->answered = answered;
    return made;
  };
  std::vector<PortReport> ports{port(PortProtocol::Udp, 1, PortState::OpenFiltered),
                                port(PortProtocol::Udp, 2, PortState::OpenFiltered),
                                port(PortProtocol::Tcp, 3, PortState::OpenFiltered),
                                port(PortProtocol::Tcp, 4, PortState::Open)};
  ports[3].reason.word = "syn-ack";
  add_services({{{PortProtocol::Udp, 1}, finding(true)},
                {{PortProtocol::Udp, 2}, finding(false)},
                {{PortProtocol::Tcp, 3}, finding(true)},
                {{PortProtocol::Tcp, 4}, finding(true)}},
               ports);
  EXPECT_EQ(ports[0].state, PortState::Open);
  EXPECT_EQ(ports[0].reason.word, "udp-response");
  EXPECT_EQ(ports[1].state, PortState::OpenFiltered);
  EXPECT_EQ(ports[1].reason.word, "no-response");
  EXPECT_EQ(ports[2].reason.word, "tcp-response");
  EXPECT_EQ(ports[3].reason.word, "syn-ack");
  EXPECT_NE(ports[3].service, nullptr);
}

}  // namespace
}  // namespace trawl::control
