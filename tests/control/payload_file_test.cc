#include "control/survey/payload_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "control/survey/udp_payload_text.h"
#include "dataplane/udp_payloads.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using dataplane::UdpField;
using dataplane::UdpPayload;
using dataplane::UdpReplyStep;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<UdpPayload> parsed(std::string_view text) {
  auto got = parse_payloads(text, "p.txt");
  if (!got) ADD_FAILURE() << got.error().message;
  return got ? std::move(*got) : std::vector<UdpPayload>{};
}

std::string refused(std::string_view text) {
  const auto got = parse_payloads(text, "p.txt");
  if (got) return "accepted";
  EXPECT_EQ(got.error().code, ExitCode::BadInput);
  return got.error().message;
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Big-endian number of `size` bytes.
std::size_t number_at(const std::vector<std::byte>& bytes, std::size_t at, std::size_t size) {
  std::size_t value = 0;
  for (std::size_t i = at; i < at + size; ++i) {
    value = value << 8U | static_cast<std::size_t>(bytes.at(i));
  }
  return value;
}

TEST(PayloadFile, PiecesBecomeBytesAndSlots) {
  const auto got = parsed(
      "# first\nname-1: 53,60-61 00fF \"a\\r\\n\\t\\0\\\"\\\\\\x7f#\" %zero2 # end\n"
      "\t%id7 %id16 %id30\n  %id32 %idhex %stamp\n\n7 \"x\"\n");
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].name, "name-1");
  EXPECT_THAT(got[0].ports, ElementsAre(53, 60, 61));
  using namespace std::string_literals;
  EXPECT_EQ(text_of(got[0].bytes), "\0\xff"s + "a\r\n\t\0\"\\\x7f#"s + std::string(25, '\0'));
  ASSERT_EQ(got[0].slots.size(), 6U);
  EXPECT_EQ(got[0].slots[0].at, 13);
  EXPECT_EQ(got[0].slots[0].field, UdpField::Id7);
  EXPECT_EQ(got[0].slots[5].at, 32);
  EXPECT_EQ(got[0].slots[5].field, UdpField::Stamp);
  EXPECT_TRUE(got[0].reply.empty());
  EXPECT_EQ(got[1].name, "");
  EXPECT_EQ(text_of(got[1].bytes), "x");
}

TEST(PayloadFile, StepsSayWhatAReplyIs) {
  const auto got = parsed(
      "5060 %id16 %id30 => 0102 %skip3 \"x\" %find \"ab\" %id16\r\n69 => %anyport 00\n"
      "161 %id30 => %snmp");
  ASSERT_EQ(got.size(), 3U);
  ASSERT_EQ(got[0].reply.size(), 5U);
  using enum UdpReplyStep::Kind;
  EXPECT_EQ(got[0].reply[0].kind, Bytes);
  EXPECT_EQ(got[0].reply[1].kind, Skip);
  EXPECT_EQ(got[0].reply[1].count, 3);
  EXPECT_EQ(text_of(got[0].reply[2].bytes), "x");
  EXPECT_EQ(got[0].reply[3].kind, Find);
  EXPECT_EQ(text_of(got[0].reply[3].bytes), "ab");
  EXPECT_EQ(got[0].reply[4].kind, Field);
  EXPECT_TRUE(got[1].any_port);
  EXPECT_EQ(got[2].reply[0].kind, Snmp);
}

TEST(PayloadFile, ErrorsNameTheLineAndWhatWasThere) {
  EXPECT_THAT(refused("\n53 abc\n"), HasSubstr("p.txt:2: \"abc\" is no piece of a payload"));
  EXPECT_THAT(refused("53 zz"), HasSubstr("pairs of hex digits"));
  EXPECT_THAT(refused("x 00"), HasSubstr("p.txt:1: \"x\""));
  EXPECT_THAT(refused("70000 00"), HasSubstr("p.txt:1: \"70000\""));
  EXPECT_THAT(refused("\"53\" 00"), HasSubstr("p.txt:1: "));
  EXPECT_THAT(refused("53 \"ab"), HasSubstr("has no closing quote"));
  EXPECT_THAT(refused("53 \"\\q\""), HasSubstr("has an escape"));
  EXPECT_THAT(refused("53 \"\\x1\""), HasSubstr("has an escape"));
  EXPECT_THAT(refused("53 \"\\"), HasSubstr("has an escape"));
  EXPECT_THAT(refused("  00"), HasSubstr("p.txt:1: goes on with a line before"));
  EXPECT_THAT(refused("DNS: 53 00"), HasSubstr("\"DNS:\" is not a name"));
  EXPECT_THAT(refused("dns:"), HasSubstr("\"dns:\" has no ports"));
  EXPECT_THAT(refused("53 %zero0"), HasSubstr("no piece"));
  EXPECT_THAT(refused("53 %zero1401"), HasSubstr("no piece"));
  EXPECT_THAT(refused("53 %zero1400 00"), HasSubstr("is longer than 1400 bytes"));
  EXPECT_THAT(refused("53 %id7 %id7 %id7 %id7 %id7 %id7 %id7 %id7 %id7"),
              HasSubstr("more than 8 fields"));
  EXPECT_THAT(refused("53 00 => 00 => 00"), HasSubstr("=> twice"));
  EXPECT_THAT(refused("53 00 => %zero4"), HasSubstr("\"%zero4\" is no step of a reply"));
  EXPECT_THAT(refused("53 00 => %find\n54 00"), HasSubstr("p.txt:1: %find needs bytes"));
  EXPECT_THAT(refused("53 %id16 => %find %id16"), HasSubstr("%find needs bytes"));
  EXPECT_THAT(refused("53 00 => 00 %anyport"), HasSubstr("%anyport first"));
  EXPECT_THAT(refused("53,54 00 => %anyport"), HasSubstr("one port"));
  EXPECT_THAT(refused("53 00\n  => %id16\n\n54 00"),
              HasSubstr("p.txt:1: the reply is to bring back a field"));
  EXPECT_THAT(refused("161 %id32 => %snmp"), HasSubstr("does not have"));
  EXPECT_THAT(refused("161 %id32 %id16 => %id32 %id16"), HasSubstr("one id"));
  EXPECT_THAT(refused("53 00 => \"\""), HasSubstr("1 to 1400 bytes"));
}

TEST(PayloadFile, APortComesAgainOnlyInLinesWithNames) {
  EXPECT_THAT(refused("50-60 00\n\n55 01"),
              HasSubstr("p.txt:3: port 55 has a payload in line 1 already"));
  EXPECT_THAT(refused("a: 53 00\n53 01"), HasSubstr("line 1 already"));
  EXPECT_THAT(refused("53 00\na: 53 01"), HasSubstr("line 1 already"));
  EXPECT_EQ(parsed("a: 53 00\nb: 53 01").size(), 2U);
}

TEST(PayloadFile, IsBounded) {
  std::string many;
  for (unsigned i = 0; i < 256; ++i) many += std::to_string(1000 + i) + " 00\n";
  EXPECT_EQ(parsed(many).size(), 256U);
  EXPECT_THAT(refused(many + "9 00"), HasSubstr("p.txt:257: is one payload more than 256"));
  std::string steps = "9 00 =>";
  for (unsigned i = 0; i < 17; ++i) steps += " 00";
  EXPECT_THAT(refused(steps), HasSubstr("more than 16 steps"));
}

TEST(PayloadFile, UnreadableAndOversizedFilesAreRefused) {
  EXPECT_FALSE(read_payload_file("/nonexistent/payloads"));
  EXPECT_FALSE(read_payload_file("/"));
  const auto endless = read_payload_file("/dev/zero");
  ASSERT_FALSE(endless);
  EXPECT_THAT(endless.error().message, HasSubstr("larger than"));
}

TEST(PayloadFile, BuiltInPayloadsAreWellFormed) {
  const auto got = parse_payloads(kUdpPayloadText, "udp_payloads.txt");
  ASSERT_TRUE(got) << got.error().message;
  std::map<std::string, const UdpPayload*> named;
  for (const UdpPayload& payload : *got) {
    EXPECT_FALSE(payload.name.empty());
    EXPECT_TRUE(named.try_emplace(payload.name, &payload).second) << payload.name;
    EXPECT_FALSE(payload.reply.empty()) << payload.name;
  }
  for (const char* name :
       {"dns",    "ntp",  "snmp-v1", "snmp-v2c",     "snmp-v3",  "netbios-ns", "ssdp",      "mdns",
        "sip",    "ike",  "ike-nat", "tftp",         "coap",     "stun",       "memcached", "quic",
        "bacnet", "ipmi", "dtls",    "ws-discovery", "ubiquiti", "radius"}) {
    EXPECT_TRUE(named.contains(name)) << name;
  }
  EXPECT_EQ(named["ntp"]->bytes.size(), 48U);
  EXPECT_EQ(named["quic"]->bytes.size(), 1200U);
  EXPECT_EQ(named["stun"]->bytes.size(), 20U);
  EXPECT_EQ(named["dns"]->bytes.size(), 30U);
  EXPECT_EQ(named["netbios-ns"]->bytes.size(), 50U);
  EXPECT_EQ(named["ipmi"]->bytes.size(), 12U);
  EXPECT_EQ(named["radius"]->bytes.size(), 20U);
}

// The lengths that stand in the payloads are those of what follows.
TEST(PayloadFile, LengthsInBuiltInPayloadsAreRight) {
  for (const UdpPayload& payload : builtin_payloads()) {
    const auto& bytes = payload.bytes;
    if (payload.name.starts_with("snmp")) {
      EXPECT_EQ(number_at(bytes, 1, 1), bytes.size() - 2) << payload.name;
    } else if (payload.name.starts_with("ike")) {
      const std::size_t marker = payload.name == "ike" ? 0 : 4;
      EXPECT_EQ(number_at(bytes, marker + 24, 4), bytes.size() - marker);
      std::size_t at = marker + 28;
      for (std::size_t next = 33; next != 0;) {  // SA, KE, Nonce.
        next = number_at(bytes, at, 1);
        at += number_at(bytes, at + 2, 2);
      }
      EXPECT_EQ(at, bytes.size());
      EXPECT_EQ(number_at(bytes, marker + 34, 2), 0x60U) << "proposal";
    } else if (payload.name == "dtls") {
      EXPECT_EQ(number_at(bytes, 11, 2), bytes.size() - 13);
      EXPECT_EQ(number_at(bytes, 14, 3), bytes.size() - 25);
      EXPECT_EQ(number_at(bytes, 22, 3), bytes.size() - 25);
      EXPECT_EQ(number_at(bytes, 61, 2), 28U) << "cipher suites";
      EXPECT_EQ(number_at(bytes, 93, 2), bytes.size() - 95) << "extensions";
    } else if (payload.name == "bacnet" || payload.name == "radius") {
      EXPECT_EQ(number_at(bytes, 2, 2), bytes.size());
    }
  }
}

// The name of the payload that goes to each port, "-" for none.
std::string sent_to(std::uint16_t port, std::string_view own, std::string_view wanted) {
  const auto ordered = order_payloads(parsed(own), wanted, "--payload");
  EXPECT_TRUE(ordered) << ordered.error().message;
  const dataplane::UdpPayloads payloads{*ordered, {&port, 1}};
  const std::size_t index = payloads.index_of(port);
  return index == 0 ? "-" : payloads.all()[index].name;
}

TEST(PayloadOrder, FirstOfTheTableThenOwnThenAskedFor) {
  EXPECT_EQ(sent_to(161, "", ""), "snmp-v3");
  EXPECT_EQ(sent_to(161, "", "snmp-v2c"), "snmp-v2c");
  EXPECT_EQ(sent_to(161, "", "dns,snmp-v1"), "snmp-v1");
  EXPECT_EQ(sent_to(161, "mine: 161 00\nother: 161 01", ""), "mine");
  EXPECT_EQ(sent_to(161, "mine: 161 00\nother: 161 01", "other"), "other");
  EXPECT_EQ(sent_to(161, "mine: 161 00", "snmp-v1"), "snmp-v1");
  EXPECT_EQ(sent_to(53, "dns: 53 00", "dns"), "dns");
  EXPECT_EQ(sent_to(4, "", ""), "-");
  const auto unknown = order_payloads({}, "snmpv2c", "--payload");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ExitCode::Usage);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean snmp-v2c?"));
  EXPECT_FALSE(order_payloads({}, "dns,", "--payload"));
  EXPECT_FALSE(order_payloads({}, ",dns", "--payload"));
}

}  // namespace
}  // namespace trawl::control
