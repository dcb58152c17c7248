#include "control/survey/survey_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

using Words = std::vector<const char*>;

SurveyOptions parsed(const Words& words) {
  const auto got = parse_survey_options(words);
  if (!got) {
    ADD_FAILURE() << got.error().message;
    return {};
  }
  if (!std::holds_alternative<SurveyOptions>(*got)) {
    ADD_FAILURE() << "not options";
    return {};
  }
  return std::get<SurveyOptions>(*got);
}

// `more` after what every survey needs.
Words basic(const Words& more = {}) {
  Words words{"8.8.8.0/24", "-p", "80", "--link", "eth1"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string refused(const Words& words) {
  const auto got = parse_survey_options(words);
  if (got) return "accepted";
  EXPECT_EQ(got.error().code, ExitCode::Usage);
  return got.error().message;
}

TEST(SurveyOptions, HaveTheDocumentedDefaults) {
  const SurveyOptions options = parsed(basic());
  EXPECT_THAT(options.targets, ElementsAre("8.8.8.0/24"));
  EXPECT_THAT(options.ports, ElementsAre(80));
  EXPECT_EQ(options.link, "eth1");
  EXPECT_EQ(options.rate.for_frame(ByteCount{74}), PacketsPerSecond{10'000.0});
  EXPECT_EQ(options.source_ports, (PortRange{61000, 64999}));
  EXPECT_EQ(options.cooldown, 8s);
  EXPECT_THAT(options.outputs, ElementsAre(OutputSpec{"-", OutputFormat::Jsonl}));
  EXPECT_EQ(options.states, StateSet::open_only());
  EXPECT_THAT(options.fields.lines, IsEmpty());
  EXPECT_THAT(options.fields.zmap, IsEmpty());
  EXPECT_TRUE(options.filter.accepts(Verdict{}));
  EXPECT_THAT(options.lcores, IsEmpty());
  EXPECT_THAT(options.source_ips, IsEmpty());
  EXPECT_FALSE(options.seed || options.gateway || options.gateway_mac);
  EXPECT_FALSE(options.max_targets || options.max_runtime);
  EXPECT_FALSE(options.dry_run || options.status_json || options.quiet || options.verbose);
}

TEST(SurveyOptions, TakeEveryOption) {
  const SurveyOptions options = parsed({"8.8.8.8",
                                        "1.1.1.0/24",
                                        "-f",
                                        "a.txt",
                                        "--targets-file",
                                        "b.txt",
                                        "--ports",
                                        "443,80-82",
                                        "--exclude",
                                        "1.1.1.1",
                                        "--exclude",
                                        "1.1.1.2,1.1.1.3",
                                        "--exclude-file",
                                        "never.txt",
                                        "--allow-special",
                                        "198.18.0.0/15",
                                        "--allow-special",
                                        "10.0.0.0/8",
                                        "--max-targets",
                                        "5%",
                                        "--link",
                                        "net_null0",
                                        "--rate",
                                        "1.2M",
                                        "--source-ip",
                                        "198.18.0.1",
                                        "--source-port",
                                        "61000-61999",
                                        "--gateway-mac",
                                        "02:00:00:00:00:01",
                                        "--seed",
                                        "0xff",
                                        "--cooldown",
                                        "500ms",
                                        "--max-runtime",
                                        "2h",
                                        "--lcores",
                                        "1,0",
                                        "-o",
                                        "out.csv",
                                        "--fields",
                                        "ip,port",
                                        "--states",
                                        "open,closed",
                                        "--output-filter",
                                        "port = 443",
                                        "--metadata",
                                        "meta.json",
                                        "--status-json",
                                        "-v"});
  EXPECT_THAT(options.targets, ElementsAre("8.8.8.8", "1.1.1.0/24"));
  EXPECT_THAT(options.target_files, ElementsAre("a.txt", "b.txt"));
  EXPECT_THAT(options.ports, ElementsAre(80, 81, 82, 443));
  EXPECT_THAT(options.excludes, ElementsAre("1.1.1.1", "1.1.1.2,1.1.1.3"));
  EXPECT_THAT(options.exclude_files, ElementsAre("never.txt"));
  EXPECT_THAT(options.allow_special, ElementsAre("198.18.0.0/15", "10.0.0.0/8"));
  EXPECT_EQ(options.max_targets->of(1000), 50U);
  EXPECT_EQ(options.link, "net_null0");
  EXPECT_EQ(options.rate.for_frame(ByteCount{74}), PacketsPerSecond{1.2e6});
  EXPECT_THAT(options.source_ips, ElementsAre(*Ipv4Address::parse("198.18.0.1")));
  EXPECT_EQ(options.source_ports, (PortRange{61000, 61999}));
  EXPECT_EQ(options.gateway_mac, MacAddress::from_integer(0x020000000001U));
  EXPECT_TRUE(options.seed == Uint128{255});
  EXPECT_EQ(options.cooldown, 500ms);
  EXPECT_EQ(options.max_runtime, 2h);
  EXPECT_THAT(options.lcores, ElementsAre(1, 0));
  EXPECT_THAT(options.outputs, ElementsAre(OutputSpec{"out.csv", OutputFormat::Csv}));
  EXPECT_THAT(options.fields.lines, ElementsAre(ResultField::Ip, ResultField::Port));
  EXPECT_FALSE(options.filter.accepts(Verdict{}));
  EXPECT_TRUE(options.states.has(PortState::Closed));
  EXPECT_FALSE(options.states.has(PortState::Unreachable));
  EXPECT_EQ(options.metadata, "meta.json");
  EXPECT_TRUE(options.status_json && options.verbose);
  EXPECT_EQ(parsed(basic({"--gateway", "198.18.0.1"})).gateway, Ipv4Address::parse("198.18.0.1"));
  EXPECT_TRUE(parsed(basic({"-q"})).quiet);
  EXPECT_TRUE(parsed(basic({"--rate=max"})).rate.is_unlimited());
}

TEST(SurveyOptions, TheKindOfProbeChoosesTheStatesShown) {
  EXPECT_EQ(parsed(basic({"--probe", "tcp-syn"})).states, StateSet::open_only());
  const SurveyOptions ack = parsed(basic({"--probe", "tcp-ack"}));
  EXPECT_EQ(ack.probe, dataplane::ProbeKind::TcpAck);
  EXPECT_EQ(ack.states, StateSet::only(PortState::Unfiltered));
  EXPECT_EQ(parsed(basic({"--probe=tcp-ack", "--states=all"})).states, StateSet::all());
}

TEST(SurveyOptions, RefuseProbesAndStatesThatAreNone) {
  EXPECT_EQ(refused(basic({"--probe", "tcp-sin"})),
            "--probe: \"tcp-sin\" is not a kind of probe (did you mean tcp-syn?); expected "
            "tcp-syn, tcp-ack, icmp-echo, icmp-timestamp, udp");
  EXPECT_EQ(refused(basic({"--probe", "tcp-ack", "--states", "open,closed"})),
            "--states names none that --probe tcp-ack can find; expected unfiltered, unreachable "
            "or all");
  EXPECT_THAT(refused(basic({"--states", "unfiltered"})), HasSubstr("open, closed, unreachable"));
}

TEST(SurveyOptions, IcmpProbesHaveNoPorts) {
  const SurveyOptions echo = parsed({"8.8.8.0/24", "--link", "eth1", "--probe", "icmp-echo"});
  EXPECT_EQ(echo.probe, dataplane::ProbeKind::IcmpEcho);
  EXPECT_EQ(echo.states, StateSet::only(PortState::Up));
  EXPECT_THAT(echo.ports, IsEmpty());
  const std::string refusal = "--probe icmp-echo has no ports; leave --ports and --source-port out";
  EXPECT_EQ(refused(basic({"--probe", "icmp-echo"})), refusal);
  EXPECT_EQ(refused({"8.8.8.8", "--link", "x", "--probe", "icmp-echo", "--source-port", "7"}),
            refusal);
}

TEST(SurveyOptions, PayloadsAreForUdpAlone) {
  const SurveyOptions udp =
      parsed(basic({"--probe", "udp", "--payload-file", "p.txt", "--payload", "snmp-v2c"}));
  EXPECT_EQ(udp.states, StateSet::open_only());
  EXPECT_EQ(udp.payload_file, "p.txt");
  EXPECT_EQ(udp.payload_names, "snmp-v2c");
  EXPECT_THAT(refused(basic({"--payload-file", "p.txt"})), HasSubstr("are for --probe udp"));
  EXPECT_THAT(refused(basic({"--probe", "tcp-ack", "--payload", "dns"})),
              HasSubstr("--probe tcp-ack has no payload"));
  EXPECT_THAT(refused(basic({"--probe", "udp", "--payload-file", ""})), HasSubstr("empty file"));
  EXPECT_THAT(refused(basic({"--probe", "udp", "--payload-file", "p", "-o", "p"})),
              HasSubstr("would be read and then replaced"));
}

TEST(SurveyOptions, TtlIs64UnlessGiven) {
  EXPECT_EQ(parsed(basic()).ttl, 64);
  EXPECT_EQ(parsed(basic({"--ttl", "5"})).ttl, 5);
}

TEST(SurveyOptions, SynsLookLikeLinuxUnlessAskedFor) {
  EXPECT_EQ(parsed(basic()).syn_options, dataplane::SynOptions::Linux);
  EXPECT_EQ(parsed(basic({"--tcp-options", "linux"})).syn_options, dataplane::SynOptions::Linux);
  EXPECT_EQ(parsed(basic({"--tcp-options", "mss"})).syn_options, dataplane::SynOptions::Mss);
  EXPECT_FALSE(parsed(basic({})).resets);
  EXPECT_TRUE(parsed(basic({"--reset"})).resets);
  EXPECT_THAT(refused(basic({"--reset", "--probe", "tcp-ack"})),
              HasSubstr("--reset is about TCP SYNs"));
  EXPECT_THAT(refused(basic({"--reset", "--banners"})), HasSubstr("leave one of them out"));
  EXPECT_THAT(refused(basic({"--tcp-options", "bsd"})), HasSubstr("linux or mss"));
  EXPECT_THAT(refused(basic({"--tcp-options", "mss", "--probe", "tcp-ack"})),
              HasSubstr("--tcp-options is about TCP SYNs"));
  EXPECT_THAT(refused(basic({"--tcp-options", "mss", "--rate", "auto"})),
              HasSubstr("--tcp-options mss"));
}

TEST(SurveyOptions, VlanIsNoneUnlessGiven) {
  EXPECT_FALSE(parsed(basic()).vlan.tagged());
  EXPECT_EQ(parsed(basic({"--vlan", "100"})).vlan, dataplane::VlanId{100});
}

// What follows --tap is a target and not its name.
TEST(SurveyOptions, TapHasANameOfItsOwnOrTheUsualOne) {
  EXPECT_EQ(parsed(basic()).tap, "");
  const SurveyOptions usual = parsed(basic({"--tap", "198.18.7.0/24"}));
  EXPECT_EQ(usual.tap, "trawl0");
  EXPECT_THAT(usual.targets, testing::Contains("198.18.7.0/24"));
  EXPECT_EQ(parsed(basic({"--tap=fifteen.letters"})).tap, "fifteen.letters");
  for (const char* bad :
       {"--tap=sixteen..letters", "--tap=a/b", "--tap=a b", "--tap=a:b", "--tap=..", "--tap=a%d"}) {
    EXPECT_THAT(refused(basic({bad})), HasSubstr("--tap")) << bad;
  }
}

TEST(SurveyOptions, RepeatableOptionsTakeOneValueEachAndLeaveTheTargets) {
  const SurveyOptions options =
      parsed({"--exclude", "1.1.1.1", "8.8.8.8", "-f", "a.txt", "9.9.9.9", "-p80", "--link=x"});
  EXPECT_THAT(options.excludes, ElementsAre("1.1.1.1"));
  EXPECT_THAT(options.target_files, ElementsAre("a.txt"));
  EXPECT_THAT(options.targets, testing::UnorderedElementsAre("8.8.8.8", "9.9.9.9"));
}

TEST(SurveyOptions, PortsMayLookLikeOptions) {
  EXPECT_EQ(parsed({"8.8.8.8", "--link", "x", "-p-"}).ports.size(), 65535U);
  EXPECT_EQ(parsed({"8.8.8.8", "--link", "x", "-p", "-"}).ports.size(), 65535U);
  EXPECT_EQ(parsed({"8.8.8.8", "--link", "x", "-p", "-100"}).ports.size(), 100U);
  EXPECT_EQ(parsed({"8.8.8.8", "--link", "x", "--ports=-5"}).ports.size(), 5U);
}

TEST(SurveyOptions, TargetsMayFollowADoubleDash) {
  EXPECT_THAT(parsed({"-p", "80", "--link", "x", "--", "8.8.8.8"}).targets, ElementsAre("8.8.8.8"));
}

TEST(SurveyOptions, SeveralOutputsHaveAFormatEach) {
  const SurveyOptions options =
      parsed(basic({"-o", "a.csv", "-o", "zmap:b.csv", "-o", "c.jsonl.zst", "-o", "nmap-xml:-"}));
  EXPECT_THAT(options.outputs, ElementsAre(OutputSpec{"a.csv", OutputFormat::Csv},
                                           OutputSpec{"b.csv", OutputFormat::Zmap},
                                           OutputSpec{"c.jsonl.zst", OutputFormat::Jsonl},
                                           OutputSpec{"-", OutputFormat::NmapXml}));
}

TEST(SurveyOptions, ExplicitFormatWinsOverTheFileName) {
  EXPECT_THAT(parsed(basic({"-o", "a.csv", "--format", "jsonl"})).outputs,
              ElementsAre(OutputSpec{"a.csv", OutputFormat::Jsonl}));
  EXPECT_THAT(parsed(basic({"--format", "csv"})).outputs,
              ElementsAre(OutputSpec{"-", OutputFormat::Csv}));
  EXPECT_THAT(
      parsed(basic({"--format", "csv", "-o", "jsonl:a", "-o", "b.xml"})).outputs,
      ElementsAre(OutputSpec{"a", OutputFormat::Jsonl}, OutputSpec{"b.xml", OutputFormat::Csv}));
}

TEST(SurveyOptions, ListsOfFieldsFindTheirOutputs) {
  const SurveyOptions options = parsed(
      basic({"-o", "a.csv", "-o", "zmap:b", "--fields", "saddr,dport", "--fields", "ip,port"}));
  EXPECT_THAT(options.fields.lines, ElementsAre(ResultField::Ip, ResultField::Port));
  EXPECT_THAT(options.fields.zmap, ElementsAre(ZmapField::Saddr, ZmapField::Dport));
}

TEST(SurveyOptions, DryRunNeedsNoLink) {
  EXPECT_TRUE(parsed({"8.8.8.8", "-p", "80", "--dry-run"}).dry_run);
}

TEST(SurveyOptions, WhatIsMissingIsNamed) {
  EXPECT_THAT(refused({}), HasSubstr("no targets are given"));
  EXPECT_THAT(refused({"8.8.8.8"}), HasSubstr("no ports are given"));
  EXPECT_THAT(refused({"8.8.8.8", "-p", "80"}), HasSubstr("no link is given"));
  EXPECT_EQ(refused(basic({"--rate"})), "--rate: the value is missing; see trawl survey --help");
}

TEST(SurveyOptions, UnknownOptionsSuggestTheNearest) {
  EXPECT_EQ(refused(basic({"--rte", "5"})),
            "unknown option \"--rte\" (did you mean --rate?); see trawl survey --help");
  EXPECT_EQ(refused(basic({"--exclude-fil=x"})),
            "unknown option \"--exclude-fil\" (did you mean --exclude-file?); see trawl survey "
            "--help");
  EXPECT_EQ(refused(basic({"-P"})), "unknown option \"-P\"; see trawl survey --help");
}

TEST(SurveyOptions, ContradictionsAreRefused) {
  const std::pair<Words, const char*> cases[] = {
      {{"--gateway", "8.8.8.1", "--gateway-mac", "02:00:00:00:00:01"}, "both name the next hop"},
      {{"-q", "-v"}, "contradict each other"},
      {{"-o", "x", "--metadata", "x"}, "go to the same place"},
      {{"--metadata", "-"}, "go to the same place"},
      {{"-f", "-", "--exclude-file", "-"}, "can be read only once"},
      {{"-f", "-", "-f", "-"}, "can be read only once"},
      {{"-f", "a", "-o", "a"}, "would be read and then replaced"},
      {{"--exclude-file", "a", "--metadata", "a"}, "would be read and then replaced"},
      {{"--rate", "5", "--rate", "6"}, "--rate: given more than once"},
      {{"--max-runtime", "0"}, "--max-runtime"},
      {{"-f", ""}, "empty file name"},
      {{"-o", ""}, "empty file name"},
      {{"-o", "csv:"}, "empty file name"},
      {{"-o", "a", "-o", "a"}, "\"a\" is named twice"},
      {{"-o", "-", "-o", "csv:-"}, "\"-\" is named twice"},
      {{"-o", "a", "-o", "b", "--metadata", "b"}, "go to the same place"},
      {{"-o", "csv:a", "--format", "csv"}, "names its own format already"},
      {{"-o", "a", "-o", "b", "--dry-run"}, "--dry-run prints one list"},
      {{"-o", "a.zst", "--dry-run"}, "neither compressed"},
      {{"-o", "a.pcap", "--dry-run"}, "nor a capture"},
      {{"-o", "a.pcap", "--states", "all"}, "--states: a capture holds"},
      {{"-o", "pcap:-", "--output-filter", "port = 1"}, "--output-filter: a capture holds"},
      {{"-o", "a.pcap", "--fields", "ip"}, "have fixed fields"},
      {{"--per-network-rate", "max"}, "--per-network-rate: \"max\" is no limit"},
      {{"--per-network-rate", "auto"}, "--per-network-rate: \"auto\" is no limit"},
      {{"--per-network-rate", "0"}, "--per-network-rate: \"0\" would never send"},
      {{"-o", "masscan-list:a", "--fields", "ip"}, "have fixed fields"},
      {{"--fields", "ip", "--fields", "port"}, "given more than once for the same output"},
      {{"--dry-run=maybe"}, "--dry-run takes no value"}};
  for (const auto& [words, why] : cases) EXPECT_THAT(refused(basic(words)), HasSubstr(why));
}

TEST(SurveyOptions, BadValuesNameTheirOption) {
  for (const char* option : {"--rate", "--source-ip", "--source-port", "--gateway", "--gateway-mac",
                             "--seed", "--cooldown", "--max-runtime", "--max-targets", "--lcores",
                             "--format", "--fields", "--states", "--output-filter"}) {
    EXPECT_THAT(refused(basic({option, "?"})), testing::StartsWith(std::string{option} + ": "));
    EXPECT_THAT(refused(basic({option, ""})), testing::StartsWith(std::string{option} + ": "));
  }
  EXPECT_THAT(refused({"8.8.8.8", "--link", "x", "-p", "?"}), testing::StartsWith("--ports: "));
  EXPECT_THAT(refused(basic({"--rate", "-1"})), HasSubstr("is negative"));
}

TEST(SurveyOptions, HelpShowsEveryOptionAndExamples) {
  for (const char* word : {"-h", "--help"}) {
    const auto got = parse_survey_options(Words{word});
    ASSERT_TRUE(got);
    const auto* help = std::get_if<PrintAndExit>(&*got);
    ASSERT_NE(help, nullptr);
    for (const char* option :
         {"-f,--targets-file", "-p,--ports",    "--exclude ",    "--exclude-file",
          "--allow-special",   "--rate",        "--link",        "--source-ip",
          "--source-port",     "--gateway ",    "--gateway-mac", "--seed",
          "--cooldown",        "--max-targets", "--max-runtime", "--lcores",
          "-o,--output",       "--format",      "--fields",      "--states",
          "--dry-run",         "--status-json", "--metadata",    "-q,--quiet",
          "-v,--verbose",      "Examples:",     "Exit codes:",   "--output-filter"}) {
      EXPECT_THAT(help->text, HasSubstr(option));
    }
    EXPECT_TRUE(help->text.ends_with('\n'));
  }
}

TEST(SurveyOptions, VersionIsOneLine) {
  const auto got = parse_survey_options(Words{"--version"});
  ASSERT_TRUE(got);
  const auto* version = std::get_if<PrintAndExit>(&*got);
  ASSERT_NE(version, nullptr);
  EXPECT_THAT(version->text, testing::MatchesRegex("trawl [0-9.]+\n"));
}

TEST(SurveyOptions, TakeAContactAndBlocklistFiles) {
  const SurveyOptions none = parsed(basic());
  EXPECT_EQ(none.contact, "");
  EXPECT_THAT(none.blocklist_files, IsEmpty());
  EXPECT_FALSE(none.rate_given);
  const SurveyOptions options =
      parsed(basic({"--contact", "scans@example.net", "--blocklist-file", "a.txt",
                    "--blocklist-file", "b.txt", "--rate", "10k"}));
  EXPECT_EQ(options.contact, "mailto:scans@example.net");
  EXPECT_THAT(options.blocklist_files, ElementsAre("a.txt", "b.txt"));
  EXPECT_TRUE(options.rate_given);
  EXPECT_THAT(refused(basic({"--contact", "nobody"})),
              HasSubstr("--contact: \"nobody\" is no way"));
  EXPECT_THAT(refused(basic({"--blocklist-file", "-"})), HasSubstr("cannot be read again"));
  EXPECT_THAT(refused(basic({"--blocklist-file", "a.txt", "-o", "a.txt"})),
              HasSubstr("would be read and then replaced"));
}

TEST(SurveyOptions, ServicesAreAskedAsTheOptionsSay) {
  EXPECT_FALSE(parsed(basic()).services.is_wanted);
  const ServiceOptions plain = parsed(basic({"--service"})).services;
  EXPECT_TRUE(plain.is_wanted);
  EXPECT_EQ(plain.intensity, 7U);
  EXPECT_EQ(plain.parallelism, 3U);
  EXPECT_EQ(plain.cores, 1U);
  const ServiceOptions given =
      parsed(basic({"--service", "--version-light", "--versiondb", "x", "--version-parallelism",
                    "2", "--service-cores", "4", "--service-ports", "100"}))
          .services;
  EXPECT_EQ(given.intensity, 2U);
  EXPECT_EQ(given.database, "x");
  EXPECT_EQ(given.parallelism, 2U);
  EXPECT_EQ(given.cores, 4U);
  EXPECT_EQ(given.ports_at_once, 100U);
  EXPECT_EQ(parsed(basic({"--service", "--version-all"})).services.intensity, 9U);
  EXPECT_TRUE(parsed(basic({"--service", "--fields", "ip,service"})).fields.has_facts);
}

TEST(SurveyOptions, BannersAreTakenAsTheOptionsSay) {
  EXPECT_FALSE(parsed(basic()).banners.is_wanted);
  const SurveyOptions plain = parsed(basic({"--banners"}));
  EXPECT_TRUE(plain.banners.is_wanted);
  EXPECT_EQ(plain.banners.most_bytes, ByteCount{1024});
  EXPECT_TRUE(plain.fields.has_facts);
  EXPECT_FALSE(plain.services.is_wanted);
  EXPECT_EQ(parsed(basic({"--banners", "--banner-bytes", "60000"})).banners.most_bytes,
            ByteCount{60'000});
  EXPECT_EQ(parsed(basic({"--banners", "--versiondb", "x"})).services.database, "x");
  EXPECT_FALSE(parsed(basic({"--banners", "--fields", "ip,banner"})).fields.lines.empty());
  EXPECT_TRUE(parsed(basic({"--banners", "--service"})).services.is_wanted);
}

TEST(SurveyOptions, BannersThatCannotBeHadAreRefused) {
  EXPECT_THAT(refused(basic({"--banner-bytes", "9"})), HasSubstr("is about --banners"));
  EXPECT_THAT(refused(basic({"--banner-payload", "1=a"})), HasSubstr("is about --banners"));
  const auto own = parsed(basic({"--banners", "--banner-payload", "80,90-91=a=b",
                                 "--banner-payload", "7=c", "198.18.5.5"}))
                       .banners.payloads;
  ASSERT_EQ(own.size(), 2U);
  EXPECT_THAT(own[0].ports, testing::ElementsAre(80, 90, 91));
  EXPECT_EQ(own[0].path, "a=b");
  EXPECT_EQ(own[1].path, "c");
  for (const char* wrong : {"80", "80=", "=", "x=a", "70000=a", ""}) {
    EXPECT_THAT(refused(basic({"--banners", "--banner-payload", wrong})),
                HasSubstr("--banner-payload"));
  }
  EXPECT_THAT(
      refused(basic({"--banners", "--banner-payload", "80=a", "--banner-payload", "79-81=b"})),
      HasSubstr("port 80 has two"));
  EXPECT_THAT(refused(basic({"--banners", "--banner-payload", "80=x", "-o", "x"})),
              HasSubstr("replaced by results"));
  for (const char* wrong : {"0", "60001", "-1", "9x", ""}) {
    EXPECT_THAT(refused(basic({"--banners", "--banner-bytes", wrong})), HasSubstr("1 to 60000"));
  }
  EXPECT_THAT(refused(basic({"--banners", "--probe", "udp"})), HasSubstr("use tcp-syn"));
  EXPECT_THAT(refused(basic({"--banners", "--states", "closed"})), HasSubstr("--states"));
  EXPECT_THAT(refused(basic({"--banners", "--dry-run"})), HasSubstr("--dry-run"));
  EXPECT_THAT(refused(basic({"--banners", "-o", "x.pcap"})), HasSubstr("capture"));
  EXPECT_THAT(refused(basic({"--banners", "--version-light"})), HasSubstr("is about --service"));
}

TEST(SurveyOptions, ServicesThatCannotBeAskedAreRefused) {
  EXPECT_THAT(refused(basic({"--version-light"})), HasSubstr("--version-light is about --service"));
  EXPECT_THAT(refused(basic({"--service", "--version-light", "--version-all"})),
              HasSubstr("contradict"));
  EXPECT_THAT(refused(basic({"--service", "--version-intensity", "10"})), HasSubstr("0 to 9"));
  EXPECT_THAT(refused(basic({"--service", "--service-cores", "0"})), HasSubstr("1 to 64"));
  EXPECT_THAT(refused(basic({"--service", "--probe", "tcp-ack"})), HasSubstr("tcp-ack"));
  EXPECT_THAT(refused(basic({"--service", "--states", "closed"})), HasSubstr("--states"));
  EXPECT_THAT(refused(basic({"--service", "-o", "x.pcap"})), HasSubstr("capture"));
  EXPECT_THAT(refused(basic({"--service", "--vlan", "5"})), HasSubstr("--vlan"));
  EXPECT_THAT(refused(basic({"--fields", "ip,banner"})), HasSubstr("banner"));
  EXPECT_THAT(refused(basic({"--script=default"})), HasSubstr("does not run scripts yet"));
}

TEST(SurveyOptions, HostsAreAskedWhereThereAreOpenTcpPortsAndRoomForOtherPorts) {
  const auto options = parsed(basic({"--os", "--os-hosts", "9", "--os-tries", "3"}));
  EXPECT_TRUE(options.os.is_wanted);
  EXPECT_EQ(options.os.hosts_at_once, 9U);
  EXPECT_EQ(options.os.most_tries, 3U);
  EXPECT_TRUE(options.fields.has_facts);
  EXPECT_EQ(first_os_port(options), 65000);
  const auto high = parsed(basic({"--os", "--source-port", "65000-65535"}));
  EXPECT_EQ(first_os_port(high), 65000 - kOsPorts);
  EXPECT_THAT(refused(basic({"--os", "--source-port", "1024-65535"})), HasSubstr("--os needs 256"));
  EXPECT_THAT(refused(basic({"--os", "--probe", "tcp-ack"})), HasSubstr("--os asks hosts"));
  EXPECT_THAT(refused(basic({"--os", "--states", "closed"})), HasSubstr("--os asks hosts"));
  EXPECT_THAT(refused(basic({"--os-hosts", "9"})), HasSubstr("--os-hosts is about --os"));
  EXPECT_THAT(refused(basic({"--os", "--os-tries", "0"})), HasSubstr("--os-tries"));
  EXPECT_THAT(refused(basic({"--os", "--service", "--service-cores", "2"})),
              HasSubstr("--service-cores has to be 1"));
}

}  // namespace
}  // namespace trawl::control
