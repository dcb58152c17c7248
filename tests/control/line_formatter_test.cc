#include "control/survey/output/line_formatter.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "base/clock.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;

// 2026-01-02T03:04:05.123456Z.
const std::chrono::system_clock::time_point kTime =
    sys_days{std::chrono::year{2026} / 1 / 2} + 3h + 4min + 5s + 123456us;

Verdict example() {
  return Verdict{.time = kTime,
                 .ip = Ipv4Address{0xc6120005U},
                 .port = 443,
                 .state = PortState::Open,
                 .reason = Reason::SynAck,
                 .ttl = 57,
                 .rtt_us = 8123,
                 .attempt = 1,
                 .from = Ipv4Address{0xc6120005U}};
}

// An ICMP error from a router on the way.
Verdict unreachable() {
  Verdict verdict = example();
  verdict.state = PortState::Unreachable;
  verdict.reason = Reason::HostUnreachable;
  verdict.rtt_us.reset();
  verdict.from = Ipv4Address{0xc6120001U};
  return verdict;
}

std::string line(OutputFormat format, std::vector<ResultField> fields, const Verdict& verdict) {
  LineFormatter formatter{format, {.lines = std::move(fields), .zmap = {}}};
  std::string text(RecordFormatter::kLongestRecord, '\0');
  text.resize(static_cast<std::size_t>(formatter.write(text.data(), verdict, 0) - text.data()));
  return text;
}

TEST(Jsonl, LineIsExactlyTheDocumentedOne) {
  EXPECT_EQ(line(OutputFormat::Jsonl, {}, example()),
            R"({"schema":"trawl.v1","ts":"2026-01-02T03:04:05.123456Z","ip":"198.18.0.5",)"
            R"("port":443,"proto":"tcp","state":"open","reason":"syn-ack","ttl":57,)"
            R"("rtt_us":8123,"attempt":1})"
            "\n");
}

TEST(Jsonl, LeavesOutAnUnknownRttAndNamesAnotherSender) {
  EXPECT_EQ(line(OutputFormat::Jsonl, {}, unreachable()),
            R"({"schema":"trawl.v1","ts":"2026-01-02T03:04:05.123456Z","ip":"198.18.0.5",)"
            R"("port":443,"proto":"tcp","state":"unreachable","reason":"host-unreach","ttl":57,)"
            R"("attempt":1,"from":"198.18.0.1"})"
            "\n");
}

// An ICMP request answered: of an address, not of a port.
Verdict echoed() {
  Verdict verdict = example();
  verdict.port = 0;
  verdict.protocol = Protocol::Icmp;
  verdict.state = PortState::Up;
  verdict.reason = Reason::EchoReply;
  return verdict;
}

TEST(Jsonl, LeavesOutThePortOfAProtocolWithout) {
  EXPECT_EQ(line(OutputFormat::Jsonl, {}, echoed()),
            R"({"schema":"trawl.v1","ts":"2026-01-02T03:04:05.123456Z","ip":"198.18.0.5",)"
            R"("proto":"icmp","state":"up","reason":"echo-reply","ttl":57,)"
            R"("rtt_us":8123,"attempt":1})"
            "\n");
}

TEST(Csv, LeavesThePortOfAProtocolWithoutEmpty) {
  using enum ResultField;
  EXPECT_EQ(line(OutputFormat::Csv, {Ip, Port, Proto}, echoed()), "198.18.0.5,,icmp\n");
}

TEST(Jsonl, ChosenFieldsComeAloneAndInTheirOrder) {
  using enum ResultField;
  EXPECT_EQ(line(OutputFormat::Jsonl, {Port, Ip}, example()),
            "{\"port\":443,\"ip\":\"198.18.0.5\"}\n");
  EXPECT_EQ(line(OutputFormat::Jsonl, {From}, example()), "{\"from\":\"198.18.0.5\"}\n");
  EXPECT_EQ(line(OutputFormat::Jsonl, {RttUs, Ttl}, unreachable()), "{\"ttl\":57}\n");
  EXPECT_EQ(line(OutputFormat::Jsonl, {RttUs}, unreachable()), "{}\n");
  EXPECT_EQ(line(OutputFormat::Jsonl, {Schema}, example()), "{\"schema\":\"trawl.v1\"}\n");
}

TEST(Csv, HeaderAndLinesHaveTheSameColumns) {
  EXPECT_EQ((LineFormatter{OutputFormat::Csv, {}}.header()),
            "ts,ip,port,proto,state,reason,ttl,rtt_us,attempt,from\n");
  EXPECT_EQ(line(OutputFormat::Csv, {}, example()),
            "2026-01-02T03:04:05.123456Z,198.18.0.5,443,tcp,open,syn-ack,57,8123,1,198.18.0.5\n");
  EXPECT_EQ(line(OutputFormat::Csv, {}, unreachable()),
            "2026-01-02T03:04:05.123456Z,198.18.0.5,443,tcp,unreachable,host-unreach,57,,1,"
            "198.18.0.1\n");
}

TEST(Csv, ChosenFieldsComeAloneAndInTheirOrder) {
  using enum ResultField;
  EXPECT_EQ((LineFormatter{OutputFormat::Csv, {.lines = {RttUs, Ip}, .zmap = {}}}.header()),
            "rtt_us,ip\n");
  EXPECT_EQ(line(OutputFormat::Csv, {RttUs, Ip}, unreachable()), ",198.18.0.5\n");
  EXPECT_EQ(line(OutputFormat::Csv, {Schema}, example()), "trawl.v1\n");
}

TEST(LineFormatter, LongestValuesFitTheBuffer) {
  Verdict verdict = unreachable();
  verdict.ip = Ipv4Address{0xffffffffU};
  verdict.from = Ipv4Address{0xfffffffeU};
  verdict.port = std::numeric_limits<std::uint16_t>::max();
  verdict.ttl = verdict.attempt = std::numeric_limits<std::uint8_t>::max();
  verdict.rtt_us = std::numeric_limits<std::uint32_t>::max();
  for (unsigned i = 0; i < kReasons; ++i) {
    verdict.reason = static_cast<Reason>(i);
    const std::string text = line(OutputFormat::Jsonl, {}, verdict);
    EXPECT_LT(text.size() + 16, RecordFormatter::kLongestRecord);
    EXPECT_NE(text.find("\"rtt_us\":4294967295"), std::string::npos);
    EXPECT_NE(text.find("\"from\":\"255.255.255.254\""), std::string::npos);
  }
}

TEST(LineFormatter, PrintsEveryOctetAsTheAddressDoes) {
  for (std::uint32_t octet = 0; octet < 256; ++octet) {
    Verdict verdict = example();
    verdict.ip =
        Ipv4Address{octet << 24U | (255 - octet) << 16U | octet << 8U | (octet * 7 & 0xff)};
    EXPECT_EQ(line(OutputFormat::Csv, {ResultField::Ip}, verdict), verdict.ip.to_string() + "\n");
  }
}

std::string stamp(std::chrono::system_clock::time_point time) {
  TimestampWriter writer;
  std::string text(TimestampWriter::kSize, '\0');
  writer.write(text.data(), time);
  return text;
}

TEST(TimestampWriter, AgreesWithTheGeneralFormatter) {
  std::mt19937_64 random{3};
  TimestampWriter writer;
  std::string text(TimestampWriter::kSize, '\0');
  for (int i = 0; i < 100'000; ++i) {
    // Up to the year 2242, half of them within the second before.
    static std::chrono::microseconds since_epoch{0};
    since_epoch = std::chrono::microseconds{
        random() % 2 == 0 ? static_cast<std::int64_t>(random() % (std::uint64_t{1} << 53U))
                          : since_epoch.count() / 1'000'000 * 1'000'000 +
                                static_cast<std::int64_t>(random() % 1'000'000)};
    const std::chrono::system_clock::time_point time{since_epoch};
    writer.write(text.data(), time);
    ASSERT_EQ(text, format_utc(time));
  }
}

TEST(TimestampWriter, HandlesTheEdges) {
  EXPECT_EQ(stamp({}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(stamp(std::chrono::system_clock::time_point{-1us}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(stamp(std::chrono::system_clock::time_point{-1ns}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(stamp(std::chrono::system_clock::time_point::max()), "2262-04-11T23:47:16.854775Z");
  EXPECT_EQ(stamp(sys_days{std::chrono::year{2028} / 2 / 29}), "2028-02-29T00:00:00.000000Z");
}

// The longest address there is, and one that is shortened as RFC 5952 says.
TEST(Jsonl, WritesIpv6AddressesInTheirCanonicalForm) {
  Verdict verdict = unreachable();
  verdict.ip = *Ipv6Address::parse("2001:0DB8:0:0:0:0:0:1");
  verdict.from = *Ipv6Address::parse("2001:db8:1111:2222:3333:4444:5555:6666");
  EXPECT_EQ(line(OutputFormat::Csv, {ResultField::Ip, ResultField::From}, verdict),
            "2001:db8::1,2001:db8:1111:2222:3333:4444:5555:6666\n");
  const std::string json = line(OutputFormat::Jsonl, {}, verdict);
  EXPECT_NE(json.find(R"("ip":"2001:db8::1","port":443)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("from":"2001:db8:1111:2222:3333:4444:5555:6666"})"), std::string::npos);
}

}  // namespace
}  // namespace trawl::control
