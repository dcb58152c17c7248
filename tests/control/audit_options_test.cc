#include "control/audit/audit_options.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/audit/os_setup.h"
#include "control/audit/through/through_setup.h"

namespace trawl::control {
namespace {

using Words = std::vector<const char*>;

AuditOptions parsed(const Words& words) {
  auto options = parse_audit_options(words, "trawl");
  EXPECT_TRUE(options) << (options ? "" : options.error().message);
  return options ? std::get<AuditOptions>(*options) : AuditOptions{};
}

std::string refusal(const Words& words) {
  const auto options = parse_audit_options(words, "trawl");
  return options ? "" : options.error().message;
}

std::string data_of(const Words& words) {
  std::string text;
  for (const std::byte byte : parsed(words).style.data) text += static_cast<char>(byte);
  return text;
}

TEST(AuditOptions, ComeInAnyOrderAmongTheTargets) {
  for (const Words& words : {Words{"-sS", "-p", "22", "a", "-T4", "b", "-n"},
                             Words{"a", "b", "-n", "-T4", "-p22", "-sS"},
                             Words{"-n", "-sS", "-T", "4", "a", "-p", "22", "--", "b"}}) {
    const AuditOptions options = parsed(words);
    EXPECT_EQ(options.targets, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(options.scans, std::vector{ScanType::Syn});
    EXPECT_EQ(options.timing_level, 4);
    EXPECT_FALSE(options.reverse_dns);
    EXPECT_EQ(options.ports.ports, "22");
  }
}

TEST(AuditOptions, LettersOfAScanAreEachAKindOfScanOnce) {
  EXPECT_EQ(parsed({"-sSU", "-sU", "h"}).scans, (std::vector{ScanType::Syn, ScanType::Udp}));
  EXPECT_EQ(parsed({"-sTAWMNFXYZO", "h"}).scans.size(), 10U);
  EXPECT_TRUE(parsed({"-sn", "h"}).ping_only);
  EXPECT_TRUE(parsed({"-sP", "h"}).ping_only);
  EXPECT_TRUE(parsed({"-sL", "h"}).list_only);
  EXPECT_EQ(refusal({"-sQ", "h"}).substr(0, 24), "Scantype Q not supported");
}

TEST(AuditOptions, AZombieIsAHostAndPerhapsAPort) {
  for (const char* const zombie : {"198.18.0.20", "printer.example:9100", "198.18.0.20:65535"}) {
    const AuditOptions options = parsed({"-Pn", "-sI", zombie, "h"});
    EXPECT_EQ(options.zombie, zombie);
    EXPECT_EQ(options.scans, std::vector{ScanType::Idle});
    EXPECT_EQ(options.targets, std::vector<std::string>{"h"});
  }
  EXPECT_EQ(parsed({"-sI", "198.18.0.20", "-sI", "z:81", "-sU", "h"}).zombie, "z:81");
  for (const char* const zombie : {"z:", "z:0", "z:65536", "z:8x", "z:80:81"}) {
    EXPECT_EQ(refusal({"-sI", zombie, "h"}),
              fmt::format("Invalid port number given in IP ID zombie specification: {}", zombie));
  }
  EXPECT_NE(refusal({"-sI", ":80", "h"}), "");
  EXPECT_NE(refusal({"-sI"}), "");
}

TEST(AuditOptions, PingsHaveTheirLettersAndPorts) {
  const auto pings =
      parsed({"-PE", "-PS22,80", "-PA", "-PU53", "-PY", "-PO1", "-PP", "-PM", "h"}).pings;
  ASSERT_EQ(pings.size(), 8U);
  const std::string kinds = "ESAUYOPM";
  for (std::size_t i = 0; i < kinds.size(); ++i) EXPECT_EQ(pings[i].kind, kinds[i]);
  EXPECT_EQ(pings[1].ports, "22,80");
  EXPECT_EQ(pings[2].ports, "");
  EXPECT_TRUE(parsed({"-Pn", "h"}).no_ping);
  EXPECT_TRUE(parsed({"-P0", "h"}).no_ping);
  EXPECT_TRUE(parsed({"-PN", "h"}).no_ping);
  EXPECT_NE(refusal({"-PQ", "h"}), "");
  EXPECT_NE(refusal({"-PE80", "h"}), "");
}

TEST(AuditOptions, WhatIsNotThereYetIsRefusedByName) {
  EXPECT_EQ(refusal({"--nsock-engine", "epoll", "h"}),
            "--nsock-engine is not there yet (the choice of an event loop).");
}

TEST(AuditOptions, ScriptsAreAskedForAsNmapTakesThem) {
  EXPECT_FALSE(parsed({"h"}).scripts.are_wanted);
  EXPECT_FALSE(parsed({"-sV", "h"}).scripts.are_wanted);
  EXPECT_TRUE(parsed({"-sC", "h"}).scripts.are_wanted);
  EXPECT_TRUE(parsed({"-sC", "h"}).scripts.choices.empty());
  const ScriptOptions scripts =
      parsed({"--script", "banner,ssl-*", "--script=safe", "--script-args", "a=1", "--script-args",
              "b=2", "--script-args-file=f", "--script-timeout", "1500ms", "--script-trace", "h"})
          .scripts;
  EXPECT_TRUE(scripts.are_wanted);
  EXPECT_EQ(scripts.choices, (std::vector<std::string>{"banner,ssl-*", "safe"}));
  EXPECT_EQ(scripts.arguments, (std::vector<std::string>{"a=1", "b=2"}));
  EXPECT_EQ(scripts.arguments_file, "f");
  EXPECT_EQ(scripts.timeout, std::chrono::milliseconds{1500});
  EXPECT_TRUE(scripts.is_traced);
  EXPECT_TRUE(scripts.is_sandboxed);
  EXPECT_FALSE(parsed({"--no-script-sandbox", "h"}).scripts.is_sandboxed);
  EXPECT_EQ(parsed({"--script-cores=2", "h"}).scripts.cores, 2U);
  EXPECT_EQ(refusal({"--script-cores=0", "h"}), "--script-cores must be between 1 and 64");
  EXPECT_EQ(parsed({"--script-help", "banner"}).scripts.help, std::vector<std::string>{"banner"});
  EXPECT_TRUE(parsed({"--script-updatedb"}).scripts.updates_database);
  EXPECT_EQ(refusal({"--script-timeout", "x", "h"}), "Bogus --script-timeout argument specified");
}

TEST(AuditOptions, AggressiveScansRunScripts) {
  AuditOptions options = parsed({"-A", "h"});
  settle_aggressive(options);
  EXPECT_TRUE(options.scripts.are_wanted);
}

TEST(AuditOptions, PortsAreComparedOverIpv4Only) {
  EXPECT_TRUE(check_os(parsed({"-6", "-O", "h"}), true));
  EXPECT_TRUE(check_os(parsed({"--os-per-port", "h"}), true));
  const auto refused = check_os(parsed({"-6", "--os-per-port", "h"}), true);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--os-per-port compares ports over IPv4"),
            std::string::npos);
}

TEST(AuditOptions, AggressiveScansDetectSystemsOfBothFamilies) {
  for (const bool is_v6 : {false, true}) {
    AuditOptions options = is_v6 ? parsed({"-6", "-A", "h"}) : parsed({"-A", "h"});
    options.is_privileged = true;
    settle_aggressive(options);
    EXPECT_TRUE(options.os.is_wanted) << is_v6;
  }
}

TEST(AuditOptions, OsDetectionIsAskedForAsNmapTakesIt) {
  EXPECT_FALSE(parsed({"h"}).os.is_wanted);
  for (const char* const word : {"-O", "-O2", "-O22", "-O2x"}) {
    EXPECT_TRUE(parsed({word, "h"}).os.is_wanted) << word;
  }
  EXPECT_EQ(parsed({"-O", "h"}).targets, std::vector<std::string>{"h"});
  EXPECT_EQ(refusal({"-Ofoo", "h"}), "Unknown argument to -O.");
  EXPECT_EQ(refusal({"-O1", "h"}),
            "First-generation OS detection (-O1) is no longer supported. Use -O instead.");
  EXPECT_TRUE(parsed({"--osscan-limit", "h"}).os.only_promising);
  EXPECT_TRUE(parsed({"--osscan-guess", "h"}).os.guesses);
  EXPECT_TRUE(parsed({"--fuzzy", "h"}).os.guesses);
  EXPECT_TRUE(parsed({"--os-per-port", "h"}).os.per_port);
  EXPECT_TRUE(parsed({"--os-per-port", "h"}).os.is_wanted);
  EXPECT_FALSE(parsed({"--osscan-guess", "h"}).os.is_wanted);
  EXPECT_FALSE(parsed({"-O", "h"}).os.most_tries);
  EXPECT_EQ(parsed({"--max-os-tries", "1", "h"}).os.most_tries, 1U);
  EXPECT_EQ(parsed({"--max-os-tries=50", "h"}).os.most_tries, 50U);
  for (const char* const number : {"0", "51", "x", "-1", "2x", "", "4294967297"}) {
    EXPECT_EQ(refusal({"--max-os-tries", number, "h"}),
              "Bogus --max-os-tries argument specified, must be between 1 and 50 (inclusive)");
  }
  EXPECT_TRUE(parsed({"-A", "h"}).is_aggressive);
}

TEST(AuditOptions, ResumeStandsAlone) {
  EXPECT_EQ(parsed({"--resume", "log"}).resume_log, "log");
  EXPECT_EQ(parsed({"--resume=log"}).resume_log, "log");
  for (const Words& words : {Words{"--resume", "log", "-v"}, Words{"-n", "--resume", "log"},
                             Words{"--resume", "log", "h"}}) {
    EXPECT_EQ(refusal(words),
              "Cannot use --resume with other options. Usage: trawl --resume <filename>");
  }
  EXPECT_EQ(refusal({"--resume"}), "trawl: option '--resume' requires an argument");
}

TEST(AuditOptions, ProxiesAndBouncesAreTakenApart) {
  const AuditOptions proxied = parsed({"--proxies", "http://a:1,socks5://b:2", "h"});
  ASSERT_EQ(proxied.proxies.size(), 2U);
  EXPECT_EQ(proxied.proxies[1].text(), "socks5://b:2");
  EXPECT_TRUE(proxied.scans.empty());
  EXPECT_EQ(refusal({"--proxies=ftp://a", "h"}),
            "Invalid protocol in proxy specification string: ftp://a");
  const AuditOptions bounced = parsed({"-b", "me:pw@ftp:2121", "-bother", "h"});
  EXPECT_EQ(bounced.scans, std::vector{ScanType::Bounce});
  ASSERT_TRUE(bounced.bounce);
  EXPECT_EQ(bounced.bounce->host, "other");
  EXPECT_EQ(refusal({"-b", "", "h"}), "Failed to resolve FTP bounce proxy hostname/IP: ");
}

TEST(ChecksOfProxies, RefuseWhatWouldLeaveDirectly) {
  const auto check = [](Words words) {
    words.insert(words.begin(), {"--proxies", "http://a:1", "h"});
    const auto checked = check_through(parsed(words));
    return checked ? std::string{} : checked.error().message;
  };
  for (const char* const good : {"-sT", "-sn", "-sL", "-Pn", "-PS80", "-n", "-R", "-p80"}) {
    EXPECT_EQ(check({good}), "") << good;
  }
  for (const char* const bad : {"-sS", "-sU", "-sTU", "-sO", "-bftp", "-PE", "-PA80", "-PU", "-PO",
                                "--traceroute", "-DRND"}) {
    EXPECT_NE(check({bad}).find("does not go through --proxies"), std::string::npos) << bad;
  }
  EXPECT_NE(check({"-g53"}).find("-g does not go with --proxies"), std::string::npos);
}

TEST(ChecksOfProxies, NamesAreAskedForOnlyWhenTheUserSaysSo) {
  EXPECT_TRUE(wants_reverse_dns(parsed({"h"})));
  EXPECT_FALSE(wants_reverse_dns(parsed({"--proxies", "http://a:1", "h"})));
  EXPECT_TRUE(wants_reverse_dns(parsed({"--proxies", "http://a:1", "-R", "h"})));
  EXPECT_FALSE(wants_reverse_dns(parsed({"--proxies", "http://a:1", "-R", "-n", "h"})));
}

TEST(AuditOptions, HelpAndVersionAreQuestionsWhateverElseIsSaid) {
  for (const Words& words : {Words{"-h"}, Words{"--help"}, Words{"a", "-n", "-h"}}) {
    EXPECT_EQ(std::get<AuditQuestion>(parse_audit_options(words, "trawl").value()),
              AuditQuestion::Help);
  }
  EXPECT_EQ(std::get<AuditQuestion>(parse_audit_options(Words{"-V"}, "trawl").value()),
            AuditQuestion::Version);
}

TEST(AuditOptions, VerbosityCountsOrIsSaid) {
  EXPECT_EQ(parsed({"-v", "h"}).verbosity, 1);
  EXPECT_EQ(parsed({"-vvv", "h"}).verbosity, 3);
  EXPECT_EQ(parsed({"-v", "-v5", "-v", "h"}).verbosity, 6);
  EXPECT_EQ(parsed({"-v99", "h"}).verbosity, 10);
  EXPECT_NE(refusal({"-vx", "h"}), "");
  EXPECT_TRUE(parsed({"--noninteractive", "h"}).ignores_keys);
  EXPECT_FALSE(parsed({"h"}).ignores_keys);
  const AuditOptions debugging = parsed({"-d", "h"});
  EXPECT_EQ(debugging.debugging, 1);
  EXPECT_EQ(debugging.verbosity, 1);
  EXPECT_EQ(parsed({"-d4", "h"}).verbosity, 4);
}

TEST(AuditOptions, DataIsHexTextOrRandom) {
  for (const char* hex : {"0x68656c6c6f", "68656c6c6f", "\\x68\\x65\\x6c\\x6c\\x6f"}) {
    EXPECT_EQ(data_of({"--data", hex, "h"}), "hello") << hex;
  }
  EXPECT_EQ(data_of({"--data-string", "hello you", "h"}), "hello you");
  EXPECT_EQ(data_of({"--data-length", "25", "h"}).size(), 25U);
  EXPECT_TRUE(parsed({"--data-length", "0", "h"}).style.has_data);
  for (const char* hex : {"", "0x", "6", "xyz", "0x1g", "\\x68 65", "\\x6"}) {
    EXPECT_NE(refusal({"--data", hex, "h"}), "") << hex;
  }
  EXPECT_NE(refusal({"--data-length", "-1", "h"}), "");
  EXPECT_NE(refusal({"--data-length", "65536", "h"}), "");
  EXPECT_EQ(refusal({"--data", "00", "--data-string", "x", "h"}),
            "Can't use the --data option(s) multiple times, or together.");
}

TEST(AuditOptions, ScanFlagsAreANumberOrNames) {
  const auto flags = [](const char* text) {
    return parsed({"--scanflags", text, "h"}).style.scan_flags.value();
  };
  EXPECT_EQ(flags("SYNFIN"), 0x03);
  EXPECT_EQ(flags("urgackpshrstsynfin"), 0x3f);
  EXPECT_EQ(flags("ECECWR"), 0xc0);
  EXPECT_EQ(flags("ALL"), 0xff);
  EXPECT_EQ(flags("NONE"), 0);
  EXPECT_EQ(flags("18"), 18);
  EXPECT_EQ(flags("0x12"), 0x12);
  for (const char* text : {"256", "-1", "0x100", "nothing", ""}) {
    EXPECT_NE(refusal({"--scanflags", text, "h"}), "") << text;
  }
}

TEST(AuditOptions, IpOptionsAreLettersOrBytes) {
  const auto bytes = [](const char* text) {
    std::string hex;
    for (const std::byte byte : parsed({"--ip-options", text, "h"}).style.ip_options) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      hex += kDigits[static_cast<unsigned>(byte) >> 4U];
      hex += kDigits[static_cast<unsigned>(byte) & 15U];
    }
    return hex;
  };
  EXPECT_EQ(bytes("R").substr(0, 6), "072704");
  EXPECT_EQ(bytes("R").size(), 80U);
  EXPECT_EQ(bytes("T").substr(0, 8), "44280500");
  EXPECT_EQ(bytes("U").substr(0, 8), "44240501");
  EXPECT_EQ(bytes("L 198.18.0.1 198.18.0.2"), "830b04c6120001c612000200");
  EXPECT_EQ(bytes("S 198.18.0.1"), "890704c612000100");
  EXPECT_EQ(bytes("\\x01*3\\x00"), "01010100");
  for (const char* text :
       {"", "Q", "L x", "\\x1", "\\x01*", "\\x01*99", "S 1.2.3.4.5", "\\x01*40\\x01"}) {
    EXPECT_NE(refusal({"--ip-options", text, "h"}), "") << text;
  }
}

TEST(AuditOptions, NumbersHaveTheirBounds) {
  EXPECT_EQ(parsed({"--ttl", "0", "h"}).style.ttl, 0);
  EXPECT_EQ(refusal({"--ttl", "256", "h"}),
            "ttl option must be a number between 0 and 255 (inclusive)");
  EXPECT_EQ(parsed({"-g", "53", "h"}).style.source_port, 53);
  EXPECT_EQ(parsed({"--source-port", "65535", "h"}).style.source_port, 65535);
  EXPECT_NE(refusal({"-g", "65536", "h"}), "");
  EXPECT_NE(refusal({"-g", "53x", "h"}), "");
  EXPECT_EQ(parsed({"--mtu", "24", "h"}).fragment, 24U);
  EXPECT_EQ(parsed({"-f", "h"}).fragment, 8U);
  EXPECT_EQ(parsed({"-ff", "h"}).fragment, 16U);
  EXPECT_EQ(refusal({"--mtu", "25", "h"}), "Data payload MTU must be >0 and multiple of 8");
  EXPECT_NE(refusal({"--mtu", "0", "h"}), "");
  EXPECT_EQ(parsed({"--top-ports", "100", "h"}).ports.top, 100U);
  EXPECT_NE(refusal({"--top-ports", "0", "h"}), "");
  EXPECT_NE(refusal({"--top-ports", "1.5", "h"}), "");
  EXPECT_NE(refusal({"--port-ratio", "1", "h"}), "");
  EXPECT_EQ(parsed({"--port-ratio", "0.5", "h"}).ports.ratio, 0.5);
}

TEST(AuditOptions, PortsAreSaidOnce) {
  EXPECT_EQ(refusal({"-p", "22", "-p", "80", "h"}),
            "Only 1 -p option allowed, separate multiple ranges with commas.");
  EXPECT_EQ(refusal({"--exclude-ports", "22", "--exclude-ports", "80", "h"}),
            "Only 1 --exclude-ports option allowed, separate multiple ranges with commas.");
}

TEST(AuditOptions, OutputsAddUpButOneGoesToStandardOutput) {
  const auto outputs = parsed({"-oA", "base", "-oX", "-", "h"}).outputs;
  ASSERT_EQ(outputs.size(), 4U);
  EXPECT_EQ(outputs[0].path, "base.nmap");
  EXPECT_EQ(outputs[1].path, "base.gnmap");
  EXPECT_EQ(outputs[2].path, "base.xml");
  EXPECT_EQ(outputs[3].format, AuditOptions::Output::Format::Xml);
  for (const Words& words : {Words{"-oX", "-", "-oG", "-", "h"}, Words{"-oA", "-", "h"}}) {
    EXPECT_EQ(refusal(words), "Cannot display multiple output types to stdout.");
  }
}

TEST(AuditOptions, VersionDetection) {
  EXPECT_FALSE(parsed({"h"}).version.is_wanted);
  const auto plain = parsed({"-sV", "h"}).version;
  EXPECT_TRUE(plain.is_wanted);
  EXPECT_FALSE(plain.is_old_name);
  EXPECT_EQ(plain.intensity, 7U);
  EXPECT_EQ(plain.parallelism, 3U);
  EXPECT_TRUE(parsed({"-sR", "h"}).version.is_wanted);
  EXPECT_TRUE(parsed({"-sR", "h"}).version.is_old_name);
  const auto with_scan = parsed({"-sSUV", "h"});
  EXPECT_TRUE(with_scan.version.is_wanted);
  EXPECT_EQ(with_scan.scans.size(), 2U);
  // As with Nmap, each is taken without -sV too, and the last one counts.
  EXPECT_FALSE(parsed({"--version-all", "h"}).version.is_wanted);
  EXPECT_EQ(parsed({"--version-light", "h"}).version.intensity, 2U);
  EXPECT_EQ(parsed({"--version-light", "--version-all", "h"}).version.intensity, 9U);
  EXPECT_EQ(parsed({"--version-intensity", "0", "h"}).version.intensity, 0U);
  const auto other = parsed({"--allports", "--strict-nmap", "--version-trace", "--versiondb", "x",
                             "--version-parallelism", "64", "h"})
                         .version;
  EXPECT_TRUE(other.all_ports);
  EXPECT_TRUE(other.is_strict);
  EXPECT_TRUE(other.is_traced);
  EXPECT_EQ(other.database, "x");
  EXPECT_EQ(other.parallelism, 64U);
  for (const char* value : {"10", "-1", "x", "3x", "", "99999999999999999999"}) {
    EXPECT_EQ(refusal({"--version-intensity", value, "h"}),
              "version-intensity must be between 0 and 9")
        << value;
  }
  for (const char* value : {"0", "65", "-1", "x"}) {
    EXPECT_EQ(refusal({"--version-parallelism", value, "h"}),
              "version-parallelism must be between 1 and 64")
        << value;
  }
  EXPECT_NE(refusal({"-sVQ", "h"}), "");
}

TEST(AuditOptions, UnknownOnesAreRefused) {
  EXPECT_NE(refusal({"--nonsense", "h"}), "");
  EXPECT_NE(refusal({"-p"}), "");
  EXPECT_NE(refusal({"--ttl"}), "");
}

}  // namespace
}  // namespace trawl::control
