// HostProbing and GroupProbing against made-up hosts, in made-up time.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "osfp/active/group_probing.h"
#include "tests/osfp/active/exchange.h"

namespace trawl::osfp {
namespace {

using namespace exchange;
using namespace std::chrono_literals;

struct Sending {
  std::size_t host;
  Probe probe;
  Moment at;
  std::uint16_t source_port;
  std::uint8_t ttl;
};

// The answer of a host to the packet of a probe, and how long it takes; nothing for silence.
using Host =
    std::function<std::optional<std::vector<std::byte>>(Probe, const ProbeSeries&, unsigned tries)>;

std::vector<std::byte> answer(Probe probe, const ProbeSeries& series) {
  std::vector<std::byte> packet;
  if (is_tcp(probe)) {
    packet = tcp_answer(probe, {.flags = 0x12});
    wire::write16(packet.data() + wire::kIpSize + 2, source_port_of(probe, series));
  } else if (is_echo(probe)) {
    packet = echo_answer(probe, 0);
    wire::write16(packet.data() + wire::kIpSize + wire::kIcmpId,
                  static_cast<std::uint16_t>(series.echo_id + (probe == Probe::Echo1 ? 0 : 1)));
  } else {
    std::vector<std::byte> quoted(kMostProbeSize);
    write_probe(probe, series, {}, quoted);
    packet = unreachable(quoted);
  }
  wire::write32(packet.data() + wire::kIpSource, series.destination.value());
  return packet;
}

std::optional<std::vector<std::byte>> always(Probe probe, const ProbeSeries& series,
                                             unsigned /*tries*/) {
  return answer(probe, series);
}

// Runs a group until it is complete. `lateness` is how long after its time each sending happens.
std::vector<Sending> run(
    GroupProbing& group, const Host& host, Moment round_trip,
    const std::function<Moment(std::size_t)>& lateness = [](std::size_t) { return Moment{}; }) {
  std::vector<Sending> sendings;
  std::multimap<Moment, std::vector<std::byte>> on_the_way;
  std::map<std::pair<std::size_t, Probe>, unsigned> tries;
  for (auto due = group.due(); due && sendings.size() < 100000; due = group.due()) {
    while (!on_the_way.empty() && on_the_way.begin()->first <= *due) {
      group.receive(on_the_way.begin()->second);
      on_the_way.erase(on_the_way.begin());
      due = group.due();
      if (!due) return sendings;
    }
    const auto next = group.next(*due);
    if (!next) continue;
    const Moment at = *due + lateness(sendings.size());
    const ProbeSeries series = group.host(next->host).series();
    sendings.push_back({next->host, next->probe.probe, at,
                        source_port_of(next->probe.probe, series), next->probe.stamp.ttl});
    group.sent(*next, at);
    auto packet = host(next->probe.probe, series, ++tries[{next->host, next->probe.probe}]);
    if (packet) on_the_way.emplace(at + round_trip, *std::move(packet));
  }
  return sendings;
}

ProbeSeries series_of(std::uint32_t host) {
  ProbeSeries series = kSeries;
  series.destination = Ipv4Address{0xc6130000 + host};
  return series;
}

HostProbing host_probing(std::uint32_t host = 1, Moment start = 1s,
                         const ProbingSettings& settings = {}) {
  return {series_of(host), true, settings, host, start};
}

TEST(HostProbing, SendsSeqProbesAHundredMillisecondsApartAndThenTheOthers) {
  GroupProbing group;
  group.add(host_probing());
  const std::vector<Sending> sendings = run(group, always, 20ms);
  ASSERT_EQ(sendings.size(), kProbes);
  for (std::size_t i = 0; i < kProbes; ++i) {
    EXPECT_EQ(sendings[i].probe, probe_at(i));
    if (i < kSeqProbes) {
      EXPECT_EQ(sendings[i].at, 1s + 100ms * static_cast<int>(i));
    } else {
      EXPECT_GE(sendings[i].at, sendings[i - 1].at + 10ms);
    }
  }
  EXPECT_TRUE(group.host(0).kept_time());
  EXPECT_DOUBLE_EQ(group.host(0).timing_ratio(), 1.0);
  for (const Exchange& exchange : group.host(0).round().exchanges) EXPECT_TRUE(exchange.response);
}

TEST(HostProbing, SendsWhatIsKnownToBeSilentOnce) {
  ProbingSettings settings;
  settings.sent_once[index_of(Probe::T2)] = true;
  GroupProbing group;
  group.add(host_probing(1, 1s, settings));
  const Host silent = [](Probe probe, const ProbeSeries& series, unsigned) {
    const bool is_silent = probe == Probe::T2 || probe == Probe::T3;
    return is_silent ? std::nullopt : std::optional{answer(probe, series)};
  };
  std::map<Probe, int> tries;
  for (const Sending& sending : run(group, silent, 20ms)) ++tries[sending.probe];
  EXPECT_EQ(tries[Probe::T2], 1);
  EXPECT_EQ(tries[Probe::T3], 4);
  EXPECT_EQ(tries[Probe::T4], 1);
}

TEST(HostProbing, TimesDoNotAddUpLateness) {
  GroupProbing group;
  group.add(host_probing());
  const auto late = [](std::size_t) { return Moment{900us}; };
  const std::vector<Sending> sendings = run(group, always, 20ms, late);
  EXPECT_EQ(sendings[5].at - sendings[0].at, 500ms + 900us);
  EXPECT_TRUE(group.host(0).kept_time());
}

TEST(HostProbing, BeginsAgainWithOtherPortsWhenTheSeqProbesWereLate) {
  GroupProbing group;
  group.add(host_probing());
  const auto once_late = [](std::size_t sending) { return sending == 3 ? Moment{4ms} : Moment{}; };
  const std::vector<Sending> sendings = run(group, always, 20ms, once_late);
  ASSERT_EQ(sendings.size(), kSeqProbes + kProbes);
  EXPECT_EQ(sendings[6].probe, Probe::Seq1);
  EXPECT_EQ(sendings[6].source_port, sendings[0].source_port + kProbes);
  EXPECT_TRUE(group.host(0).kept_time());
}

TEST(HostProbing, SaysSoWhenTimeCouldNotBeKept) {
  GroupProbing group;
  group.add(host_probing());
  const auto always_later = [](std::size_t sending) { return 5ms * static_cast<int>(sending % 6); };
  const std::vector<Sending> sendings = run(group, always, 20ms, always_later);
  EXPECT_EQ(sendings.size(), 3 * kSeqProbes + kProbes - kSeqProbes);
  EXPECT_FALSE(group.host(0).kept_time());
  EXPECT_NEAR(group.host(0).timing_ratio(), 1.05, 0.001);
}

TEST(HostProbing, SendsAgainWithTheTtlOfTheFirstTry) {
  GroupProbing group;
  group.add(host_probing());
  const Host silent = [](Probe, const ProbeSeries&, unsigned) { return std::nullopt; };
  std::vector<std::uint8_t> ttls;
  for (const Sending& sending : run(group, silent, 20ms)) {
    if (sending.probe == Probe::Udp) ttls.push_back(sending.ttl);
  }
  EXPECT_EQ(ttls, std::vector<std::uint8_t>(4, ttls.at(0)));
}

TEST(HostProbing, SendsAgainWhatHasNoAnswerAndGivesUpInTheEnd) {
  GroupProbing group;
  group.add(host_probing());
  const Host host = [](Probe probe, const ProbeSeries& series,
                       unsigned tries) -> std::optional<std::vector<std::byte>> {
    if (probe == Probe::T2 || (probe == Probe::Udp && tries < 3) ||
        (probe == Probe::Seq3 && tries < 2))
      return std::nullopt;
    return answer(probe, series);
  };
  const std::vector<Sending> sendings = run(group, host, 20ms);
  EXPECT_EQ(sendings.size(), kProbes + 3 + 2 + 1);
  const Round& round = group.host(0).round();
  EXPECT_FALSE(round.at(Probe::T2).response);
  EXPECT_EQ(round.at(Probe::T2).tries, 4U);
  EXPECT_TRUE(round.at(Probe::Udp).response);
  EXPECT_TRUE(round.at(Probe::Seq3).response);
  const Analysis analysis = analyse(round);
  EXPECT_EQ(analysis.samples.size(), 5U);  // What came late is no part of the sequence.
  EXPECT_NE(analysis.fingerprint.find(FingerprintLine::Ops, FingerprintTest::O3), nullptr);
  EXPECT_EQ(analysis.fingerprint.print(FingerprintLine::T2), "T2(R=N)");
}

TEST(HostProbing, ASilentHostEnds) {
  GroupProbing group;
  group.add(host_probing());
  const Host silent = [](Probe, const ProbeSeries&, unsigned) { return std::nullopt; };
  EXPECT_EQ(run(group, silent, 20ms).size(), 4 * kProbes);
  EXPECT_TRUE(group.is_complete(0));
}

TEST(HostProbing, WithoutAnOpenPortItsProbesAreNotSent) {
  ProbeSeries series = series_of(1);
  series.open_port.reset();
  GroupProbing group;
  group.add(HostProbing{series, false, {}, 1, 1s});
  const std::vector<Sending> sendings = run(group, always, 20ms);
  std::set<Probe> sent;
  for (const Sending& sending : sendings) sent.insert(sending.probe);
  EXPECT_EQ(sent, (std::set<Probe>{Probe::Echo1, Probe::Echo2, Probe::Udp, Probe::T5, Probe::T6,
                                   Probe::T7}));
}

TEST(HostProbing, AnotherRoundHasOtherPortsAndNumbers) {
  GroupProbing group;
  group.add(host_probing());
  const std::vector<Sending> first = run(group, always, 20ms);
  const Round before = group.host(0).round();
  group.begin_round(0, 10s);
  EXPECT_FALSE(group.is_complete(0));
  const std::vector<Sending> second = run(group, always, 20ms);
  EXPECT_EQ(second.size(), kProbes);
  EXPECT_EQ(second[0].at, 10s);
  EXPECT_NE(second[0].source_port, first[0].source_port);
  EXPECT_NE(group.host(0).series().sequence, before.series.sequence);
}

TEST(HostProbing, AnswersToProbesNotSentAreNone) {
  HostProbing host = host_probing();
  EXPECT_FALSE(host.receive(answer(Probe::T5, host.series())));
  const auto first = host.next(1s);
  ASSERT_TRUE(first);
  host.sent(*first, 1s);
  EXPECT_TRUE(host.receive(answer(Probe::Seq1, host.series())));
  EXPECT_FALSE(host.next(1s + 99ms));
}

TEST(GroupProbing, ManyHostsTakeLittleLongerThanOne) {
  GroupProbing group;
  constexpr std::uint32_t kHosts = 256;
  for (std::uint32_t i = 0; i < kHosts; ++i)
    group.add(host_probing(i, 1s + 390us * static_cast<int>(i)));
  const std::vector<Sending> sendings = run(group, always, 80ms);
  EXPECT_EQ(sendings.size(), kHosts * kProbes);
  std::vector<Moment> last_seq(kHosts);
  for (const Sending& sending : sendings) {
    if (!is_seq(sending.probe)) continue;
    if (sending.probe != Probe::Seq1) {
      EXPECT_EQ(sending.at - last_seq[sending.host], 100ms);
    }
    last_seq[sending.host] = sending.at;
  }
  for (std::uint32_t i = 0; i < kHosts; ++i) EXPECT_TRUE(group.host(i).kept_time());
  EXPECT_LT(sendings.back().at - sendings.front().at, 1s);
}

TEST(HostProbing, AnOpenPortAloneIsAskedByTcpOnly) {
  GroupProbing group;
  group.add(host_probing(1, 1s, {.only_open_port = true}));
  std::set<Probe> sent;
  for (const Sending& sending : run(group, always, 20ms)) sent.insert(sending.probe);
  EXPECT_EQ(sent, (std::set<Probe>{Probe::Seq1, Probe::Seq2, Probe::Seq3, Probe::Seq4, Probe::Seq5,
                                   Probe::Seq6, Probe::Ecn, Probe::T2, Probe::T3, Probe::T4}));
}

TEST(HostProbing, SourcePortsStayInTheirRange) {
  GroupProbing group;
  group.add(host_probing(1, 1s, {.first_source_port = 40000, .last_source_port = 40050}));
  std::vector<std::uint16_t> first_ports;
  for (int round = 0; round < 4; ++round) {
    first_ports.push_back(run(group, always, 20ms).front().source_port);
    group.begin_round(0, 10s * (round + 1));
  }
  EXPECT_EQ(first_ports, (std::vector<std::uint16_t>{40000, 40016, 40032, 40000}));
}

TEST(GroupProbing, TellsOfEachRoundThatIsCompleteOnce) {
  GroupProbing group;
  group.add(host_probing(1));
  group.add(host_probing(2, 5s));
  const Host host = [](Probe probe, const ProbeSeries& series,
                       unsigned tries) -> std::optional<std::vector<std::byte>> {
    const bool is_second = series.destination == series_of(2).destination;
    return is_second && probe == Probe::T7 ? std::nullopt : always(probe, series, tries);
  };
  run(group, host, 20ms);
  EXPECT_EQ(group.take_completed(), (std::vector<std::size_t>{0, 1}));
  EXPECT_TRUE(group.take_completed().empty());
  group.begin_round(0, 20s);
  run(group, host, 20ms);
  EXPECT_EQ(group.take_completed(), (std::vector<std::size_t>{0}));
}

TEST(GroupProbing, AHostThatLeavesMakesRoomForAnother) {
  GroupProbing group;
  const std::size_t first = group.add(host_probing(1));
  group.add(host_probing(2));
  group.remove(first);
  EXPECT_EQ(group.size(), 1U);
  EXPECT_FALSE(group.receive(answer(Probe::Seq1, series_of(1))));
  EXPECT_EQ(group.add(host_probing(3, 2s)), first);
  const std::vector<Sending> sendings = run(group, always, 20ms);
  EXPECT_EQ(sendings.size(), 2 * kProbes);  // Nothing for the one that left.
  EXPECT_EQ(group.take_completed().size(), 2U);
  EXPECT_EQ(group.host(first).series().destination, series_of(3).destination);
}

}  // namespace
}  // namespace trawl::osfp
