#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "control/audit/report/os_text.h"
#include "control/audit/report/report_format.h"

// Golden texts are what Nmap 7.93 printed of a Linux kernel in a namespace, with databases made for
// it, but for the places where it names its own website.
namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kWarning =
    "Warning: OSScan results may be unreliable because we could not find at least 1 open and 1 "
    "closed port\n";
constexpr std::string_view kClasses =
    "Device type: general purpose|WAP\n"
    "Running: Linux 5.X, Acme embedded\n"
    "OS CPE: cpe:/o:linux:linux_kernel:5 cpe:/h:acme:box\n";
constexpr std::string_view kGuessed =
    "Device type: general purpose|WAP\n"
    "Running (JUST GUESSING): Linux 5.X|4.X (98%), Acme embedded (98%)\n"
    "OS CPE: cpe:/o:linux:linux_kernel:5 cpe:/h:acme:box cpe:/o:linux:linux_kernel:4\n";
constexpr std::string_view kFlaw =
    "OS fingerprint not ideal because: Missing a closed TCP port so results incomplete\n";
constexpr std::string_view kFarther = "Network Distance: 1 hop\n";
constexpr std::string_view kPlain =
    "SCAN(V=7.93%E=4%D=11/"
    "23%OT=22%CT=%CU=42581%PV=N%DS=1%DC=D%G=N%M=1638F7%TM=6B03ABB8%P=x86_64-pc-"
    "linux-gnu)\n"
    "T2(R=N)\n";
constexpr std::string_view kPieces =
    "OS:SCAN(V=7.93%E=4%D=11/23%OT=22%CT=%CU=42581%PV=N%DS=1%DC=D%G=N%M=1638F7%T\n"
    "OS:M=6B03ABB8%P=x86_64-pc-linux-gnu)T2(R=N)\n";

const std::string kHostile = "a\"b<c>&'d\x1b[31m\tf\ng\xff|h";

AuditRun run_of(int verbosity = 0, int debugging = 0) {
  AuditRun run;
  run.program = "trawl";
  run.detects_os = true;
  run.set_levels(verbosity, debugging);
  return run;
}

OsReport with(OsState state, bool is_ideal = true) {
  OsReport os;
  os.state = state;
  os.open_tcp = 22;
  os.closed_udp = 37'048;
  os.is_ideal = is_ideal;
  if (is_ideal) os.closed_tcp = 20;
  if (!is_ideal) os.not_ideal = "Missing a closed TCP port so results incomplete";
  os.fingerprint = kPlain;
  os.distance = 1;
  return os;
}

OsReport matched(bool is_ideal = true) {
  OsReport os = with(OsState::Matches, is_ideal);
  os.matches = {{.name = "Linux 5.1, an \"odd\" <one> & more",
                 .accuracy = 100,
                 .line = 16,
                 .classes = {{.vendor = "Linux",
                              .family = "Linux",
                              .generation = "5.X",
                              .type = "general purpose",
                              .cpes = {"cpe:/o:linux:linux_kernel:5"}},
                             {.vendor = "Acme",
                              .family = "embedded",
                              .generation = "",
                              .type = "WAP",
                              .cpes = {"cpe:/h:acme:box"}}}}};
  os.summary = {.device_types = "general purpose|WAP",
                .running = "Linux 5.X, Acme embedded",
                .cpes = "cpe:/o:linux:linux_kernel:5 cpe:/h:acme:box",
                .details = "Linux 5.1, an \"odd\" <one> & more"};
  return os;
}

OsReport guessed(bool is_ideal) {
  OsReport os = with(OsState::Guesses, is_ideal);
  os.matches = {{.name = "Linux G", .accuracy = 98, .line = 16, .classes = {}}};
  os.summary = {.device_types = "general purpose|WAP",
                .running = "Linux 5.X|4.X (98%), Acme embedded (98%)",
                .cpes = "cpe:/o:linux:linux_kernel:5 cpe:/h:acme:box cpe:/o:linux:linux_kernel:4",
                .details = "Linux G (98%), Linux H (98%)"};
  return os;
}

OsReport measured() {
  OsReport os = matched();
  os.uptime = std::chrono::seconds{1};
  os.last_boot = std::chrono::system_clock::time_point{std::chrono::seconds{1'795'402'612}};
  os.sequence = {.index = 258, .difficulty = "Good luck!", .values = {0xBC00B4BB, 0xD7}};
  os.ip_ids = {.kind = "All zeros", .values = {0, 0}};
  os.stamps = {.kind = "other", .values = {0x48FC232}};
  return os;
}

HostReport host_with(OsReport os) {
  HostReport report;
  report.ip = *IpAddress::parse("198.18.0.2");
  report.status = HostStatus::Up;
  report.ports_scanned = true;
  report.ports = {{PortProtocol::Tcp, 22, PortState::Open, {.word = "syn-ack", .ttl = 64}}};
  report.os = std::move(os);
  return report;
}

std::string text_of(const OsReport& os, const AuditRun& run = run_of()) {
  return os_text(host_with(os), run);
}

std::string report_of(Format format, const OsReport& os, const AuditRun& run = run_of()) {
  return make_report_format(format, run, nullptr)->host(host_with(os));
}

class OsReports : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

TEST_F(OsReports, OnePortIsEnoughOverIpv6) {
  OsReport os = matched(false);
  os.is_v6 = true;
  EXPECT_THAT(text_of(os), StartsWith(kClasses));
}

TEST_F(OsReports, MatchesAreNamed) {
  const std::string details = "OS details: Linux 5.1, an \"odd\" <one> & more\n";
  EXPECT_EQ(text_of(matched()), fmt::format("{}{}{}", kClasses, details, kFarther));
  EXPECT_EQ(text_of(matched(), run_of(1)), fmt::format("{}{}{}", kClasses, details, kFarther));
  EXPECT_EQ(text_of(matched(false)),
            fmt::format("{}{}{}{}", kWarning, kClasses, details, kFarther));
  for (const AuditRun& run : {run_of(2), run_of(1, 1)}) {
    EXPECT_EQ(text_of(matched(false), run),
              fmt::format("{}{}{}TCP/IP fingerprint:\n{}\n{}", kWarning, kClasses, details, kPieces,
                          kFarther));
  }
}

TEST_F(OsReports, TooManyMatchesAreNotNamed) {
  OsReport os = with(OsState::TooMany, false);
  const std::string_view many =
      "Too many fingerprints match this host to give specific OS details\n";
  EXPECT_EQ(text_of(os), fmt::format("{}{}", many, kFarther));
  os.summary = matched().summary;
  os.summary.details.clear();
  EXPECT_EQ(text_of(os), fmt::format("{}{}{}", kClasses, many, kFarther));
  EXPECT_EQ(text_of(os, run_of(2)),
            fmt::format("{}{}TCP/IP fingerprint:\n{}\n{}", kClasses, many, kPlain, kFarther));
}

TEST_F(OsReports, GuessesAreKeptBackWhereOthersCouldLearn) {
  const std::string block = fmt::format("TCP/IP fingerprint:\n{}\n{}", kPieces, kFarther);
  EXPECT_THAT(text_of(guessed(true)), StartsWith("No exact OS matches for host (If you know what"));
  EXPECT_THAT(text_of(guessed(true)), EndsWith(").\n" + block));
  AuditRun run = run_of();
  run.guesses_os = true;
  EXPECT_THAT(text_of(guessed(true), run),
              StartsWith(fmt::format("{}Aggressive OS guesses: Linux G (98%), Linux H (98%)\n"
                                     "No exact OS matches for host (If",
                                     kGuessed)));
  EXPECT_THAT(text_of(guessed(true), run), EndsWith(block));
}

TEST_F(OsReports, GuessesAreToldWhereConditionsWerePoor) {
  const std::string_view guesses =
      "Aggressive OS guesses: Linux G (98%), Linux H (98%)\n"
      "No exact OS matches for host (test conditions non-ideal).\n";
  EXPECT_EQ(text_of(guessed(false), run_of(1)),
            fmt::format("{}{}{}{}", kWarning, kGuessed, guesses, kFarther));
  EXPECT_EQ(text_of(guessed(false), run_of(2)),
            fmt::format("{}{}{}{}TCP/IP fingerprint:\n{}\n{}", kWarning, kGuessed, kFlaw, guesses,
                        kPlain, kFarther));
}

TEST_F(OsReports, NothingThatFitsIsToldWithTheReason) {
  const std::string poor = fmt::format("{}{}No OS matches for host\n", kWarning, kFlaw);
  EXPECT_EQ(text_of(with(OsState::None, false)), fmt::format("{}{}", poor, kFarther));
  EXPECT_EQ(text_of(with(OsState::None, false), run_of(1, 1)),
            fmt::format("{}TCP/IP fingerprint:\n{}\n{}", poor, kPlain, kFarther));
  EXPECT_THAT(text_of(with(OsState::None)), StartsWith("No OS matches for host (If you know"));
  EXPECT_THAT(text_of(with(OsState::None)), HasSubstr(kPieces));
}

TEST_F(OsReports, NumbersAreForThoseWhoWantToKnowMore) {
  EXPECT_THAT(text_of(measured()), Not(HasSubstr("Uptime")));
  EXPECT_THAT(text_of(measured(), run_of(1)),
              EndsWith("Uptime guess: 0.000 days (since Mon Nov 23 02:56:52 2026)\n"
                       "Network Distance: 1 hop\n"
                       "TCP Sequence Prediction: Difficulty=258 (Good luck!)\n"
                       "IP ID Sequence Generation: All zeros\n"));
  OsReport here = matched();
  here.distance = 0;
  EXPECT_THAT(text_of(here), EndsWith("Network Distance: 0 hops\n"));
}

TEST_F(OsReports, SkippedHostsHaveNothing) {
  OsReport os;
  os.state = OsState::Skipped;
  EXPECT_EQ(text_of(os, run_of(2, 2)), "");
  EXPECT_THAT(report_of(Format::Xml, os), Not(HasSubstr("<os")));
  EXPECT_THAT(report_of(Format::Json, os), HasSubstr("\"os\":{\"state\":\"skipped\""));
}

TEST_F(OsReports, XmlIsAsNmaps) {
  EXPECT_THAT(
      report_of(Format::Xml, measured(), run_of(1)),
      HasSubstr(
          "</ports>\n"
          "<os><portused state=\"open\" proto=\"tcp\" portid=\"22\"/>\n"
          "<portused state=\"closed\" proto=\"tcp\" portid=\"20\"/>\n"
          "<portused state=\"closed\" proto=\"udp\" portid=\"37048\"/>\n"
          "<osmatch name=\"Linux 5.1, an &quot;odd&quot; &lt;one&gt; &amp; more\" accuracy=\"100\" "
          "line=\"16\">\n"
          "<osclass type=\"general purpose\" vendor=\"Linux\" osfamily=\"Linux\" osgen=\"5.X\" "
          "accuracy=\"100\"><cpe>cpe:/o:linux:linux_kernel:5</cpe></osclass>\n"
          "<osclass type=\"WAP\" vendor=\"Acme\" osfamily=\"embedded\" "
          "accuracy=\"100\"><cpe>cpe:/h:acme:box</cpe></osclass>\n"
          "</osmatch>\n"
          "</os>\n"
          "<uptime seconds=\"1\" lastboot=\"Mon Nov 23 02:56:52 2026\"/>\n"
          "<distance value=\"1\"/>\n"
          "<tcpsequence index=\"258\" difficulty=\"Good luck!\" values=\"BC00B4BB,D7\"/>\n"
          "<ipidsequence class=\"All zeros\" values=\"0,0\"/>\n"
          "<tcptssequence class=\"other\" values=\"48FC232\"/>\n"
          "</host>\n"));
}

TEST_F(OsReports, XmlHasTheFingerprintThatIsShown) {
  EXPECT_THAT(report_of(Format::Xml, guessed(true)),
              HasSubstr("<osfingerprint fingerprint=\"OS:SCAN(V=7.93"));
  EXPECT_THAT(report_of(Format::Xml, guessed(true)), HasSubstr("1638F7%T&#xa;OS:M=6B03ABB8"));
  EXPECT_THAT(report_of(Format::Xml, guessed(true)), HasSubstr("<osmatch name=\"Linux G\""));
  EXPECT_THAT(report_of(Format::Xml, guessed(false)), Not(HasSubstr("osfingerprint")));
  EXPECT_THAT(report_of(Format::Xml, guessed(false), run_of(2)),
              HasSubstr("<osfingerprint fingerprint=\"SCAN(V=7.93"));
}

TEST_F(OsReports, GrepableNamesPerfectMatches) {
  EXPECT_THAT(report_of(Format::Grepable, measured()),
              EndsWith("\tOS: Linux 5.1, an \"odd\" <one> & more\tSeq Index: 258\tIP ID Seq: All "
                       "zeros\n"));
  OsReport two = matched();
  two.matches.push_back({.name = "Linux B", .accuracy = 100, .line = 20, .classes = {}});
  EXPECT_THAT(report_of(Format::Grepable, two), EndsWith(" & more|Linux B\n"));
  EXPECT_THAT(report_of(Format::Grepable, guessed(false)), Not(HasSubstr("OS: ")));
}

TEST_F(OsReports, PortsThatDifferArePointedOut) {
  OsReport os = matched();
  os.ports = {{.port = 22,
               .state = OsState::Matches,
               .matches = os.matches,
               .fingerprint = "T2(R=N)",
               .machine = 0,
               .difference = {}},
              {.port = 80,
               .state = OsState::Guesses,
               .matches = guessed(true).matches,
               .fingerprint = {},
               .machine = 1,
               .difference = "TTL 128, not 64"}};
  EXPECT_THAT(
      text_of(os),
      EndsWith("OS by port:\n"
               "  22/tcp: Linux 5.1, an \"odd\" <one> & more\n"
               "  80/tcp: Linux G (98%); seems to be on another machine: TTL 128, not 64\n"));
  EXPECT_THAT(report_of(Format::Xml, os),
              HasSubstr("<hostscript><script id=\"os-per-port\" output=\"22/tcp: Linux"));
  EXPECT_THAT(report_of(Format::Json, os), HasSubstr("\"difference\":\"TTL 128, not 64\""));
}

TEST_F(OsReports, HostileNamesStayInTheirPlaces) {
  OsReport os = measured();
  os.matches[0].name = kHostile;
  os.matches[0].classes[0] = {kHostile, kHostile, kHostile, kHostile, {kHostile}};
  os.summary = {kHostile, kHostile, kHostile, kHostile};
  os.fingerprint = kHostile;
  os.warnings = {kHostile};
  os.sequence->difficulty = os.ip_ids->kind = os.stamps->kind = kHostile;
  os.ports = {{.port = 22,
               .state = OsState::Matches,
               .matches = os.matches,
               .fingerprint = kHostile,
               .machine = 1,
               .difference = kHostile}};
  const AuditRun run = run_of(2, 2);
  for (const Format format :
       {Format::Normal, Format::Xml, Format::Grepable, Format::Json, Format::Kiddie}) {
    const std::string text = report_of(format, os, run);
    for (const char bad : {'\x1b', '\xff'}) {
      EXPECT_EQ(text.find(bad), std::string::npos) << static_cast<int>(format);
    }
    if (format == Format::Normal) continue;
    EXPECT_THAT(text, Not(HasSubstr(format == Format::Xml ? "<c>" : "\ng"))) << text;
  }
  EXPECT_THAT(report_of(Format::Grepable, os, run), Not(HasSubstr("\tf")));
}

TEST_F(OsReports, KiddiesGetFingerprintsAsTheyAre) {
  EXPECT_THAT(report_of(Format::Kiddie, guessed(true)), HasSubstr(kPieces));
  EXPECT_THAT(report_of(Format::Kiddie, guessed(false), run_of(2)), HasSubstr(kPlain));
}

}  // namespace
}  // namespace trawl::control
