#include "service/probes/probe_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace trawl::service {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kInstalled = "/usr/share/nmap/nmap-service-probes";

ProbeFile parse(std::string_view text) { return parse_probe_file(text, "test"); }

// "line: reason" of all problems, one a line.
std::string problems(const ProbeFile& file) {
  std::string text;
  for (const auto& [line, reason] : file.problems) {
    text += std::to_string(line);
    text += ": ";
    text += reason;
    text += '\n';
  }
  return text;
}

// Parses one match line, which has to be good.
MatchLine match(const std::string& line) {
  std::string text = "Probe TCP One q|1|\n";
  text += line;
  const ProbeFile file = parse(text);
  EXPECT_THAT(problems(file), IsEmpty()) << line;
  if (file.probes.size() != 1 || file.probes[0].matches.size() != 1) {
    ADD_FAILURE() << line;
    return {};
  }
  return file.probes[0].matches[0];
}

// What is said of a line behind a good probe, which must not be among the matches then.
std::string trouble(std::string_view line) {
  std::string text = "Probe TCP One q|1|\n";
  text += line;
  text += "\nmatch last m|.|\n";
  const ProbeFile file = parse(text);
  EXPECT_EQ(file.probes.at(0).matches.size(), 1U) << line;
  EXPECT_EQ(file.probes.at(0).matches.at(0).service, "last") << line;
  return problems(file);
}

TEST(ProbeFile, WholeProbesAreRead) {
  const ProbeFile file = parse(
      "# A comment\n"
      "Exclude 53,T:9100-9107,U:30000-40000\n"
      "\n"
      "Probe TCP NULL q||\n"
      "totalwaitms 6000\n"
      "tcpwrappedms 3000\n"
      "match ssh m/^SSH-/ p/A daemon/\n"
      "Probe UDP Ask q=a|b\\x7C=   no-payload\n"
      "ports 53,100-200\n"
      "sslports 853\n"
      "rarity 3\n"
      "fallback NULL,Later\n"
      "softmatch dns m=^.=\n"
      "Probe UDP Later q|x|\n");
  EXPECT_THAT(problems(file), IsEmpty());
  ASSERT_EQ(file.probes.size(), 3U);
  EXPECT_EQ(file.null_probe, 0U);
  const Probe& null = file.probes[0];
  EXPECT_TRUE(null.is_null());
  EXPECT_EQ(null.line, 4U);
  EXPECT_EQ(null.rarity, 0U);
  EXPECT_EQ(null.total_wait, 6000ms);
  EXPECT_EQ(null.wrapped_wait, 3000ms);
  ASSERT_EQ(null.matches.size(), 1U);
  EXPECT_EQ(null.matches[0].line, 7U);
  EXPECT_TRUE(null.can_match("ssh"));
  EXPECT_FALSE(null.can_match("dns"));
  const Probe& ask = file.probes[1];
  EXPECT_EQ(ask.transport, Transport::Udp);
  EXPECT_EQ(ask.payload, "a|b|");
  EXPECT_TRUE(ask.no_payload);
  EXPECT_FALSE(ask.is_null());
  EXPECT_EQ(ask.rarity, 3U);
  EXPECT_EQ(ask.total_wait, 5000ms);
  EXPECT_EQ(ask.wrapped_wait, 2000ms);
  EXPECT_THAT(ask.fallback_names, ElementsAre("NULL", "Later"));
  EXPECT_THAT(ask.fallbacks, ElementsAre(2U));
  EXPECT_TRUE(ask.ports.contains(53) && ask.ports.contains(100) && ask.ports.contains(200));
  EXPECT_FALSE(ask.ports.contains(52) || ask.ports.contains(201) || ask.ports.contains(853));
  EXPECT_TRUE(ask.tls_ports.contains(853));
  EXPECT_TRUE(ask.matches.at(0).is_soft);
  EXPECT_EQ(file.probes[2].rarity, 5U);
  EXPECT_TRUE(file.excluded_tcp.contains(53) && file.excluded_tcp.contains(9107));
  EXPECT_TRUE(file.excluded_udp.contains(53) && file.excluded_udp.contains(35000));
  EXPECT_FALSE(file.excluded_tcp.contains(35000) || file.excluded_udp.contains(9100));
}

TEST(ProbeFile, PayloadEscapesStandForBytes) {
  const ProbeFile file = parse(R"(Probe TCP A q|\0\a\b\f\n\r\t\v\x00\xfF\\\0007|)");
  ASSERT_EQ(file.probes.size(), 1U) << problems(file);
  EXPECT_EQ(file.probes[0].payload,
            "\0\a\b\f\n\r\t\v\0\xff\\\0"
            "007"s);
}

TEST(ProbeFile, MatchLinesHaveAllTheirParts) {
  const MatchLine line = match(
      "match ftp m=^220 (\\S+) x=si p/Some $1 server/ v|$1/2| i%a (b)% h/$2/ o/Linux/ d/router/ "
      "cpe:/a:some:thing:$1/a cpe:|o:linux:linux_kernel|");
  EXPECT_EQ(line.service, "ftp");
  EXPECT_FALSE(line.is_soft);
  EXPECT_FALSE(line.is_tls);
  EXPECT_EQ(line.line, 2U);
  EXPECT_EQ(line.pattern, "^220 (\\S+) x");
  EXPECT_TRUE(line.ignores_case);
  EXPECT_TRUE(line.dot_takes_newline);
  EXPECT_THAT(line.fields, ElementsAre("Some $1 server", "$1/2", "a (b)", "$2", "Linux", "router"));
  EXPECT_THAT(line.cpes, ElementsAre("cpe:/a:some:thing:$1", "cpe:/o:linux:linux_kernel"));
}

TEST(ProbeFile, FlagsAreThoseGiven) {
  EXPECT_FALSE(match("match a m/b/").ignores_case);
  EXPECT_FALSE(match("match a m/b/").dot_takes_newline);
  EXPECT_TRUE(match("match a m/b/i").ignores_case);
  EXPECT_FALSE(match("match a m/b/i p/c/").dot_takes_newline);
  EXPECT_TRUE(match("match a m/b/s p/c/").dot_takes_newline);
  EXPECT_EQ(match("softmatch a m//").pattern, "");
}

TEST(ProbeFile, OnlyALeadingSslIsATunnel) {
  EXPECT_TRUE(match("match ssl/http m/b/").is_tls);
  EXPECT_EQ(match("match ssl/http m/b/").service, "http");
  EXPECT_FALSE(match("match H.323/Q.931 m/b/").is_tls);
  EXPECT_EQ(match("match H.323/Q.931 m/b/").service, "H.323/Q.931");
  EXPECT_FALSE(match("match ssl m/b/").is_tls);
  EXPECT_THAT(trouble("match ssl/ m/b/"), HasSubstr("2: the service has no name"));
}

TEST(ProbeFile, FallbackLooksInItsOwnTransportFirst) {
  const ProbeFile file = parse(
      "Probe UDP Both q|1|\n"
      "Probe UDP OnlyUdp q|2|\n"
      "Probe TCP A q|3|\nfallback OnlyUdp, Both,A,Both\n"
      "Probe TCP Both q|4|\n"
      "Probe UDP B q|5|\nfallback Both\n");
  EXPECT_THAT(problems(file), IsEmpty());
  EXPECT_THAT(file.probes[2].fallbacks, ElementsAre(1U, 3U));
  EXPECT_THAT(file.probes[4].fallbacks, ElementsAre(0U));
  EXPECT_EQ(file.find_probe("Both", Transport::Tcp), &file.probes[3]);
  EXPECT_EQ(file.find_probe("Both", Transport::Udp), &file.probes[0]);
  EXPECT_EQ(file.find_probe("A", Transport::Udp), nullptr);
}

TEST(ProbeFile, UnknownFallbacksAreToldOf) {
  const ProbeFile file = parse("Probe TCP A q|3|\nrarity 1\nfallback B\n");
  EXPECT_EQ(problems(file), "3: in fallback, no probe is named \"B\"\n");
  EXPECT_THAT(file.probes.at(0).fallbacks, IsEmpty());
}

TEST(ProbeFile, WrongMatchLinesAreLeftOut) {
  EXPECT_EQ(trouble("match http"), "2: a pattern m/.../ should be where \"\" is\n");
  EXPECT_EQ(trouble("match"), "2: the service has no name\n");
  EXPECT_EQ(trouble("match http x/a/"), "2: a pattern m/.../ should be where \"x/a/\" is\n");
  EXPECT_EQ(trouble("match http m/a"),
            "2: in the pattern, the delimiter \"/\" is not there a second time\n");
  EXPECT_EQ(trouble("match http m"), "2: in the pattern, a delimiter is missing\n");
  EXPECT_EQ(trouble("match http m/a/x"), "2: the pattern's flag 'x' is unknown\n");
  EXPECT_EQ(trouble("match http m/a/ p/b"),
            "2: in the field p, the delimiter \"/\" is not there a second time\n");
  EXPECT_EQ(trouble("match http m/a/ z/b/"), "2: \"z/b/\" is no field of a version\n");
  EXPECT_EQ(trouble("match http m/a/ p/b/ p/c/"), "2: the field p is there twice\n");
  EXPECT_EQ(trouble("match http m/a/ p/b/v/c/"), "2: a blank should be before \"v/c/\"\n");
  EXPECT_EQ(trouble("match http m/a/ cpe:/x:b/"),
            "2: the cpe \"x:b\" begins with none of a:, h: and o:\n");
  EXPECT_EQ(trouble("match http m/a/ cpe:/a:b"),
            "2: in the cpe, the delimiter \"/\" is not there a second time\n");
  EXPECT_EQ(trouble("match http m/a/ cpe:/a:b/q"), "2: the cpe's flag \"q\" is unknown\n");
}

TEST(ProbeFile, WrongSettingsAreLeftOut) {
  EXPECT_EQ(trouble("rarity 10"), "2: in rarity, \"10\" is not a number of 1 to 9\n");
  EXPECT_EQ(trouble("rarity 0"), "2: in rarity, \"0\" is not a number of 1 to 9\n");
  EXPECT_EQ(trouble("rarity"), "2: in rarity, \"\" is not a number of 1 to 9\n");
  EXPECT_EQ(trouble("rarity 3x"), "2: in rarity, \"3x\" is not a number of 1 to 9\n");
  EXPECT_EQ(trouble("totalwaitms -1"),
            "2: in totalwaitms, \"-1\" is not a number of 1 to 3600000\n");
  EXPECT_EQ(trouble("tcpwrappedms 99999999999"),
            "2: in tcpwrappedms, \"99999999999\" is not a number of 1 to 3600000\n");
  EXPECT_EQ(trouble("ports 80,65536"), "2: in ports, \"65536\" is not a port or a range\n");
  EXPECT_EQ(trouble("ports 90-80"), "2: in ports, the range \"90-80\" is backwards\n");
  EXPECT_EQ(trouble("ports 80,,81"), "2: in ports, \"\" is not a port or a range\n");
  EXPECT_EQ(trouble("ports"), "2: in ports, it names no port\n");
  EXPECT_EQ(trouble("sslports http"), "2: in sslports, \"http\" is not a port or a range\n");
  EXPECT_EQ(trouble("fallback"), "2: in fallback, it names no probe\n");
  EXPECT_EQ(trouble("fallback A,,B"), "2: in fallback, a probe's name is missing\n");
  EXPECT_EQ(trouble("ports 1\nports 2"), "3: the probe has ports already; the first one holds\n");
  EXPECT_EQ(trouble("frobnicate 1"), "2: the directive \"frobnicate\" is unknown\n");
  EXPECT_EQ(trouble("Exclude 1"), "2: Exclude is behind a Probe\n");
}

TEST(ProbeFile, LinesOfAWrongProbeGoWithIt) {
  for (const std::string_view probe :
       {"Probe TCP Two q|2", "Probe SCTP Two q|2|", "Probe TCP Two", "Probe TCP", "Probe",
        "Probe TCP Two q|\\xZZ|", "Probe TCP Two q|\\q|", "Probe TCP Two q|2| payload",
        "Probe TCP One q|2|", "Probe TCP Two q|2| no-payload more", "Probe TCP Two q||"}) {
    std::string text = "Probe TCP NULL q||\nProbe TCP One q|1|\nrarity 2\n";
    text += probe;
    text += "\nrarity 3\nmatch bad m/./\nProbe TCP Three q|3|\nmatch good m/./\n";
    const ProbeFile file = parse(text);
    ASSERT_EQ(file.probes.size(), 3U) << probe;
    EXPECT_EQ(file.probes[1].rarity, 2U) << probe;
    EXPECT_THAT(file.probes[1].matches, IsEmpty()) << probe;
    EXPECT_EQ(file.probes[2].matches.at(0).service, "good") << probe;
    ASSERT_EQ(file.problems.size(), 1U) << probe << '\n' << problems(file);
    EXPECT_EQ(file.problems[0].line, 4U);
    EXPECT_THAT(file.problems[0].reason, HasSubstr("the probe and its lines are left out: "));
  }
}

TEST(ProbeFile, NamesAreTakenOncePerTransport) {
  const ProbeFile file = parse("Probe TCP A q|1|\nProbe UDP A q|1|\nProbe TCP A q|2|\n");
  EXPECT_EQ(problems(file),
            "3: the probe and its lines are left out: \"A\" is the name of the probe of line 1\n");
  EXPECT_EQ(file.probes.size(), 2U);
}

TEST(ProbeFile, DirectivesBeforeAnyProbeAreToldOf) {
  EXPECT_EQ(problems(parse("match a m/b/\nrarity 1\nProbe TCP A q|1|\n")),
            "1: match is before any Probe\n2: rarity is before any Probe\n");
}

TEST(ProbeFile, ExcludeIsAsPortListsAre) {
  const ProbeFile file = parse("Exclude -5,60000-,T:100 , U:,7,S:9\nProbe TCP A q|1|\n");
  EXPECT_THAT(problems(file), IsEmpty());
  const auto has = [&](std::uint16_t port) {
    return std::pair{file.excluded_tcp.contains(port), file.excluded_udp.contains(port)};
  };
  EXPECT_EQ(has(0), (std::pair{false, false}));
  EXPECT_EQ(has(1), (std::pair{true, true}));
  EXPECT_EQ(has(65535), (std::pair{true, true}));
  EXPECT_EQ(has(100), (std::pair{true, false}));
  EXPECT_EQ(has(7), (std::pair{false, true}));
  EXPECT_EQ(has(9), (std::pair{false, false}));
  EXPECT_EQ(problems(parse("Exclude X:1\nExclude 1\nExclude 2\n")),
            "1: in Exclude, \"X:\" is neither T:, U: nor S:\n"
            "3: a second Exclude; the first one holds\n");
}

TEST(ProbeFile, RangesJoin) {
  const auto set = parse("Probe TCP A q|1|\nports 5-9,1-2,3,20,8-12,65535,65534\n").probes.at(0);
  std::string text;
  for (const auto& [first, last] : set.ports.ranges()) {
    text += std::to_string(first) + "-" + std::to_string(last) + " ";
  }
  EXPECT_EQ(text, "1-3 5-12 20-20 65534-65535 ");
}

TEST(ProbeFile, EndlessLinesAndNulBytesAreLeftOut) {
  const std::string text = "Probe TCP A q|1|\nmatch a m/" + std::string(70'000, 'x') +
                           "/\nmatch b m/\0/\nmatch c m/c/\r\n"s;
  const ProbeFile file = parse(text);
  EXPECT_EQ(problems(file), "2: the line is over 65536 bytes long\n3: the line has a NUL byte\n");
  ASSERT_EQ(file.probes.at(0).matches.size(), 1U);
  EXPECT_EQ(file.probes[0].matches[0].service, "c");
}

TEST(ProbeFile, ProblemsAreBoundedShortAndPrintable) {
  std::string text;
  for (int count = 0; count < 5000; ++count) text += "\x1b[2J" + std::string(1000, '\xff') + "\n";
  const ProbeFile file = parse(text);
  EXPECT_EQ(file.problems.size(), ProbeFile::kMostProblems + 1);
  EXPECT_EQ(file.problems.back().reason, "and more wrong lines, which are not listed");
  for (const auto& problem : file.problems) {
    EXPECT_LT(problem.reason.size(), 200U);
    for (const char byte : problem.reason) EXPECT_TRUE(byte >= ' ' && byte <= '~');
  }
}

TEST(ProbeFile, EverythingIsCountedNotKeptEndlessly) {
  std::string text;
  for (std::size_t count = 0; count < ProbeFile::kMostProbes + 2; ++count) {
    text += "Probe TCP P" + std::to_string(count) + " q|1|\n";
  }
  const ProbeFile file = parse(text);
  EXPECT_EQ(file.probes.size(), ProbeFile::kMostProbes);
  EXPECT_EQ(file.problems.size(), 2U);
}

TEST(ProbeFile, FilesThatCannotBeUsedAreNamed) {
  const auto missing = read_probe_file("/nowhere/probes");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ExitCode::BadInput);
  EXPECT_EQ(missing.error().message, "/nowhere/probes: No such file or directory");
  EXPECT_EQ(read_probe_file("/").error().message, "/: Is a directory");
  EXPECT_EQ(read_probe_file("/dev/null").error().message, "/dev/null: the file holds no probe");
  EXPECT_EQ(read_probe_file("/dev/zero").error().message,
            "/dev/zero: the file is over 64 MiB long");
}

// The figures of Nmap 7.93's file, counted by its documentation's grammar.
TEST(ProbeFile, InstalledFileIsReadWhole) {
  if (::access(kInstalled, R_OK) != 0) GTEST_SKIP() << kInstalled << " is not installed";
  std::ifstream text{kInstalled};
  const auto lines = std::count(std::istreambuf_iterator<char>{text}, {}, '\n');
  if (lines != 16'649) GTEST_SKIP() << kInstalled << " is not that of Nmap 7.93";
  const auto file = read_probe_file(kInstalled);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(problems(*file), IsEmpty());
  std::map<std::string, int> counts;
  std::set<std::string> services;
  std::set<std::string> soft_services;
  std::map<unsigned, int> rarities;
  for (const Probe& probe : file->probes) {
    ++counts[probe.transport == Transport::Tcp ? "TCP" : "UDP"];
    counts["ports"] += probe.ports.empty() ? 0 : 1;
    counts["sslports"] += probe.tls_ports.empty() ? 0 : 1;
    counts["fallback"] += probe.fallback_names.empty() ? 0 : 1;
    counts["fallback found"] += probe.fallbacks.empty() ? 0 : 1;
    counts["totalwaitms"] += probe.total_wait != 5000ms ? 1 : 0;
    counts["tcpwrappedms"] += probe.wrapped_wait != 2000ms ? 1 : 0;
    ++rarities[probe.rarity];
    EXPECT_FALSE(probe.matches.empty()) << probe.name;
    for (const MatchLine& line : probe.matches) {
      ++counts[line.is_soft ? "softmatch" : "match"];
      (line.is_soft ? soft_services : services).insert((line.is_tls ? "ssl/" : "") + line.service);
      counts["ssl/"] += line.is_tls ? 1 : 0;
      counts["i"] += line.ignores_case && !line.dot_takes_newline ? 1 : 0;
      counts["s"] += line.dot_takes_newline && !line.ignores_case ? 1 : 0;
      counts["is"] += line.dot_takes_newline && line.ignores_case ? 1 : 0;
      counts["cpe"] += static_cast<int>(line.cpes.size());
      for (std::size_t field = 0; field < MatchLine::kFields; ++field) {
        counts[std::string(1, "pvihod"[field])] += line.fields[field].empty() ? 0 : 1;
      }
      // The flag i shares its letter with the field i.
      counts["i"] -= line.fields[2].empty() ? 0 : 1;
      counts["info"] += line.fields[2].empty() ? 0 : 1;
    }
  }
  const std::map<std::string, int> expected = {
      {"TCP", 100},       {"UDP", 48},         {"match", 11721}, {"softmatch", 196},
      {"ports", 144},     {"sslports", 27},    {"fallback", 11}, {"fallback found", 11},
      {"totalwaitms", 6}, {"tcpwrappedms", 1}, {"ssl/", 19},     {"i", 24},
      {"s", 3216},        {"is", 12},          {"p", 11697},     {"v", 4771},
      {"info", 3554},     {"h", 1205},         {"o", 2668},      {"d", 3637},
      {"cpe", 8156}};
  EXPECT_EQ(counts, expected);
  EXPECT_EQ(rarities,
            (std::map<unsigned, int>{
                {0, 1}, {1, 6}, {3, 3}, {4, 8}, {5, 10}, {6, 13}, {7, 8}, {8, 51}, {9, 48}}));
  EXPECT_EQ(services.size(), 1229U);
  EXPECT_EQ(soft_services.size(), 97U);
  EXPECT_TRUE(file->excluded_tcp.contains(9100) && file->excluded_tcp.contains(9107));
  EXPECT_FALSE(file->excluded_tcp.contains(9108) || file->excluded_udp.contains(9100));
  const Probe* const version = file->find_probe("DNSVersionBindReqTCP", Transport::Tcp);
  ASSERT_NE(version, nullptr);
  ASSERT_EQ(version->fallbacks.size(), 1U);
  EXPECT_EQ(&file->probes[version->fallbacks[0]],
            file->find_probe("DNSVersionBindReq", Transport::Udp));
}

}  // namespace
}  // namespace trawl::service
