#include "control/audit/resume/resume_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "control/audit/report/audit_reports.h"
#include "control/audit/report/report_format.h"
#include "control/audit/resume/json_line.h"
#include "control/audit/resume/xml_log.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;
using Words = std::vector<std::string>;

constexpr Format kFormats[] = {Format::Normal, Format::Xml, Format::Grepable, Format::Json};

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

Result<LogRun> read(std::string_view content) {
  ResumeLogReader reader{"log"};
  if (auto taken = reader.take(content); !taken) return Failure{taken.error()};
  return reader.finish();
}

std::string failure(std::string_view content) {
  const auto run = read(content);
  return run ? "" : run.error().message;
}

AuditRun run_of(Words words) {
  AuditRun run;
  run.program = "trawl";
  run.command_line = std::move(words);
  run.started = std::chrono::system_clock::time_point{std::chrono::seconds{1795322410}};
  run.names_downs = true;
  return run;
}

HostReport host_of(std::string_view address, HostStatus status = HostStatus::Up) {
  HostReport report;
  report.ip = ip(address);
  report.status = status;
  report.name = "a (name) [host down] <b>\n\"";
  report.ports_scanned = status == HostStatus::Up;
  if (report.ports_scanned) {
    report.ports.push_back({PortProtocol::Tcp, 22, PortState::Open, {.word = "syn-ack"}});
  }
  return report;
}

// A report of ours with three hosts, the second down.
struct Sample {
  std::string start, hosts[3], end;

  [[nodiscard]] std::string body() const { return start + hosts[0] + hosts[1] + hosts[2]; }
};
Sample sample_of(Format format, Words words = {"-n", "198.18.0.0/24"}, bool is_running = true) {
  const auto made = make_report_format(format, run_of(std::move(words)), nullptr);
  AuditTotals totals;
  totals.is_running = is_running;
  return {.start = made->header(),
          .hosts = {made->host(host_of("198.18.0.1")),
                    made->host(host_of("198.18.0.2", HostStatus::Down)),
                    made->host(host_of("198.18.0.3"))},
          .end = made->footer(totals)};
}

TEST(ResumeLog, TellsOfEveryHostOfAReportOfOurs) {
  for (const Format format : kFormats) {
    const Sample sample = sample_of(format);
    const auto run = read(sample.body() + sample.end);
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_EQ(run->format, format);
    EXPECT_EQ(run->words, (Words{"-n", "198.18.0.0/24"}));
    EXPECT_EQ(run->started, run_of({}).started);
    EXPECT_EQ(run->whole, sample.body().size());
    EXPECT_FALSE(run->has_ended);
    EXPECT_EQ(run->hosts, (SeenHosts{{ip("198.18.0.1"), {1, 1}},
                                     {ip("198.18.0.2"), {1, 0}},
                                     {ip("198.18.0.3"), {1, 1}}}));
  }
}

TEST(ResumeLog, KnowsWhoEndedByItself) {
  for (const Format format : kFormats) {
    const Sample sample = sample_of(format, {"-n"}, false);
    EXPECT_TRUE(read(sample.body() + sample.end)->has_ended);
    AuditTotals totals;
    totals.failure = "interrupted";
    const std::string end = make_report_format(format, run_of({}), nullptr)->footer(totals);
    const auto stopped = read(sample.body() + end);
    EXPECT_FALSE(stopped->has_ended);
    EXPECT_EQ(stopped->whole, sample.body().size());
  }
}

// Wherever a report is torn, what is kept of it is whole hosts, and those alone count.
TEST(ResumeLog, TornAnywhereKeepsWholeHosts) {
  for (const Format format : kFormats) {
    const Sample sample = sample_of(format);
    const std::string text = sample.body() + sample.end;
    for (std::size_t size = sample.start.size(); size <= text.size(); ++size) {
      const auto run = read(text.substr(0, size));
      ASSERT_TRUE(run) << size;
      std::uint64_t end = sample.start.size();
      for (std::size_t i = 0; i < run->hosts.size(); ++i) end += sample.hosts[i].size();
      EXPECT_EQ(run->whole, end) << static_cast<int>(format) << " torn at " << size;
      EXPECT_LE(run->whole, size);
    }
    for (std::size_t size = 0; size < sample.start.size(); ++size) {
      const auto run = read(text.substr(0, size));
      if (!run) continue;
      EXPECT_TRUE(run->hosts.empty() && !run->has_whole_start && !run->has_ended) << size;
    }
  }
}

// A kill may tear the write that replaces the end of before, which then shows behind the tear.
TEST(ResumeLog, TornOverAnOldEndKeepsWholeHosts) {
  for (const Format format : kFormats) {
    const Sample sample = sample_of(format);
    const std::string before = sample.start + sample.hosts[0] + sample.hosts[1];
    const std::string after = sample.hosts[2] + sample.end;
    for (std::size_t size = 1; size < sample.end.size(); ++size) {
      const auto run = read(before + after.substr(0, size) + sample.end.substr(size));
      ASSERT_TRUE(run) << static_cast<int>(format) << " " << size << " "
                       << after.substr(0, size) + sample.end.substr(size);
      EXPECT_FALSE(run->has_ended) << static_cast<int>(format) << " " << size;
      const bool has_third = size >= sample.hosts[2].size();
      EXPECT_LE(run->hosts.size(), has_third ? 3U : 2U) << static_cast<int>(format) << " " << size;
      EXPECT_LE(run->whole, before.size() + (has_third ? sample.hosts[2].size() : 0));
    }
  }
}

// A kill before the file is cut to its new end leaves the rest of the old one.
TEST(ResumeLog, WhatIsBehindTheEndIsToBeCutOff) {
  for (const Format format : kFormats) {
    const Sample sample = sample_of(format, {"-n"}, false);
    const auto run = read(sample.body() + sample.end + "ot ended\n");
    EXPECT_FALSE(run->has_ended) << static_cast<int>(format);
    EXPECT_EQ(run->whole, sample.body().size());
  }
}

TEST(ResumeLog, InterruptedHostsAreNotFinished) {
  for (const Format format : kFormats) {
    const auto made = make_report_format(format, run_of({"-n"}), nullptr);
    HostReport interrupted = host_of("198.18.0.2");
    interrupted.interrupted = true;
    AuditTotals totals;
    totals.failure = "interrupted";
    const std::string kept = made->header() + made->host(host_of("198.18.0.1"));
    const auto run = read(kept + made->host(interrupted) + made->host(host_of("198.18.0.3")) +
                          made->footer(totals));
    EXPECT_EQ(run->hosts, (SeenHosts{{ip("198.18.0.1"), {1, 1}}})) << static_cast<int>(format);
    EXPECT_EQ(run->whole, kept.size());
    EXPECT_FALSE(run->has_ended);
  }
}

TEST(ResumeLog, AHostNamedTwiceCountsTwice) {
  for (const Format format : kFormats) {
    const Sample sample = sample_of(format);
    const auto run = read(sample.start + sample.hosts[0] + sample.hosts[0] + sample.end);
    EXPECT_EQ(run->hosts, (SeenHosts{{ip("198.18.0.1"), {2, 2}}})) << static_cast<int>(format);
  }
}

TEST(ResumeLog, ReadsTheWordsThatReportsWrite) {
  const Words words{"--data",    "\\xCA\\xFE", "a b",       "",    "q\"x y", "it's",
                    "C:\\x41 b", "x\ty",       "&#45;<>--", "-oN", "%H"};
  for (const Format format : kFormats) {
    EXPECT_EQ(read(sample_of(format, words).start)->words, words) << static_cast<int>(format);
  }
  // No terminal should see it, and so it is escaped: as bytes, but in JSON and XML.
  const Words bytes{"r\xc3\xa9sum\xc3\xa9.nmap", "a\x1b b"};
  for (const Format format : {Format::Normal, Format::Grepable}) {
    EXPECT_EQ(read(sample_of(format, bytes).start)->words, bytes);
  }
  EXPECT_EQ(read(sample_of(Format::Xml, {bytes[0]}).start)->words, Words{bytes[0]});
  EXPECT_EQ(read(sample_of(Format::Json, {bytes[0]}).start)->words, Words{bytes[0]});
}

// Lines of Nmap 7.93, as it printed them in a namespace.
constexpr std::string_view kNmapStart =
    "# Nmap 7.93 scan initiated Sun Nov 22 08:06:46 2026 as: nmap -n --datadir \"q\\\"x y\" "
    "--stylesheet it's \"a\\\\b c\" \\\\x41\\\"\n";

TEST(ResumeLog, ReadsWhatNmapWrites) {
  const Words words{"-n", "--datadir", "q\"x y", "--stylesheet", "it's", "a\\b c", "\\x41\""};
  const std::string host =
      "Nmap scan report for 127.0.0.2\nHost is up (0.00045s latency).\n\n"
      "PORT   STATE  SERVICE\n80/tcp closed http\n\n";
  const std::string normal = std::string{kNmapStart} + host;
  auto run = read(normal + "Nmap scan report for 127.0.0.3 [host down]\nNmap scan rep");
  EXPECT_EQ(run->words, words);
  EXPECT_EQ(run->hosts, (SeenHosts{{ip("127.0.0.2"), {1, 1}}}));
  EXPECT_EQ(run->whole, normal.size());

  run = read(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n"
      "<nmaprun scanner=\"nmap\" args=\"nmap -n -&#45;datadir &quot;q\\&quot;x y&quot; "
      "-&#45;stylesheet it&apos;s &quot;a\\\\b c&quot; \\\\x41\\&quot; &#xc3;&#xa9;\" "
      "start=\"1795334806\" version=\"7.93\" xmloutputversion=\"1.05\">\n"
      "<verbose level=\"0\"/>\n<debugging level=\"0\"/>\n"
      "<hosthint><status state=\"up\" reason=\"unknown-response\" reason_ttl=\"0\"/>\n"
      "<address addr=\"127.0.0.9\" addrtype=\"ipv4\"/>\n<hostnames>\n</hostnames>\n</hosthint>\n"
      "<host starttime=\"1\" endtime=\"2\"><status state=\"up\" reason=\"syn-ack\" "
      "reason_ttl=\"0\"/>\n"
      "<address addr=\"00:00:00:00:00:01\" addrtype=\"mac\"/>\n"
      "<address addr=\"2001:db8::1\" addrtype=\"ipv6\"/>\n</host>\n"
      "<host><status state=\"up\"");
  Words with_name = words;
  with_name.emplace_back("\xc3\xa9");
  EXPECT_EQ(run->words, with_name);
  EXPECT_EQ(run->hosts, (SeenHosts{{ip("2001:db8::1"), {1, 1}}}));
}

// Its --resume begins another report in the same file, of the hosts that were left.
TEST(ResumeLog, TakesWhatNmapResumedForOneRun) {
  const std::string first =
      "# Nmap 7.93 scan initiated Sun Nov 22 08:05:59 2026 as: nmap -n h\n"
      "Host: 127.0.0.1 ()\tStatus: Up\n"
      "Host: 127.0.0.1 ()\tPorts: 80/closed/tcp//http///\n";
  const std::string second =
      "# Nmap 7.93 scan initiated Sun Nov 22 08:06:30 2026 as: nmap --append-output -n h\n"
      "Host: 127.0.0.2 ()\tStatus: Up\n";
  const std::string done =
      "# Nmap done at Sun Nov 22 08:06:32 2026 -- 1 IP address (1 host up) "
      "scanned in 2.17 seconds\n";
  EXPECT_EQ(read(first + second + "Host: 127.0.0.3 ()\tStatus: Up\n")->hosts.size(), 2U);
  EXPECT_EQ(read(first + second + "Host: 127.0.0.3 ()\tStatus: Up\n")->words, (Words{"-n", "h"}));
  EXPECT_TRUE(read(first + second + done)->has_ended);
  // What was ended before, or is of other words, is another run.
  EXPECT_EQ(read(first + done + second + done)->hosts, (SeenHosts{{ip("127.0.0.2"), {1, 1}}}));
  EXPECT_EQ(read(first + first + done)->hosts, (SeenHosts{{ip("127.0.0.1"), {1, 1}}}));
}

TEST(ResumeLog, OfAppendedReportsTheLastCounts) {
  for (const Format format : kFormats) {
    const Sample first = sample_of(format, {"-n", "198.18.0.3"}, false);
    const Sample second = sample_of(format, {"-n", "198.18.0.1"});
    const std::string whole =
        first.start + first.hosts[2] + first.end + second.start + second.hosts[0];
    const auto run = read(whole + second.end);
    EXPECT_EQ(run->words, (Words{"-n", "198.18.0.1"}));
    EXPECT_EQ(run->hosts, (SeenHosts{{ip("198.18.0.1"), {1, 1}}})) << static_cast<int>(format);
    EXPECT_EQ(run->whole, whole.size());
  }
}

TEST(ResumeLog, WhatIsNoReportIsRefused) {
  const std::string sorry = "Unable to parse supposed log file log.  Sorry";
  const std::string start = sample_of(Format::Json).start;
  for (const std::string& content : std::initializer_list<std::string>{
           "",
           "\n",
           "hello\nworld\n",
           "# comment\n",
           "# Nmap done at noon\n",
           "# Nmap 7.93 scan initiated today as: \n",
           "# Nmap 7.93 as: x scan initiated y\n",
           "# Nmap 7.93 scan initiated now as: nmap -n",
           "<?xml version=\"1.0\"?>\n<nmaprun>\n",
           "<?xml version=\"1.0\"?>\n<nmaprun args=\"\">\n",
           "<?xml version=\"1.0\"?>\n",
           "{}\n",
           "{\"schema\":\"trawl.v1\",\"record\":\"host\",\"ip\":\"198.18.0.1\"}\n",
           "{\"schema\":\"trawl.v1\",\"record\":\"start\",\"command\":[]}\n",
           start + "{\"schema\":\"trawl.v1\",\"record\":\"host\",\"ip\":\"198.18.0\"}\n" + start,
           start + "nonsense\n" + sample_of(Format::Json).hosts[0],
           std::string{kNmapStart} + "Nmap scan report for nobody\nNmap scan report for 1.2.3.4\n",
           sample_of(Format::Xml).start + "<host><status state=\"up\"/>\n</host>\n",
           std::string(200, '\0'),
           "\xff\xfe#"}) {
    EXPECT_EQ(failure(content), sorry) << content;
  }
}

TEST(ResumeLog, LongLinesAreCutAndALongStartRefused) {
  const Sample normal = sample_of(Format::Normal);
  std::string note(ResumeLogReader::kLongestLine + 10, 'x');
  EXPECT_EQ(read(normal.start + normal.hosts[0] + "|" + note + "\n" + normal.end)->hosts.size(),
            1U);
  EXPECT_NE(failure("# Nmap 7.93 scan initiated now as: nmap " + note + "\n"), "");
}

TEST(ResumeLog, FilesThatCannotBeReadAreToldInNmapsWords) {
  const TempFile missing;
  EXPECT_EQ(read_resume_log(missing.path()).error().message,
            "Could not mmap() " + missing.path() + " file: No such file or directory (2)");
  EXPECT_EQ(read_resume_log("/").error().message, "Could not mmap() / file: Is a directory (21)");
  const TempFile small{"hello\nworld\n", ".log"};
  EXPECT_EQ(read_resume_log(small.path()).error().message,
            "Output file " + small.path() + " is too short -- no use resuming");
}

TEST(ResumeLog, AttributesAreFoundByTheirWholeName) {
  EXPECT_EQ(xml_attribute("<a xb=\"1\" b='&lt;2&#x20;&bad;&#x110000;'/>", "b"),
            "<2 &bad;&#x110000;");
  EXPECT_EQ(xml_attribute("<a b=\"&#233;&#x20ac;&#x1f600;\">", "b"),
            "\xe9\xe2\x82\xac\xf0\x9f\x98\x80");
  for (const char* text : {"<a>", "<a b", "<a b=", "<a b=1>", "<a b=\"1", "<a c=\"b\"/>"}) {
    EXPECT_EQ(xml_attribute(text, "b"), std::nullopt) << text;
  }
}

TEST(ResumeLog, OnlyWholeJsonObjectsAreTaken) {
  const auto members = parse_json_line(R"( {"a":"x\"\u000a","b":[1,"y",{"c":[]}],"d":-1.5e3} )");
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 3U);
  EXPECT_EQ((*members)[0].text, "x\"\n");
  EXPECT_EQ((*members)[1].texts, Words{"y"});
  EXPECT_EQ((*members)[2].text, "-1.5e3");
  for (const std::string& text :
       std::initializer_list<std::string>{"", "{", "{}}", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
                                          "{\"a\":\"\\q\"}", "{\"a\":\"\\u12\"}", "{\"a\":nul}",
                                          "{\"a\":\"\n\"}", "{\"a\":" + std::string(99, '[')}) {
    EXPECT_FALSE(parse_json_line(text)) << text;
  }
}

}  // namespace
}  // namespace trawl::control
