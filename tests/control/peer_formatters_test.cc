// The formats of zmap and masscan, byte for byte as those were seen to write them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/survey/output/masscan_formatter.h"
#include "control/survey/output/zmap_formatter.h"
#include "tests/control/verdicts.h"

namespace trawl::control {
namespace {

std::string record(RecordFormatter& formatter, const Verdict& verdict, std::uint64_t before = 0) {
  std::string text(RecordFormatter::kLongestRecord, '\0');
  const char* const end = formatter.write(text.data(), verdict, before);
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

TEST(ZmapFormatter, WritesEveryColumnAsZmapDoes) {
  std::vector<ZmapField> fields;
  for (unsigned i = 0; i < kZmapFields; ++i) fields.push_back(static_cast<ZmapField>(i));
  ZmapFormatter formatter{fields};
  EXPECT_EQ(formatter.header(),
            "saddr,saddr-raw,daddr,daddr-raw,ttl,sport,dport,classification,success,repeat,"
            "cooldown,timestamp-str,timestamp-ts,timestamp-us\n");
  EXPECT_EQ(record(formatter, open_verdict()),
            "198.18.0.5,83890886,198.18.0.1,16782022,57,443,61005,synack,1,0,0,"
            "2026-01-02T03:04:05.123+0000,1767323045,123456\n");
  Verdict late = closed_verdict();
  late.repeat = late.cooldown = true;
  EXPECT_EQ(record(formatter, late),
            "198.18.0.5,83890886,198.18.0.1,16782022,57,443,61005,rst,0,1,1,"
            "2026-01-02T03:04:05.123+0000,1767323045,123456\n");
}

TEST(ZmapFormatter, HasDefaultColumnsAndNoHeaderForOneColumn) {
  ZmapFormatter defaults{{}};
  EXPECT_EQ(defaults.header(),
            "saddr,daddr,sport,dport,classification,success,repeat,cooldown,timestamp-str\n");
  EXPECT_EQ(record(defaults, unreachable_verdict()),
            "198.18.0.5,198.18.0.1,443,61005,icmp,0,0,0,2026-01-02T03:04:05.123+0000\n");
  ZmapFormatter one{{ZmapField::Saddr}};
  EXPECT_EQ(one.header(), "");
  EXPECT_EQ(record(one, open_verdict()), "198.18.0.5\n");
}

TEST(ZmapFormatter, NamesRepliesOfEveryKindOfProbe) {
  ZmapFormatter formatter{{ZmapField::Sport, ZmapField::Classification, ZmapField::Success}};
  EXPECT_EQ(record(formatter, udp_verdict()), "443,udp,1\n");
  EXPECT_EQ(record(formatter, unfiltered_verdict()), "443,rst,1\n");
  EXPECT_EQ(record(formatter, up_verdict()), ",echoreply,1\n");
}

TEST(ZmapFormatter, AnUnknownPortOfOursIsEmpty) {
  ZmapFormatter formatter{{ZmapField::Dport, ZmapField::Sport}};
  Verdict verdict = open_verdict();
  verdict.to_port = 0;
  EXPECT_EQ(record(formatter, verdict), ",443\n");
}

TEST(MasscanJson, IsAnArrayWithACommaBetweenRecords) {
  MasscanJsonFormatter formatter;
  const std::string one =
      R"({   "ip": "198.18.0.5",   "timestamp": "1767323045", "ports": [ {"port": 443, )"
      R"("proto": "tcp", "status": "open", "reason": "syn-ack", "ttl": 57} ] })"
      "\n";
  EXPECT_EQ(record(formatter, open_verdict(), 0), one);
  EXPECT_EQ(record(formatter, open_verdict(), 1), ",\n" + one);
  EXPECT_EQ(formatter.header(), "[\n");
  EXPECT_EQ(formatter.footer(2), "]\n");
}

TEST(MasscanJson, NamesStatesInMasscansWords) {
  MasscanJsonFormatter formatter;
  EXPECT_NE(record(formatter, closed_verdict())
                .find(R"("status": "closed", "reason": "rst-ack", "ttl": 57)"),
            std::string::npos);
  EXPECT_NE(record(formatter, unreachable_verdict())
                .find(R"("status": "unknown", "reason": "host-unreach")"),
            std::string::npos);
}

TEST(MasscanJson, WhatIsUpIsOpenAndWhatIsReachedIsUnknown) {
  MasscanJsonFormatter formatter;
  EXPECT_NE(record(formatter, up_verdict())
                .find(R"({"port": 0, "proto": "icmp", "status": "open", "reason": "echo-reply")"),
            std::string::npos);
  EXPECT_NE(record(formatter, unfiltered_verdict()).find(R"("status": "unknown", "reason": "rst")"),
            std::string::npos);
}

TEST(MasscanList, IsALineARecordBetweenTwoComments) {
  MasscanListFormatter formatter;
  EXPECT_EQ(formatter.header(), "#masscan\n");
  EXPECT_EQ(record(formatter, open_verdict()), "open tcp 443 198.18.0.5 1767323045\n");
  EXPECT_EQ(record(formatter, closed_verdict()), "closed tcp 443 198.18.0.5 1767323045\n");
  EXPECT_EQ(formatter.footer(0), "# end\n");
}

// The numbers of zmap's raw columns have no room for an address of IPv6: they stay empty.
TEST(PeerFormatters, WriteIpv6Addresses) {
  Verdict verdict = open_verdict();
  verdict.ip = verdict.from = *Ipv6Address::parse("2001:db8::5");
  verdict.to = *Ipv6Address::parse("2001:db8::1");
  ZmapFormatter zmap{
      {ZmapField::Saddr, ZmapField::SaddrRaw, ZmapField::Daddr, ZmapField::DaddrRaw}};
  EXPECT_EQ(record(zmap, verdict), "2001:db8::5,,2001:db8::1,\n");
  MasscanListFormatter masscan;
  EXPECT_EQ(record(masscan, verdict), "open tcp 443 2001:db8::5 1767323045\n");
}

}  // namespace
}  // namespace trawl::control
