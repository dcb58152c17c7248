// The probes of OS detection over IPv6, and the packets that answer them.
#include "osfp/active6/probe6.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "dataplane/wire.h"
#include "osfp/active6/features6.h"
#include "osfp/active6/fingerprint6.h"
#include "osfp/active6/probing6.h"
#include "tests/osfp/active6/recorded.h"

namespace trawl::osfp {
namespace {

using namespace std::chrono_literals;
namespace wire = dataplane::wire;

const Ipv6Address kUs = *Ipv6Address::parse("2001:db8::1");
const Ipv6Address kHost = *Ipv6Address::parse("2001:db8::2");

// As nmap had them.
ProbeSeries6 recorded_series() {
  return {.source = kUs,
          .destination = kHost,
          .is_neighbour = true,
          .open_port = 22,
          .closed_port = 23,
          .udp_port = 37337,
          .source_port = 58433,
          .udp_source_port = 58473,
          .sequence = 0x54d643cc};
}

// The bytes of "00{4}12".
std::vector<std::byte> bytes_of(const std::string& text) {
  return Fingerprint6::parse("S1(P=" + text + "%ST=0%RT=0)")->lines[0]->packet;
}

std::vector<std::byte> written(Probe6 probe, const ProbeSeries6& series, std::uint8_t hop_limit) {
  std::vector<std::byte> packet(kMostProbeSize6);
  packet.resize(write_probe(probe, series, {.ttl = hop_limit}, packet));
  return packet;
}

TEST(Probe6, EachPacketIsTheOneThatNmapSends) {
  for (const recorded::SentProbe& sent : recorded::kSent) {
    ProbeSeries6 series = recorded_series();
    series.ack = sent.ack;
    // Its TCP probes have ports without gaps.
    if (sent.probe >= Probe6::Ecn) {
      series.source_port =
          static_cast<std::uint16_t>(series.source_port - (index_of(Probe6::Ecn) - kSeqProbes));
    }
    const auto packet = written(sent.probe, series, sent.hop_limit);
    EXPECT_EQ(packet, bytes_of(sent.packet)) << to_string(sent.probe);
  }
  EXPECT_EQ(std::size(recorded::kSent), kProbes6 - 1);  // NodeInfo is not sent.
}

// A whole answer: IPv6 header and body.
std::vector<std::byte> answer(std::uint8_t next, const std::vector<std::byte>& body) {
  std::vector<std::byte> packet(40);
  wire::write32(packet.data(), 0x60000000);
  wire::write16(packet.data() + 4, static_cast<std::uint16_t>(body.size()));
  wire::write8(packet.data() + 6, next);
  wire::write8(packet.data() + 7, 61);
  wire::store(packet.data() + 8, wire::in_frame(kHost));
  wire::store(packet.data() + 24, wire::in_frame(kUs));
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

std::optional<Probe6> matched(const std::vector<std::byte>& packet,
                              const ProbeSeries6& series = recorded_series()) {
  const auto match = match_response(series, packet, 5ms);
  if (!match) return std::nullopt;
  EXPECT_EQ(match->response.packet, packet);
  EXPECT_EQ(match->response.at, 5ms);
  return match->probe;
}

std::vector<std::byte> error_quoting(const std::vector<std::byte>& probe, std::uint8_t type) {
  std::vector<std::byte> body(8);
  wire::write8(body.data(), type);
  body.insert(body.end(), probe.begin(), probe.end());
  return answer(58, body);
}

TEST(Response6, TellsAnswersApart) {
  const ProbeSeries6 series = recorded_series();
  EXPECT_EQ(matched(answer(58, bytes_of("81090000abcd000000{120}"))), Probe6::Echo1);
  EXPECT_EQ(matched(answer(58, bytes_of("81000000abcd0001"))), Probe6::Echo2);
  EXPECT_EQ(matched(error_quoting(written(Probe6::Echo2, series, 9), 4)), Probe6::Echo2);
  EXPECT_EQ(matched(error_quoting(written(Probe6::Udp, series, 9), 1)), Probe6::Udp);
  auto advertised = bytes_of("88000000400000{2}20010db800{11}02");
  EXPECT_EQ(matched(answer(58, advertised)), Probe6::Neighbour);
  advertised.back() = std::byte{3};
  EXPECT_EQ(matched(answer(58, advertised)), std::nullopt);
  EXPECT_EQ(matched(answer(6, bytes_of("0016e44100{8}5012000000{4}"))), Probe6::Seq1);
  EXPECT_EQ(matched(answer(6, bytes_of("0017e44100{8}5012000000{4}"))), std::nullopt);
  EXPECT_EQ(matched(answer(6, bytes_of("0016e44100{8}f012000000{4}"))), std::nullopt);
  EXPECT_EQ(matched(answer(58, bytes_of("81090000abce0000"))), std::nullopt);
  auto others = series;
  others.source = *Ipv6Address::parse("2001:db8::9");
  EXPECT_EQ(matched(answer(58, bytes_of("81090000abcd0000")), others), std::nullopt);
}

TEST(Response6, StepsOverExtensionHeaders) {
  auto packet = answer(60, bytes_of("3a000104000000{2}81090000abcd0000"));
  EXPECT_EQ(matched(packet), Probe6::Echo1);
  wire::write8(packet.data() + 41, 200);  // Longer than the packet.
  EXPECT_EQ(matched(packet), std::nullopt);
  EXPECT_EQ(matched(answer(44, bytes_of("3a00000800{4}81090000abcd0000"))), std::nullopt);
  std::string many;
  for (int i = 0; i < 9; ++i) many += "3c00010400{4}";
  EXPECT_EQ(matched(answer(60, bytes_of(many))), std::nullopt);
}

TEST(Fingerprint6, ReadsAndPrintsAsNmapPrints) {
  const auto fingerprint = Fingerprint6::parse(recorded::kPrinted);
  ASSERT_TRUE(fingerprint);
  EXPECT_EQ(fingerprint->print(), recorded::kPrinted);
  EXPECT_FALSE(Fingerprint6::parse("S1(P=0{2}%ST=0%RT=0)"));
  EXPECT_FALSE(Fingerprint6::parse("S1(P=00{4000}%ST=0%RT=0)"));
  EXPECT_FALSE(Fingerprint6::parse("S9(P=00%ST=0%RT=0)"));
  EXPECT_FALSE(Fingerprint6::parse("S1(P=00%ST=0%RT=0)S1(P=00%ST=0%RT=0)"));
}

TEST(Features6, AreThoseOfTheBook) {
  const Features6 features = features_of(*Fingerprint6::parse(recorded::kPrinted));
  std::set<std::string> names;
  const auto value = [&](const std::string& name) {
    for (std::size_t i = 0; i < kFeatures6; ++i) {
      if (feature_name(i) == name) return features[i];
    }
    ADD_FAILURE() << name;
    return 0.0;
  };
  for (std::size_t i = 0; i < kFeatures6; ++i) names.insert(feature_name(i));
  EXPECT_EQ(names.size(), kFeatures6);
  EXPECT_EQ(value("S1.PLEN"), 40);
  EXPECT_EQ(value("S1.TC"), 0);
  EXPECT_EQ(value("S1.HLIM"), 64);
  EXPECT_EQ(value("S1.TCP_WINDOW"), 0xfb04);
  EXPECT_EQ(value("S1.TCP_FLAG_S"), 1);
  EXPECT_EQ(value("S1.TCP_FLAG_A"), 1);
  EXPECT_EQ(value("S1.TCP_FLAG_R"), 0);
  EXPECT_EQ(value("TECN.TCP_FLAG_E"), 1);
  EXPECT_EQ(value("S1.TCP_OPT_0"), 2);
  EXPECT_EQ(value("S1.TCP_OPTLEN_0"), 4);
  EXPECT_EQ(value("S1.TCP_OPT_2"), 8);
  EXPECT_EQ(value("S1.TCP_OPT_5"), -1);
  EXPECT_EQ(value("S1.TCP_MSS"), 1440);
  EXPECT_EQ(value("S1.TCP_SACKOK"), 1);
  EXPECT_EQ(value("S3.TCP_SACKOK"), 0);
  EXPECT_EQ(value("S1.TCP_WSCALE"), 10);
  EXPECT_EQ(value("S6.TCP_WSCALE"), -1);
  EXPECT_EQ(value("IE2.ICMPV6_TYPE"), 4);
  EXPECT_EQ(value("IE2.ICMPV6_CODE"), 1);
  EXPECT_EQ(value("T2.PLEN"), -1);
  EXPECT_EQ(value("T2.TCP_SACKOK"), -1);
  EXPECT_EQ(value("NI.ICMPV6_TYPE"), -1);
  EXPECT_EQ(value("NS.HLIM"), 255);
  // Six numbers, 0.5 s: the differences modulo 2^32.
  EXPECT_GT(value("TCP_ISR"), 1e9);
}

using Probes = std::vector<Probe6>;

// All probes of a round that nothing answers, which is checked for its pauses.
Probes sent_in_a_round(const ProbeSeries6& series) {
  GroupProbing6 group;
  group.add(HostProbing6{series, true, {.retransmissions = 0}, 7, 1s});
  Probes sent;
  std::vector<Moment> at;
  while (const auto due = group.due()) {
    const auto next = group.next(*due);
    if (!next) continue;
    sent.push_back(next->probe.probe);
    at.push_back(*due);
    group.sent(*next, *due);
  }
  for (std::size_t i = 1; i < at.size() && is_seq(sent[i]); ++i)
    EXPECT_EQ(at[i] - at[i - 1], 100ms);
  return sent;
}

TEST(Probing6, SendsWhatTheHostHasPortsAndALinkFor) {
  using enum Probe6;
  ProbeSeries6 series = recorded_series();
  EXPECT_EQ(sent_in_a_round(series), (Probes{Seq1, Seq2, Seq3, Seq4, Seq5, Seq6, Echo1, Echo2,
                                             Neighbour, Udp, Ecn, T2, T3, T4, T5, T6, T7}));
  series.is_neighbour = false;
  series.closed_port.reset();
  EXPECT_EQ(sent_in_a_round(series),
            (Probes{Seq1, Seq2, Seq3, Seq4, Seq5, Seq6, Echo1, Echo2, Udp, Ecn, T2, T3, T4}));
  series.open_port.reset();
  EXPECT_EQ(sent_in_a_round(series), (Probes{Echo1, Echo2, Udp}));
  series.closed_port = 23;
  EXPECT_EQ(sent_in_a_round(series), (Probes{Echo1, Echo2, Udp, T5, T6, T7}));
}

TEST(Response6, AnAnswerOverTheLimitIsNone) {
  std::vector<std::byte> body = bytes_of("81090000abcd0000");
  body.resize(kMostAnswer6 - 40);
  EXPECT_EQ(matched(answer(58, body)), Probe6::Echo1);
  body.resize(body.size() + 1);
  EXPECT_EQ(matched(answer(58, body)), std::nullopt);
}

TEST(Response6, ToldHowManyRoutersAreOnTheWay) {
  Round6 round;
  round.series = recorded_series();
  EXPECT_EQ(hops_of(round), std::nullopt);
  Exchange6& udp = round.at(Probe6::Udp);
  udp.was_sent = true;
  udp.sent_ttl = 50;
  const auto quote = [&](std::uint8_t hop_limit) {
    const auto packet = error_quoting(written(Probe6::Udp, round.series, hop_limit), 1);
    udp.response = {.at = 1s, .packet = packet};
  };
  quote(50);
  EXPECT_EQ(hops_of(round), 0U);
  quote(47);
  EXPECT_EQ(hops_of(round), 3U);
  quote(51);  // Routers do not add to it.
  EXPECT_EQ(hops_of(round), std::nullopt);
  udp.response->packet.resize(40 + 8 + 7);
  EXPECT_EQ(hops_of(round), std::nullopt);
  udp.response->packet = answer(17, bytes_of("00{40}"));
  EXPECT_EQ(hops_of(round), std::nullopt);
}

TEST(Probing6, TakesAnswersOfItsHost) {
  GroupProbing6 group;
  group.add(HostProbing6{recorded_series(), true, {}, 7, 1s});
  const auto next = group.next(1s);
  ASSERT_TRUE(next);
  group.sent(*next, 1s);
  std::vector<std::byte> syn_ack = bytes_of("0016000000{8}5012000000{4}");
  wire::write16(syn_ack.data() + 2, source_port_of(Probe6::Seq1, group.host(0).series()));
  EXPECT_EQ(group.receive(answer(6, syn_ack), 1020ms), 0U);
  const Fingerprint6 fingerprint = Fingerprint6::of(group.host(0).round());
  ASSERT_TRUE(fingerprint.lines[0]);
  EXPECT_DOUBLE_EQ(fingerprint.lines[0]->sent, 0);
  EXPECT_DOUBLE_EQ(fingerprint.lines[0]->received, 0.02);
}

}  // namespace
}  // namespace trawl::osfp
