#include "control/survey/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "control/survey/metadata.h"
#include "control/survey/version.h"
#include "tests/control/file_size_limit.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr NamedCounter kDrops[] = {{"tx_ring_full", 0}, {"rx_missed", 7}, {"reply_ring_full", 2}};

constexpr std::array<NamedCounter, 1> kIgnored{{{"rx_forged", 4}}};
constexpr std::array<NamedCounter, 1> kOthers{{{"probes_deferred", 5}}};

SurveyProgress example() {
  SurveyProgress progress;
  progress.elapsed = 6s;
  progress.sending_time = 6s;
  progress.cooldown_left = 8s;
  progress.targets = progress.sweep_total = 38'000'000;
  progress.sent = progress.sweep_done = 8'126'349;
  progress.replies = 104'692;
  progress.duplicates = 3;
  progress.found = {1234, 100'000, 55};
  progress.send_rate = 1.35e6;
  progress.reply_rate = 17.9e3;
  progress.drops = kDrops;
  progress.ignored = kIgnored;
  progress.others = kOthers;
  return progress;
}

TEST(ProgressLine, ReadsAsAWhole) {
  EXPECT_EQ(format_progress_line(example()),
            "0:06 21% (31s left); send: 8126349 1.35 Mp/s (1.35 Mp/s avg); recv: 104692 17.9 Kp/s "
            "(17.4 Kp/s avg); open: 1234; drops: 9; hitrate: 0.02%");
}

TEST(ProgressLine, SaysWhatItIsWaitingFor) {
  SurveyProgress progress = example();
  progress.phase = SurveyPhase::CoolingDown;
  progress.sent = progress.sweep_done = progress.targets;
  progress.cooldown_left = 2500ms;
  EXPECT_NE(format_progress_line(progress).find("100% (waiting for replies, 3s left)"),
            std::string::npos);
  progress.phase = SurveyPhase::Done;
  EXPECT_NE(format_progress_line(progress).find("100% (done)"), std::string::npos);
}

TEST(ProgressLine, IsDefinedBeforeAnythingHappened) {
  EXPECT_EQ(format_progress_line({}),
            "0:00 0.00% (time left unknown); send: 0 0 p/s (0 p/s avg); recv: 0 0 p/s (0 p/s avg); "
            "open: 0; drops: 0; hitrate: 0.00%");
}

// A second probe to a target does not halve the share of targets that are open.
TEST(ProgressLine, HitRateIsOfTargetsHoweverOftenProbed) {
  SurveyProgress progress = example();
  progress.targets = 1'000;
  progress.found = {100};
  progress.sent = 2'000;  // Everybody twice,
  EXPECT_DOUBLE_EQ(progress.hit_rate(), 10.0);
  progress.sent += progress.repeats = 400;  // and some of them once more.
  EXPECT_DOUBLE_EQ(progress.hit_rate(), 10.0);
  progress.sent = 700;
  progress.repeats = 200;
  EXPECT_DOUBLE_EQ(progress.hit_rate(), 20.0);
}

TEST(ProgressLine, NeverShowsHundredPercentBeforeTheEnd) {
  SurveyProgress progress = example();
  progress.sent = progress.sweep_done = progress.targets - 1;
  EXPECT_NE(format_progress_line(progress).find(" 99% "), std::string::npos);
}

TEST(Remaining, IsBoundedByTheRuntimeLeft) {
  SurveyProgress progress = example();
  progress.sent = progress.sweep_done = 6;
  progress.targets = progress.sweep_total = 100;
  EXPECT_EQ(progress.remaining(), 94s + 8s);
  progress.runtime_left = 10s;
  EXPECT_EQ(progress.remaining(), 18s);
  progress.runtime_left = -1s;
  EXPECT_EQ(progress.remaining(), 7s);
}

TEST(Remaining, DoesNotOverflowAtTheSlowestRate) {
  SurveyProgress progress = example();
  progress.sent = progress.sweep_done = 1;
  progress.targets = progress.sweep_total = std::uint64_t{1} << 48U;
  progress.sending_time = 1000s;
  EXPECT_EQ(progress.remaining(), 1'000'000'000s);
}

TEST(FormatRate, ShowsThreeDigitsAndNeverAThousand) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0 p/s"},        {-5.0, "0 p/s"},       {0.1, "0.10 p/s"},      {12.0, "12 p/s"},
      {12.34, "12.3 p/s"},   {999.0, "999 p/s"},    {999.6, "1.00 Kp/s"},   {1000.0, "1.00 Kp/s"},
      {9994.0, "9.99 Kp/s"}, {9996.0, "10.0 Kp/s"}, {99'960.0, "100 Kp/s"}, {1.354e6, "1.35 Mp/s"},
      {148.8e6, "149 Mp/s"}, {1e12, "1.00 Tp/s"},   {1e15, "1000 Tp/s"}};
  for (const auto& [rate, want] : cases) EXPECT_EQ(format_rate(rate), want) << rate;
}

TEST(FormatElapsed, CountsUpToHours) {
  EXPECT_EQ(format_elapsed(0s), "0:00");
  EXPECT_EQ(format_elapsed(6999ms), "0:06");
  EXPECT_EQ(format_elapsed(754s), "12:34");
  EXPECT_EQ(format_elapsed(3723s), "1:02:03");
  EXPECT_EQ(format_elapsed(100h), "100:00:00");
  EXPECT_EQ(format_elapsed(-5s), "0:00");
}

TEST(StatusJson, IsOneLineWithEveryCounter) {
  EXPECT_EQ(
      format_status_json(example(), std::chrono::system_clock::time_point{}),
      R"({"schema":"trawl.status.v1","ts":"1970-01-01T00:00:00.000000Z","phase":"sending",)"
      R"("elapsed_s":6.000,"percent_done":21.385,"remaining_s":31,"targets":38000000,)"
      R"("sweep":1,"sent":8126349,"repeats":0,"no_neighbour":0,"send_pps":1350000.000,"send_avg_pps":1354391.500,)"
      R"("replies":104692,"reply_pps":17900.000,"reply_avg_pps":17448.667,"open":1234,)"
      R"("closed":100000,"unreachable":55,"duplicates":3,"dropped":9,)"
      R"("drops":{"tx_ring_full":0,"rx_missed":7,"reply_ring_full":2},"ignored":{"rx_forged":4},"others":{"probes_deferred":5}})"
      "\n");
}

TEST(StatusJson, HasNullWhereNothingIsKnown) {
  const std::string text = format_status_json({}, std::chrono::system_clock::time_point{});
  EXPECT_NE(text.find("\"remaining_s\":null"), std::string::npos);
  EXPECT_NE(text.find("\"drops\":{}"), std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
}

TEST(Summary, ListsEveryFindingAndEveryDropByName) {
  SurveyProgress progress = example();
  progress.phase = SurveyPhase::Done;
  EXPECT_EQ(format_summary(progress),
            "survey ended after 0:06\n"
            "  sent                  8126349  of 38000000 targets, 1.35 Mp/s average\n"
            "  valid replies          104692\n"
            "  open                     1234\n"
            "  closed                 100000\n"
            "  unreachable                55\n"
            "  duplicates                  3\n"
            "lost on this machine: 9\n"
            "  tx_ring_full                0\n"
            "  rx_missed                   7\n"
            "  reply_ring_full             2\n"
            "frames that were no replies: 4\n"
            "  rx_forged                   4\n");
}

TEST(Summary, NamesWhatThisKindOfProbeCanFind) {
  SurveyProgress progress = example();
  progress.sought = PortState::Unfiltered;
  progress.found = {0, 0, 55, 1234};
  const std::string summary = format_summary(progress);
  EXPECT_NE(summary.find("  unfiltered               1234\n"), std::string::npos) << summary;
  EXPECT_EQ(summary.find("open"), std::string::npos);
  EXPECT_EQ(summary.find("closed"), std::string::npos);
  EXPECT_NE(format_progress_line(progress).find("unfiltered: 1234; drops: 9; hitrate: 0.02%"),
            std::string::npos);
  EXPECT_NE(format_status_json(progress, {}).find(R"("unreachable":55,"unfiltered":1234,)"),
            std::string::npos);
}

TEST(Summary, TellsTargetsThatHadNoNeighbour) {
  SurveyProgress progress;
  progress.no_neighbour = 9;
  EXPECT_NE(format_summary(progress).find("no neighbour"), std::string::npos);
  progress.no_neighbour = 0;
  EXPECT_EQ(format_summary(progress).find("no neighbour"), std::string::npos);
}

TEST(Summary, TellsTheCourseOfTheRateAndWhatWaited) {
  SurveyProgress progress = example();
  EXPECT_EQ(format_summary(progress).find("rate over time"), std::string::npos);
  EXPECT_EQ(format_summary(progress).find("waited"), std::string::npos);
  const std::array<RatePoint, 2> history{
      {{.length = 1s, .sent = 1000, .reason = {}}, {.length = 2s, .sent = 90, .reason = {}}}};
  progress.history = history;
  progress.limited = 12;
  const std::string summary = format_summary(progress);
  EXPECT_NE(summary.find("\nrate over time: 1.00K 45 p/s\n"), std::string::npos) << summary;
  EXPECT_NE(
      summary.find("  waited                     12  for --per-network-rate of their network\n"),
      std::string::npos)
      << summary;
}

TEST(Summary, TellsOfResetsWhereThereWereHandshakes) {
  SurveyProgress progress = example();
  EXPECT_EQ(format_summary(progress).find("resets"), std::string::npos);
  progress.resets = 40;
  progress.resets_dropped = 2;
  EXPECT_NE(
      format_summary(progress).find(
          "  resets sent                40  to end the handshakes of open ports, 2 left out\n"),
      std::string::npos)
      << format_summary(progress);
}

TEST(Remaining, IsNoLessThanTheFullestNetworkNeeds) {
  SurveyProgress progress = example();
  progress.sent = progress.sweep_done = 50;
  progress.targets = progress.sweep_total = 100;
  progress.sending_time = 1s;
  EXPECT_EQ(progress.remaining(), 1s + 8s);
  progress.network_time = 3600s;
  EXPECT_EQ(progress.remaining(), 1800s + 8s);
}

TEST(StatusJson, HasTheCourseInTheLastRecordAlone) {
  EXPECT_EQ(format_status_json(example(), {}).find("rate_history"), std::string::npos);
  EXPECT_NE(format_status_json(example(), {}, StatusRecord::Final).find(R"("rate_history":[]})"),
            std::string::npos);
}

SurveyMetadata example_metadata() {
  SurveyMetadata metadata;
  metadata.command_line = {"trawl", "survey", "8.8.8.8", "-o", "a \"b\"\n\xff"};
  metadata.ended = std::chrono::system_clock::time_point{14s};
  metadata.seed = 7;
  metadata.ports = {80, 443, 444};
  metadata.addresses = 1;
  metadata.addresses_excluded = 2;
  metadata.blocked_addresses = 592'709'632;
  metadata.exclude_digest = 0xabc;
  metadata.contact = "mailto:a@example.net";
  metadata.blocklist_digest = "11aa";
  metadata.last_blocklist_digest = "22bb";
  metadata.blocklist_reloads = 3;
  metadata.blocklist_files = {
      {.kind = "opt-out list", .path = "/a \"b\"", .sha256 = "33cc", .ipv4_addresses = 5}};
  metadata.rate = PacketsPerSecond{10'000.0};
  metadata.link = "eth1";
  metadata.exit_reason = "finished";
  return metadata;
}

TEST(Metadata, RecordsWhatIsNeededToRepeatTheRun) {
  const std::string text = format_metadata(example_metadata());
  const std::string counters = format_status_json({}, std::chrono::system_clock::time_point{14s});
  EXPECT_EQ(text,
            "{\n"
            "  \"schema\": \"trawl.metadata.v1\",\n"
            "  \"version\": \"" +
                std::string{kVersion} +
                "\",\n"
                "  \"command_line\": [\"trawl\",\"survey\",\"8.8.8.8\",\"-o\","
                "\"a \\\"b\\\"\\u000a\xef\xbf\xbd\"],\n"
                "  \"started\": \"1970-01-01T00:00:00.000000Z\",\n"
                "  \"ended\": \"1970-01-01T00:00:14.000000Z\",\n"
                "  \"seed\": \"0x00000000000000000000000000000007\",\n"
                "  \"probe\": \"tcp-syn\",\n"
                "  \"ports\": \"80,443-444\",\n"
                "  \"port_count\": 3,\n"
                "  \"addresses\": 1,\n"
                "  \"addresses_excluded\": 2,\n"
                "  \"blocked_addresses\": 592709632,\n"
                "  \"exclude_digest\": \"0000000000000abc\",\n"
                "  \"blocklist_sha256\": \"11aa\",\n"
                "  \"blocklist_sha256_at_end\": \"22bb\",\n"
                "  \"blocklist_reloads\": 3,\n"
                "  \"blocklist_files\": [{\"kind\":\"opt-out list\",\"path\":\"/a \\\"b\\\"\","
                "\"sha256\":\"33cc\",\"ipv4_addresses\":5}],\n"
                "  \"contact\": \"mailto:a@example.net\",\n"
                "  \"link\": \"eth1\",\n"
                "  \"rate_pps\": 10000.000,\n"
                "  \"rate_history\": [],\n"
                "  \"exit_code\": 0,\n"
                "  \"exit_reason\": \"finished\",\n"
                "  \"counters\": " +
                counters.substr(0, counters.size() - 1) +
                "\n"
                "}\n");
}

TEST(Metadata, WritesNoRateAsMax) {
  SurveyMetadata metadata = example_metadata();
  metadata.rate = PacketsPerSecond::unlimited();
  EXPECT_NE(format_metadata(metadata).find("\"rate_pps\": \"max\""), std::string::npos);
}

TEST(Metadata, GoesToItsFileWhateverItsSize) {
  SurveyMetadata metadata = example_metadata();
  metadata.command_line.assign(100'000, "198.18.0.0/15");
  const TempFile file{".json"};
  ASSERT_TRUE(write_metadata(file.path(), metadata));
  EXPECT_EQ(file.content(), format_metadata(metadata));
  {
    const FileSizeLimit limit{300'000};
    EXPECT_FALSE(write_metadata(file.path(), metadata));
    EXPECT_EQ(file.content(), "");
  }
  const auto got = write_metadata("/dev/full", metadata);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ExitCode::Output);
  EXPECT_FALSE(write_metadata("/", metadata));
}

TEST(Services, AreToldOfWhileTheyAreAskedAndAtTheEnd) {
  SurveyProgress progress = example();
  progress.services = ServiceProgress{.found = 5000,
                                      .answered = 904,
                                      .identified = 800,
                                      .failed = 4,
                                      .hosts = 40,
                                      .systems = 30,
                                      .waiting = 4096,
                                      .per_second = 100.0,
                                      .holds = true,
                                      .held = 90s};
  EXPECT_THAT(format_progress_line(progress),
              HasSubstr("; service tier: 800 known, 30 of 40 systems named, 4096 waiting, 100/s, "
                        "sending waits for it"));
  EXPECT_THAT(format_status_json(progress, {}),
              HasSubstr(R"("services":{"found":5000,"answered":904,"identified":800,"failed":4,)"
                        R"("hosts":40,"systems":30,)"
                        R"("waiting":4096,"per_second":100.000,"holds_sending":true,)"
                        R"("held_s":90.000})"));
  const std::string summary = format_summary(progress);
  EXPECT_THAT(summary, HasSubstr("904  of 5000 open ports"));
  EXPECT_THAT(summary, HasSubstr("4096  the survey ended before; 'trawl resume' asks them"));
  EXPECT_THAT(summary, HasSubstr("sending waited 1:30 for the service tier"));
  progress.phase = SurveyPhase::AskingServices;
  progress.cooldown_left = {};
  progress.elapsed = 904s;
  EXPECT_EQ(progress.remaining(), 4096s);
  EXPECT_THAT(format_progress_line(progress), HasSubstr("asking services, 1h08m left"));
  EXPECT_THAT(format_summary(example()), testing::Not(HasSubstr("asked")));
}

TEST(OpenPorts, AreToldByClassWithTheNetworksThatSayNothing) {
  SurveyProgress progress = example();
  OpenPortProgress ports{.networks = 3, .hosts = 2, .test_probes = 17, .passed_over = 700};
  ports.classes[static_cast<std::size_t>(PortClass::Service)] = 900;
  ports.classes[static_cast<std::size_t>(PortClass::Middlebox)] = 70;
  progress.open_ports = ports;
  const std::string classes = R"("open_ports":{"classes":{"unknown":0,"service":900,"accepts":0,)"
                              R"("zero-window":0,"resets":0,"tarpit":0,"middlebox":70},)"
                              R"("networks":3,"hosts":2,"test_probes":17,"passed_over":700,)"
                              R"("left_out":0})";
  EXPECT_THAT(format_status_json(progress, {}), HasSubstr(classes));
  EXPECT_THAT(format_progress_line(progress), testing::Not(HasSubstr("banners")));
  EXPECT_THAT(format_summary(progress), HasSubstr("900  of the open ports"));
  EXPECT_THAT(format_summary(progress), HasSubstr("5  3 networks and 2 hosts, told once each"));
  EXPECT_THAT(format_summary(progress), testing::Not(HasSubstr("zero-window")));
  progress.open_ports->has_banners = true;
  progress.open_ports->services = 900;
  progress.open_ports->identified = 880;
  progress.open_ports->talking = 12;
  EXPECT_THAT(format_progress_line(progress), HasSubstr("; banners: 900, 12 talking"));
  EXPECT_THAT(format_status_json(progress, {}), HasSubstr(R"("identified":880)"));
  EXPECT_THAT(format_summary(progress), HasSubstr("900  880 identified"));
}

}  // namespace
}  // namespace trawl::control
