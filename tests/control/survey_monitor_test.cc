// What a survey tells of itself, over a device of DPDK's that swallows frames.
#include "control/survey/survey_monitor.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "control/survey/sweep_planner.h"
#include "dataplane/eal.h"

namespace trawl::control {
namespace {

using namespace dataplane;

constexpr Ipv4Address kSource{0xc6120001};
constexpr MacAddress kMac{MacAddress::Bytes{0x02, 0, 0, 0, 0, 0x01}};
constexpr dataplane::PortRange kPorts{.first = 61000, .last = 64999};
constexpr std::uint64_t kTargets = 256;

class NoSink : public ResultSink {
 public:
  Result<void> write(std::span<const Verdict>) override { return {}; }
  Result<void> flush() override { return {}; }
  Result<void> close() override { return {}; }
};

std::shared_ptr<const TargetSpace> space() {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.18.7.0/24"));
  return std::make_shared<const TargetSpace>(RankedSet<Ipv4Address>{set},
                                             std::vector<std::uint16_t>{80});
}

Result<std::unique_ptr<Scanner>> make_scanner(Link& link) {
  const Neighbours::Config gateway{.on_link = {}, .gateway = {}, .gateway_mac = kMac};
  const ScanKey key{7, 7, 7};
  ScanPlan plan{.cookies = {key, kSource, kPorts, ProbeKind::TcpSyn},
                .probe = {ProbeKind::TcpSyn, {kMac, kSource}},
                .parser = {kSource, kPorts, ProbeKind::TcpSyn},
                .guard = SwappableGuard{EgressGuard{{}}},
                .neighbours = std::move(*Neighbours::make(gateway)),
                .clock = TscClock::calibrate(),
                .mac = kMac,
                .source = kSource,
                .rate = PacketsPerSecond::unlimited(),
                .max_runtime = {},
                .receive = false};
  return Scanner::make(std::move(plan), link, 1);
}

// A survey that cannot take up its checkpoint ends before it has a sweep, and still says what it
// knows.
TEST(SurveyMonitor, TellsOfASurveyThatHasNoSweepYet) {
  const auto link = Link::open(*LinkSpec::parse("net_null40"), {.senders = 1});
  ASSERT_TRUE(link) << link.error().message;
  const auto scanner = make_scanner(**link);
  ASSERT_TRUE(scanner) << scanner.error().message;
  EXPECT_FALSE((*scanner)->has_sweep());
  const SweepPlanner planner{
      {.space = space(), .order = {kTargets, 1, 2}, .first = 0, .last = kTargets}};
  NoSink sink;
  const ReplyIntake intake{planner, **scanner, sink, ByteCount{1U << 26U}, nullptr};
  SurveyOptions options;
  options.status_json = true;
  SurveyMonitor monitor{options, **link, **scanner, intake};
  monitor.add({.sent = 77});
  SurveyMonitor::Stage stage;
  stage.sweep = 2;
  const SurveyProgress& progress = monitor.update(stage);
  EXPECT_EQ(progress.sent, 77U);
  EXPECT_EQ(progress.targets, kTargets);
  EXPECT_EQ(progress.sweep_total, 0U);
  EXPECT_EQ(progress.sweep_done, 0U);
  EXPECT_EQ(progress.percent_done(), 0.0);
  testing::internal::CaptureStderr();
  monitor.show_last();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("\"rate_history\""), std::string::npos);

  (*scanner)->begin_sweep({.space = space(),
                           .order = {kTargets, 1, 2},
                           .first = 6,
                           .last = kTargets,
                           .attempt = 1,
                           .skip = {}});
  EXPECT_TRUE((*scanner)->has_sweep());
  EXPECT_EQ(monitor.update(stage).sweep_total, kTargets - 6);
}

}  // namespace
}  // namespace trawl::control

int main(int argc, char** argv) {
  using namespace trawl::dataplane;
  testing::InitGoogleTest(&argc, argv);
  const auto started =
      Eal::start({.polling_cpus = {allowed_cpus().front()}, .link = *LinkSpec::parse("net_null0")});
  if (!started) {
    std::printf("skipped: %s\n", started.error().message.c_str());
    return 77;
  }
  const int result = RUN_ALL_TESTS();
  Eal::stop();
  return result;
}
