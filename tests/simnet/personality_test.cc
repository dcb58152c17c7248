#include "bench/simnet/personality.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "bench/simnet/crc32_data.h"
#include "bench/simnet/personality_reply.h"
#include "bench/simnet/truth.h"
#include "osfp/database/os_scorer.h"
#include "tests/osfp/database/sample.h"
#include "tests/simnet/os_entries.h"
#include "tests/simnet/os_scan.h"

namespace trawl::simnet {
namespace {

using osfp::FingerprintLine;
using osfp::FingerprintTest;
using std::chrono::nanoseconds;

std::string whole_database() { return fmt::format("{}{}{}{}", kPoints, kCommon, kOdd, kQuiet); }

PopulationOptions options_for(const std::string& file, const std::string& entry,
                              std::uint64_t seed) {
  PopulationOptions options;
  options.prefixes = {*Ipv4Prefix::parse("198.18.7.0/24")};
  options.seed = seed;
  options.live = 1;
  options.drop = 0;
  options.udp_drop = 0;
  options.udp_open = {{53, 53, 0}};
  options.udp_open_default = 0;
  options.unreachable = 0;
  options.open = {{80, 80, 1}};
  options.open_default = 0;
  options.personality.file = file;
  options.personality.entry = entry;
  return options;
}

// A population and what answers for it.
struct Network {
  explicit Network(PopulationOptions options)
      : population{Population::make(std::move(options)).value()},
        responder{
            Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value()} {}

  // Empty for silence.
  std::vector<std::byte> ask(TestFrame frame, nanoseconds now = std::chrono::seconds{5}) {
    const Answer answer = responder.answer(frame.buffer(), frame.length, now);
    if (answer.action != Action::Reply) return {};
    return {frame.bytes.begin(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(answer.length)};
  }

  Population population;
  Counters counters;
  Responder responder;
};

constexpr Ipv4Address kHost{0xc6120721};

std::string value_of(const osfp::Fingerprint& fingerprint, FingerprintLine line,
                     FingerprintTest test) {
  const std::string* const value = fingerprint.find(line, test);
  return value == nullptr ? "absent" : *value;
}

// The tests of `fingerprint` that are not as the entry asks.
std::string differences(const osfp::OsDatabase& database, const osfp::OsEntry& entry,
                        const osfp::Fingerprint& fingerprint) {
  std::string text;
  for (std::size_t i = 0; i < osfp::kFingerprintLines; ++i) {
    const FingerprintLine line = osfp::line_at(i);
    for (const FingerprintTest test : osfp::tests_of(line)) {
      const auto* const wish = database.find(entry, line, test);
      const std::string* const value = fingerprint.find(line, test);
      if (wish == nullptr || value == nullptr || wish->matches(*value)) continue;
      text += fmt::format("{}.{}: {} is not {}\n", osfp::to_string(line), osfp::to_string(test),
                          *value, wish->text());
    }
  }
  return text;
}

class Entries : public ::testing::TestWithParam<const char*> {};

TEST_P(Entries, AnswerAsTheirTestsAsk) {
  const TemporaryFile file{whole_database()};
  const auto database = osfp::read_os_database(file.path()).value();
  ASSERT_TRUE(database.problems.empty());
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    PopulationOptions options = options_for(file.path(), GetParam(), seed);
    options.prefixes = {*Ipv4Prefix::parse("198.18.7.32/29")};
    Network network{std::move(options)};
    const auto analysis = OsScan{network.responder, kHost, std::chrono::seconds{seed}}.run();
    const auto* const entry =
        network.population.personality(network.population.host(kHost), kHost)->entry;
    ASSERT_EQ(entry->name, GetParam());
    ASSERT_EQ(differences(database, *entry, analysis.fingerprint), "") << "seed " << seed;
    // Nothing that the entry tells is left out; the stack that is never silent has a distance.
    const auto score = osfp::score_plainly(database, *entry, analysis.fingerprint);
    EXPECT_GT(score.possible, 500U);
  }
}

INSTANTIATE_TEST_SUITE_P(Personality, Entries,
                         ::testing::Values("Common stack", "Odd stack", "Quiet stack"));

TEST(Personality, EveryTestOfALineIsAnswered) {
  const TemporaryFile file{whole_database()};
  const auto database = osfp::read_os_database(file.path()).value();
  for (const char* const name : {"Common stack", "Odd stack"}) {
    Network network{options_for(file.path(), name, 3)};
    const auto measured = OsScan{network.responder, kHost, {}}.run().fingerprint;
    const auto* const entry =
        network.population.personality(network.population.host(kHost), kHost)->entry;
    for (std::size_t i = 0; i < osfp::kFingerprintLines; ++i) {
      for (const FingerprintTest test : osfp::tests_of(osfp::line_at(i))) {
        if (test == FingerprintTest::TG) continue;
        if (database.find(*entry, osfp::line_at(i), test) == nullptr) continue;
        EXPECT_NE(value_of(measured, osfp::line_at(i), test), "absent")
            << name << ' ' << osfp::to_string(osfp::line_at(i)) << ' ' << osfp::to_string(test);
      }
    }
  }
}

TEST(Personality, SilentLinesAreSilent) {
  const TemporaryFile file{whole_database()};
  Network network{options_for(file.path(), "Quiet stack", 1)};
  const auto measured = OsScan{network.responder, kHost, {}}.run().fingerprint;
  for (const auto line : {FingerprintLine::Ecn, FingerprintLine::T2, FingerprintLine::T4,
                          FingerprintLine::T7, FingerprintLine::U1, FingerprintLine::Ie}) {
    EXPECT_EQ(value_of(measured, line, FingerprintTest::R), "N");
  }
  EXPECT_EQ(value_of(measured, FingerprintLine::T1, FingerprintTest::R), "Y");
  EXPECT_EQ(network.counters.get(Counter::OsProbeIgnored), 12U);
}

TEST(Personality, OrdinaryPacketsMeetTheSameHost) {
  const TemporaryFile file{whole_database()};
  Network network{options_for(file.path(), "Common stack", 1)};
  const Ipv4Fields to{.to = kHost};
  const auto window_of = [](const std::vector<std::byte>& frame) {
    return wire::read16(frame.data() + 14 + 20 + wire::kTcpWindow);
  };
  const auto flags_of = [](const std::vector<std::byte>& frame) {
    return wire::read8(frame.data() + 14 + 20 + wire::kTcpFlags);
  };
  // All options of O1 for a SYN that offers them; those it offers for others.
  auto reply = network.ask(tcp_frame(to, {.options = linux_options()}));
  ASSERT_EQ(reply.size(), 14U + 20 + 40);
  EXPECT_EQ(wire::read32(reply.data() + 54), 0x020405b4U);
  EXPECT_EQ(flags_of(reply), wire::kSyn | wire::kAck);
  EXPECT_EQ(window_of(reply), 0xfe88);
  EXPECT_EQ(wire::read32(reply.data() + 54 + 4 + 2 + 6), 0x0a0b0c0dU);  // The echoed timestamp.
  reply = network.ask(tcp_frame(to, {.options = {2, 4, 5, 0xb4}}));
  ASSERT_EQ(reply.size(), 14U + 20 + 24);
  EXPECT_EQ(wire::read32(reply.data() + 54), 0x020405b4U);  // And no others.
  reply = network.ask(tcp_frame(to, {.to_port = 81}));
  ASSERT_EQ(reply.size(), 14U + 20 + 20);
  EXPECT_EQ(flags_of(reply), wire::kRst | wire::kAck);
  EXPECT_EQ(wire::read32(reply.data() + 42), 0x01020305U);
  reply = network.ask(tcp_frame(to, {.ack = 9, .flags = wire::kAck}));  // As T4.
  ASSERT_FALSE(reply.empty());
  EXPECT_EQ(flags_of(reply), wire::kRst);
  EXPECT_TRUE(network.ask(tcp_frame(to, {.flags = 0})).empty());  // As T2.
  EXPECT_FALSE(network.ask(tcp_frame(to, {.to_port = 81, .flags = 0})).empty());
  EXPECT_TRUE(network.ask(tcp_frame(to, {.flags = wire::kRst})).empty());
  reply = network.ask(echo_request(to, 8));
  ASSERT_EQ(reply.size(), 14U + 20 + 16);
  const std::uint8_t ttl = wire::read8(reply.data() + 14 + 8);
  EXPECT_GE(ttl, 0x3b);
  EXPECT_LE(ttl, 0x40);
  EXPECT_EQ(network.ask(udp_frame(to, 9, "x")).size(), 14U + 20 + 8 + 356 - 28);
}

TEST(Personality, QuietHostsStillHaveOpenAndClosedPorts) {
  const TemporaryFile file{whole_database()};
  Network network{options_for(file.path(), "Quiet stack", 1)};
  const Ipv4Fields to{.to = kHost};
  EXPECT_FALSE(network.ask(tcp_frame(to, {})).empty());
  EXPECT_FALSE(network.ask(tcp_frame(to, {.to_port = 81})).empty());
  EXPECT_TRUE(network.ask(echo_request(to, 8)).empty());
  EXPECT_TRUE(network.ask(udp_frame(to, 9, "x")).empty());
}

TEST(Personality, HopsShowInTtlsAndQuotes) {
  const TemporaryFile file{whole_database()};
  PopulationOptions options = options_for(file.path(), "Common stack", 1);
  options.personality.hops = 11;
  Network network{std::move(options)};
  OsScan scan{network.responder, kHost, {}};
  const auto analysis = scan.run();
  EXPECT_EQ(analysis.hops, 11U);
  const auto& tcp = std::get<osfp::TcpResponse>(*scan.round().at(osfp::Probe::T5).response);
  EXPECT_LE(tcp.ip.ttl, 0x40 - 11);
  EXPECT_EQ(
      differences(osfp::read_os_database(file.path()).value(),
                  *network.population.personality(network.population.host(kHost), kHost)->entry,
                  analysis.fingerprint),
      "");
}

TEST(Personality, LimitsAndRoundTripTimesHoldForThem) {
  const TemporaryFile file{whole_database()};
  PopulationOptions options = options_for(file.path(), "Common stack", 1);
  options.host_icmp_rate = {PacketsPerSecond{1}, 1};
  options.rtt_min = options.rtt_max = std::chrono::milliseconds{80};
  Network network{std::move(options)};
  const Ipv4Fields to{.to = kHost};
  EXPECT_FALSE(network.ask(udp_frame(to, 9, "x")).empty());
  EXPECT_TRUE(network.ask(udp_frame(to, 9, "x")).empty());
  EXPECT_EQ(network.counters.get(Counter::IcmpLimited), 1U);
  EXPECT_FALSE(network.ask(echo_request(to, 8)).empty());
  TestFrame syn = tcp_frame(to, {});
  EXPECT_EQ(network.responder.answer(syn.buffer(), syn.length, std::chrono::seconds{5}).delay,
            std::chrono::milliseconds{80});
}

TEST(Personality, HostsDifferWithinWhatTheEntryAllows) {
  const TemporaryFile file{whole_database()};
  Network network{options_for(file.path(), "Odd stack", 1)};
  std::set<std::string> windows;
  for (std::uint32_t i = 10; i < 60; ++i) {
    const Ipv4Address host{0xc6120700 + i};
    windows.insert(value_of(OsScan{network.responder, host, {}}.run().fingerprint,
                            FingerprintLine::Win, FingerprintTest::W1));
  }
  EXPECT_EQ(windows.size(), 7U);  // 0 to 5, and 80.
}

TEST(Personality, IsDrawnFromTheWholeFile) {
  const TemporaryFile file{whole_database()};
  Network network{options_for(file.path(), "", 1)};
  std::map<std::string, int> hosts;
  for (std::uint32_t i = 10; i < 250; ++i) {
    const Ipv4Address host{0xc6120700 + i};
    ++hosts[network.population.personality(network.population.host(host), host)->entry->name];
  }
  ASSERT_EQ(hosts.size(), 3U);
  for (const auto& [name, count] : hosts) EXPECT_GT(count, 40) << name;
}

TEST(Personality, ListedHostsAreLiveAndOthersOrdinary) {
  const TemporaryFile file{whole_database()};
  const auto database = osfp::read_os_database(file.path()).value();
  const std::size_t line = database.entries[2].line;
  const TemporaryFile hosts{fmt::format("# comment\n198.18.7.33 {}\n\n", line)};
  PopulationOptions options = options_for(file.path(), "", 1);
  options.live = 0;
  options.personality.hosts = hosts.path();
  Network network{std::move(options)};
  const Host listed = network.population.host(kHost);
  EXPECT_EQ(listed.presence, Presence::Live);
  EXPECT_EQ(network.population.personality(listed, kHost)->entry->name, "Quiet stack");
  EXPECT_EQ(network.population.host(Ipv4Address{0xc6120722}).presence, Presence::Dead);
}

TEST(Personality, WrongFilesAndEntriesAreToldBy) {
  const TemporaryFile file{whole_database()};
  const auto error_of = [](PopulationOptions options) {
    const auto made = Population::make(std::move(options));
    return made ? std::string{} : made.error().message;
  };
  EXPECT_NE(error_of(options_for(file.path(), "No such", 1)).find("'No such'"), std::string::npos);
  EXPECT_NE(error_of(options_for(file.path(), "7", 1)).find("'7'"), std::string::npos);
  EXPECT_NE(error_of(options_for("/nonexistent", "", 1)).find("/nonexistent"), std::string::npos);
  for (const auto& [text, message] : {std::pair{"198.18.7.33\n", ":1: '198.18.7.33'"},
                                      {"\nx 3\n", ":2: 'x 3'"},
                                      {"198.18.7.33 3\n", "line 3"},
                                      {"198.18.7.33 17\n198.18.7.33 17\n", "twice"}}) {
    const TemporaryFile hosts{text};
    PopulationOptions options = options_for(file.path(), "", 1);
    options.personality.hosts = hosts.path();
    EXPECT_NE(error_of(std::move(options)).find(message), std::string::npos) << text;
  }
  PopulationOptions alone;
  alone.personality.hops = 3;
  EXPECT_NE(error_of(alone).find("--personality"), std::string::npos);
}

std::string truth_text(const Population& population, const TruthRequest& request) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const out = open_memstream(&text, &size);
  EXPECT_TRUE(write_truth(population, request, out).has_value());
  std::fclose(out);
  std::string copy{text, size};
  std::free(text);  // NOLINT(*-no-malloc): it is open_memstream's.
  return copy;
}

TEST(Personality, TruthNamesEntriesAndKnowsSilence) {
  const TemporaryFile file{whole_database()};
  PopulationOptions options = options_for(file.path(), "Quiet stack", 1);
  options.prefixes = {*Ipv4Prefix::parse("198.18.7.33/32")};
  options.gateways = {*Ipv4Address::parse("198.18.7.1")};
  const auto quiet = Population::make(options).value();
  const std::uint16_t port[] = {80};
  const std::size_t line = quiet.personality(quiet.host(kHost), kHost)->entry->line;
  EXPECT_EQ(truth_text(quiet, {.ports = port, .findings = 1}),
            fmt::format("{{\"ip\":\"198.18.7.33\",\"port\":80,\"state\":\"open\",\"os_line\":{},"
                        "\"os\":\"Quiet stack\"}}\n",
                        line));
  EXPECT_EQ(
      truth_text(quiet, {.ports = port, .findings = 1, .format = TruthFormat::Csv}),
      fmt::format("ip,port,state,os_line,os\n198.18.7.33,80,open,{},\"Quiet stack\"\n", line));
  const Host host = quiet.host(kHost);
  options.personality.entry = "Common stack";
  const auto common = Population::make(options).value();
  for (const TruthProbe probe : {TruthProbe::TcpAck, TruthProbe::IcmpEcho, TruthProbe::Udp}) {
    EXPECT_FALSE(truth_of(quiet, host, quiet.personality(host, kHost), probe, 80));
    EXPECT_TRUE(truth_of(common, host, common.personality(host, kHost), probe, 80));
  }
}

TEST(Personality, IdentifiersDoNotWrapInARound) {
  const TemporaryFile file{whole_database()};
  Network network{options_for(file.path(), "Odd stack", 1)};
  for (int round = 0; round < 300; ++round) {
    const auto measured =
        OsScan{network.responder, kHost, std::chrono::seconds{round}}.run().fingerprint;
    ASSERT_EQ(value_of(measured, FingerprintLine::Seq, FingerprintTest::TI), "BI") << round;
    ASSERT_EQ(value_of(measured, FingerprintLine::Seq, FingerprintTest::II), "RI") << round;
    ASSERT_EQ(value_of(measured, FingerprintLine::Seq, FingerprintTest::CI), "RD") << round;
    ASSERT_EQ(value_of(measured, FingerprintLine::Seq, FingerprintTest::SS), "O") << round;
  }
}

TEST(Crc32Data, IsTheTextOfItsChecksum) {
  // CRC-32 of the ASCII digits "1234", and of four zeros.
  EXPECT_EQ(data_with_crc32(0x9be3e0a3),
            (std::array{std::byte{'1'}, std::byte{'2'}, std::byte{'3'}, std::byte{'4'}}));
  const std::array<std::byte, 4> zeros{};
  EXPECT_EQ(data_with_crc32(0x2144df1c), zeros);
}

// What cannot be had: values that no packet holds, and tests that contradict each other.
TEST(InstalledDatabase, NearlyEveryEntryIsAnsweredPerfectly) {
  constexpr char kPath[] = "/usr/share/nmap/nmap-os-db";
  const auto database = osfp::read_os_database(kPath);
  if (!database) {
    std::puts("no nmap is installed");
    return;
  }
  PopulationOptions options = options_for(kPath, "", 11);
  options.prefixes = {*Ipv4Prefix::parse("198.18.0.0/19")};
  std::string hosts_text;
  for (std::size_t i = 0; i < database->entries.size(); ++i) {
    hosts_text +=
        fmt::format("{} {}\n", Ipv4Address{0xc6120100 + static_cast<std::uint32_t>(i)}.to_string(),
                    database->entries[i].line);
  }
  const TemporaryFile hosts{hosts_text};
  options.personality.hosts = hosts.path();
  Network network{std::move(options)};
  std::size_t perfect = 0;
  std::string misses;
  for (std::size_t i = 0; i < database->entries.size(); ++i) {
    const Ipv4Address host{0xc6120100 + static_cast<std::uint32_t>(i)};
    const auto& entry = database->entries[i];
    const auto measured =
        OsScan{network.responder, host, std::chrono::seconds{i}}.run().fingerprint;
    const std::string found = differences(*database, entry, measured);
    if (found.empty()) {
      ++perfect;
    } else {
      misses += fmt::format("{}: {}: {}", entry.line, entry.name, found);
    }
  }
  fmt::print("{} of {} entries\n", perfect, database->entries.size());
  if (std::getenv("SHOW_MISSES") != nullptr) fmt::print("{}", misses);
  EXPECT_GE(perfect * 100, database->entries.size() * 98);
}

}  // namespace
}  // namespace trawl::simnet
