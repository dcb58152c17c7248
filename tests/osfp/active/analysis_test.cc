#include "osfp/active/analysis.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/osfp/active/exchange.h"

namespace trawl::osfp {
namespace {

using namespace exchange;
using namespace std::chrono_literals;
using Line = FingerprintLine;

// A round in which every probe was sent and nothing came back yet.
Round silent_round() {
  Round round;
  round.series = kSeries;
  round.knows_closed_port = true;
  for (std::size_t i = 0; i < kProbes; ++i) {
    round.exchanges[i].was_sent = true;
    round.exchanges[i].sent_at = 100ms * static_cast<int>(i);
    round.exchanges[i].sent_ttl = 50;
  }
  return round;
}

void hear(Round& round, const std::vector<std::byte>& packet) {
  const auto match = match_response(round.series, packet);
  ASSERT_TRUE(match);
  round.at(match->probe).response = match->response;
}

std::vector<std::uint8_t> options_of(std::uint32_t stamp) {
  return {2,
          4,
          5,
          0xb4,
          4,
          2,
          8,
          10,
          static_cast<std::uint8_t>(stamp >> 24U),
          static_cast<std::uint8_t>(stamp >> 16U),
          static_cast<std::uint8_t>(stamp >> 8U),
          static_cast<std::uint8_t>(stamp),
          255,
          255,
          255,
          255,
          1,
          3,
          3,
          7};
}

// A stack that counts everything up by one, `hops` routers away.
Round whole_round(std::uint8_t hops) {
  Round round = silent_round();
  const auto ip = [&](std::uint16_t id, std::uint16_t fragment = 0x4000) {
    return Ip{.ttl = static_cast<std::uint8_t>(64 - hops), .fragment = fragment, .id = id};
  };
  for (std::uint16_t i = 0; i < kSeqProbes; ++i) {
    hear(round, tcp_answer(probe_at(i),
                           {.sequence = 64000U * (i + 1),
                            .ack = 1001U + i,
                            .flags = 0x12,
                            .window = 0xffff,
                            .options = options_of(1000U + 100U * i)},
                           ip(i)));
  }
  hear(
      round,
      tcp_answer(
          Probe::Ecn,
          {.sequence = 9, .ack = 1001, .flags = 0x52, .window = 0xffff, .options = {2, 4, 5, 0xb4}},
          ip(0)));
  hear(round, tcp_answer(Probe::T4, {.sequence = 2000, .ack = 0, .flags = 4}, ip(0)));
  hear(round,
       tcp_answer(Probe::T5, {.sequence = 0, .ack = 1001, .flags = 0x14, .data = "gone"}, ip(10)));
  hear(round,
       tcp_answer(Probe::T6, {.sequence = 2001, .ack = 1000, .flags = 4, .urgent = 1}, ip(11, 0)));
  hear(round,
       tcp_answer(
           Probe::T7,
           {.sequence = 5, .ack = 5, .flags = 0xff, .reserved = 1, .window = 0x400, .urgent = 1},
           ip(12)));
  hear(round, unreachable(quoted_probe(hops), 0, ip(13, 0)));
  hear(round, echo_answer(Probe::Echo1, 9, ip(6)));
  hear(round, echo_answer(Probe::Echo2, 0, ip(7, 0)));
  return round;
}

TEST(Analysis, WholeRoundHasAllTests) {
  const Analysis analysis = analyse(whole_round(0));
  EXPECT_EQ(analysis.fingerprint.print(),
            "SEQ(SP=0%GCD=FA00%ISR=9A%TI=I%CI=I%II=I%SS=S%TS=A)\n"
            "OPS(O1=M5B4ST11NW7%O2=M5B4ST11NW7%O3=M5B4ST11NW7%O4=M5B4ST11NW7%O5=M5B4ST11NW7%"
            "O6=M5B4ST11NW7)\n"
            "WIN(W1=FFFF%W2=FFFF%W3=FFFF%W4=FFFF%W5=FFFF%W6=FFFF)\n"
            "ECN(R=Y%DF=Y%T=40%W=FFFF%O=M5B4%CC=Y%Q=)\n"
            "T1(R=Y%DF=Y%T=40%S=O%A=S+%F=AS%RD=0%Q=)\n"
            "T2(R=N)\n"
            "T3(R=N)\n"
            "T4(R=Y%DF=Y%T=40%W=0%S=A%A=Z%F=R%O=%RD=0%Q=)\n"
            "T5(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=02984F45%Q=)\n"
            "T6(R=Y%DF=N%T=40%W=0%S=A+%A=S%F=R%O=%RD=0%Q=U)\n"
            "T7(R=Y%DF=Y%T=40%W=400%S=O%A=O%F=EUAPRSF%O=%RD=0%Q=R)\n"
            "U1(R=Y%DF=N%T=40%IPL=164%UN=0%RIPL=G%RID=G%RIPCK=G%RUCK=G%RUD=G)\n"
            "IE(R=Y%DFI=S%T=40%CD=S)\n");
  EXPECT_EQ(analysis.samples.size(), 6U);
  EXPECT_EQ(analysis.ip_ids, IpIdClass::Incremental);
}

TEST(Analysis, DistanceIsAddedToTheTtl) {
  const Analysis analysis = analyse(whole_round(11));
  EXPECT_EQ(analysis.hops, 11U);
  EXPECT_EQ(*analysis.fingerprint.find(Line::T4, FingerprintTest::T), "40");
  EXPECT_EQ(*analysis.fingerprint.find(Line::Ie, FingerprintTest::T), "40");
  EXPECT_EQ(analysis.fingerprint.find(Line::T4, FingerprintTest::TG), nullptr);
}

TEST(Analysis, WithoutDistanceTheTtlIsGuessed) {
  Round round = whole_round(11);
  round.at(Probe::Udp).response.reset();
  Analysis analysis = analyse(round);
  EXPECT_EQ(analysis.hops, std::nullopt);
  EXPECT_EQ(analysis.fingerprint.print(Line::Ie), "IE(R=Y%DFI=S%TG=40%CD=S)");
  EXPECT_EQ(analysis.fingerprint.print(Line::U1), "U1(R=N)");
  round.hops = 12;
  analysis = analyse(round);
  EXPECT_EQ(analysis.fingerprint.print(Line::Ie), "IE(R=Y%DFI=S%T=41%CD=S)");
}

TEST(Analysis, QuotedTtlAboveTheSentOneIsNoDistance) {
  Round round = whole_round(3);
  round.at(Probe::Udp).sent_ttl = 40;  // Quoted with 47.
  EXPECT_EQ(analyse(round).hops, std::nullopt);
}

TEST(Analysis, UsualInitialTtlsAreGuessed) {
  const std::pair<std::uint8_t, const char*> cases[] = {{1, "20"},   {32, "20"}, {33, "40"},
                                                        {64, "40"},  {65, "80"}, {128, "80"},
                                                        {129, "FF"}, {255, "FF"}};
  for (const auto& [ttl, guess] : cases) {
    Round round = silent_round();
    hear(round, tcp_answer(Probe::T2, {}, {.ttl = ttl}));
    EXPECT_EQ(*analyse(round).fingerprint.find(Line::T2, FingerprintTest::TG), guess);
  }
}

TEST(Analysis, SilenceIsRecordedOfProbesThatWereSent) {
  EXPECT_EQ(analyse(silent_round()).fingerprint.print(),
            "ECN(R=N)\nT1(R=N)\nT2(R=N)\nT3(R=N)\nT4(R=N)\nT5(R=N)\nT6(R=N)\nT7(R=N)\nU1(R=N)\n"
            "IE(R=N)\n");
  EXPECT_EQ(analyse(Round{}).fingerprint.print(), "");
}

TEST(Analysis, SilenceOfAPortThatMayBeFilteredSaysNothing) {
  Round round = silent_round();
  round.knows_closed_port = false;
  EXPECT_EQ(analyse(round).fingerprint.print(),
            "ECN(R=N)\nT1(R=N)\nT2(R=N)\nT3(R=N)\nT4(R=N)\nU1(R=N)\nIE(R=N)\n");
  hear(round, tcp_answer(Probe::T6, {.flags = 4}));
  EXPECT_TRUE(analyse(round).fingerprint.has(Line::T6));
}

TEST(Analysis, OneEchoReplyIsNone) {
  Round round = silent_round();
  hear(round, echo_answer(Probe::Echo2, 0));
  EXPECT_EQ(analyse(round).fingerprint.print(Line::Ie), "IE(R=N)");
}

TEST(Analysis, MissingAnswersLeaveOnlyTheirOwnTestsOut) {
  Round round = whole_round(0);
  round.at(Probe::Seq1).response.reset();
  const Fingerprint fingerprint = analyse(round).fingerprint;
  EXPECT_EQ(fingerprint.find(Line::Win, FingerprintTest::W1), nullptr);
  EXPECT_EQ(*fingerprint.find(Line::Win, FingerprintTest::W2), "FFFF");
  EXPECT_EQ(fingerprint.print(Line::T1), "T1(R=N)");
  EXPECT_EQ(fingerprint.print(Line::Seq), "SEQ(SP=0%GCD=FA00%ISR=9A%TI=I%CI=I%II=I%SS=S%TS=A)");
}

TEST(Analysis, OnlySynAcksAreSamples) {
  Round round = whole_round(0);
  hear(round, tcp_answer(Probe::Seq1, {.sequence = 5, .ack = 1001, .flags = 0x14}));
  const Analysis analysis = analyse(round);
  EXPECT_EQ(analysis.samples.size(), 5U);
  EXPECT_EQ(*analysis.fingerprint.find(Line::T1, FingerprintTest::F), "AR");
  EXPECT_EQ(*analysis.fingerprint.find(Line::Ops, FingerprintTest::O1), "");
}

TEST(Analysis, EchoCodesAreCompared) {
  const auto code = [](std::uint8_t first, std::uint8_t second) {
    Round round = silent_round();
    hear(round, echo_answer(Probe::Echo1, first));
    hear(round, echo_answer(Probe::Echo2, second));
    return *analyse(round).fingerprint.find(Line::Ie, FingerprintTest::CD);
  };
  EXPECT_EQ(code(0, 0), "Z");
  EXPECT_EQ(code(9, 0), "S");
  EXPECT_EQ(code(9, 9), "9");
  EXPECT_EQ(code(255, 255), "FF");
  EXPECT_EQ(code(0, 9), "O");
}

TEST(Analysis, EchoFragmentBitsAreCompared) {
  const auto bits = [](std::uint16_t first, std::uint16_t second) {
    Round round = silent_round();
    hear(round, echo_answer(Probe::Echo1, 9, {.fragment = first}));
    hear(round, echo_answer(Probe::Echo2, 0, {.fragment = second}));
    return *analyse(round).fingerprint.find(Line::Ie, FingerprintTest::DFI);
  };
  EXPECT_EQ(bits(0, 0), "N");
  EXPECT_EQ(bits(0x4000, 0), "S");
  EXPECT_EQ(bits(0x4000, 0x4000), "Y");
  EXPECT_EQ(bits(0, 0x4000), "O");
}

TEST(Analysis, EcnBitsAreCompared) {
  const auto support = [](std::uint8_t flags) {
    Round round = silent_round();
    hear(round, tcp_answer(Probe::Ecn, {.flags = flags}));
    return *analyse(round).fingerprint.find(Line::Ecn, FingerprintTest::CC);
  };
  EXPECT_EQ(support(0x52), "Y");
  EXPECT_EQ(support(0x12), "N");
  EXPECT_EQ(support(0xd2), "S");
  EXPECT_EQ(support(0x92), "O");
}

TEST(Analysis, ReturnedDatagramsAreCompared) {
  Round round = silent_round();
  auto quoted = quoted_probe();
  wire::write16(quoted.data() + wire::kIpLength, 0x134);
  wire::write16(quoted.data() + wire::kIpId, 0x4210);
  wire::write16(quoted.data() + wire::kIpChecksum, 0);
  wire::write16(quoted.data() + wire::kIpSize + wire::kUdpChecksum, 0);
  wire::write8(quoted.data() + 300, 0);
  hear(round, unreachable(quoted, 0xffffffff));
  EXPECT_EQ(analyse(round).fingerprint.print(Line::U1),
            "U1(R=Y%DF=N%T=40%IPL=164%UN=FFFF%RIPL=134%RID=4210%RIPCK=Z%RUCK=0%RUD=I)");
}

}  // namespace
}  // namespace trawl::osfp
