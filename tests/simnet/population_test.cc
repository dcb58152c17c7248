#include "bench/simnet/population.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "bench/simnet/responder.h"
#include "bench/simnet/truth.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

Population make(const PopulationOptions& options) { return Population::make(options).value(); }

// Four standard deviations of a binomial share of `trials`.
double margin(double share, double trials) { return 4 * std::sqrt(share * (1 - share) / trials); }

TEST(Population, SharesAreWhatWasAskedFor) {
  PopulationOptions options;
  options.limited = 0.15;
  options.limited_rate = PacketsPerSecond{10};
  const Population population = make(options);
  std::map<Presence, double> presences;
  double live = 0;
  double open80 = 0;
  double open443 = 0;
  double open8080 = 0;
  double dropping = 0;
  double limited = 0;
  constexpr double kAddresses = 131072;
  for (std::uint32_t i = 0; i < 131072; ++i) {
    const Host host = population.host(Ipv4Address{0xc6120000 + i});
    ++presences[host.presence];
    if (host.presence != Presence::Live) continue;
    ++live;
    open80 += population.port(host, 80) == PortAnswer::Open;
    open443 += population.port(host, 443) == PortAnswer::Open;
    open8080 += population.port(host, 8080) == PortAnswer::Open;
    dropping += population.port(host, 9) == PortAnswer::Dropped;
    limited += population.is_rate_limited(host);
  }
  EXPECT_NEAR(live / kAddresses, 0.2, margin(0.2, kAddresses));
  const double dead = presences[Presence::Dead] + presences[Presence::Unreachable];
  EXPECT_NEAR(presences[Presence::Unreachable] / dead, 0.02, margin(0.02, dead));
  EXPECT_NEAR(open80 / live, 0.3, margin(0.3, live));
  EXPECT_NEAR(open443 / live, 0.35, margin(0.35, live));
  EXPECT_NEAR(open8080 / live, 0.01, margin(0.01, live));
  EXPECT_NEAR(dropping / live, 0.3 * 0.99, margin(0.3, live));
  EXPECT_NEAR(limited / live, 0.15, margin(0.15, live));
}

TEST(Population, SharesOfNoneAndAllAreExact) {
  PopulationOptions options;
  options.live = 1;
  options.open_default = 1;
  options.open = {{80, 80, 0}};
  const Population population = make(options);
  for (std::uint32_t i = 16; i < 65536; ++i) {
    const Host host = population.host(Ipv4Address{0xc6120000 + i});
    ASSERT_EQ(host.presence, Presence::Live);
    ASSERT_NE(population.port(host, 80), PortAnswer::Open);
    ASSERT_EQ(population.port(host, 81), PortAnswer::Open);
  }
}

TEST(Population, OtherSeedsAreOtherPopulations) {
  PopulationOptions options;
  const Population one = make(options);
  options.seed = 2;
  const Population two = make(options);
  int both = 0;
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const Ipv4Address address{0xc6120000 + i};
    both += one.host(address).presence == Presence::Live &&
            two.host(address).presence == Presence::Live;
  }
  EXPECT_NEAR(both / 65536.0, 0.04, margin(0.04, 65536));
}

TEST(Population, RoundTripTimesAreUniformInTheirRange) {
  using namespace std::chrono_literals;
  PopulationOptions options;
  options.live = 1;
  options.rtt_min = 10ms;
  options.rtt_max = 30ms;
  const Population population = make(options);
  double sum = 0;
  constexpr int kHosts = 20000;
  for (std::uint32_t i = 0; i < kHosts; ++i) {
    const auto rtt = population.rtt(population.host(Ipv4Address{0xc6130000 + i}));
    ASSERT_GE(rtt, 10ms);
    ASSERT_LT(rtt, 30ms);
    sum += static_cast<double>(rtt.count()) / 1e6;
  }
  EXPECT_NEAR(sum / kHosts, 20, 0.2);
}

TEST(Population, AddressesOutsideEveryPrefixHaveNoRoute) {
  PopulationOptions options;
  options.prefixes = {*Ipv4Prefix::parse("10.0.0.0/30"), *Ipv4Prefix::parse("10.0.1.0/30")};
  const Population population = make(options);
  for (const char* outside : {"9.255.255.255", "10.0.0.4", "10.0.0.255", "10.0.1.4", "255.0.0.0"}) {
    EXPECT_EQ(population.host(*Ipv4Address::parse(outside)).presence, Presence::Outside) << outside;
  }
  EXPECT_NE(population.host(*Ipv4Address::parse("10.0.1.3")).presence, Presence::Outside);
}

TEST(Population, SilenceOutranksOtherRules) {
  PopulationOptions options;
  options.fixed.push_back({kScanner, {80}});
  options.silent = {kScanner};
  EXPECT_EQ(make(options).host(kScanner).presence, Presence::Silent);
}

TEST(Population, RulesForSingleAddressesHoldInAnyOrder) {
  PopulationOptions options;
  for (const std::uint32_t offset : {90U, 10U, 50U, 30U, 70U}) {
    options.fixed.push_back(
        {Ipv4Address{0xc6120100 + offset}, {static_cast<std::uint16_t>(offset)}});
  }
  const Population population = make(options);
  for (const FixedHost& given : options.fixed) {
    const Host host = population.host(given.address);
    EXPECT_EQ(host.presence, Presence::Live);
    EXPECT_EQ(population.port(host, given.open_ports[0]), PortAnswer::Open);
    EXPECT_EQ(population.port(host, 80), PortAnswer::Closed);
  }
}

TEST(Population, ContradictionsAreRefused) {
  PopulationOptions no_gateway;
  no_gateway.prefixes = {*Ipv4Prefix::parse("10.0.0.1")};
  EXPECT_FALSE(Population::make(no_gateway).has_value());
  PopulationOptions no_uplink;
  no_uplink.forward = {*Ipv4Prefix::parse("198.18.255.0/28")};
  EXPECT_FALSE(Population::make(no_uplink).has_value());
  PopulationOptions stray;
  stray.fixed.push_back({Ipv4Address{1}, {80}});
  EXPECT_FALSE(Population::make(stray).has_value());
}

std::string truth_of(const Population& population, const TruthRequest& request) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const stream = open_memstream(&text, &size);
  EXPECT_TRUE(write_truth(population, request, stream).has_value());
  std::fclose(stream);
  std::string out{text, size};
  std::free(text);
  return out;
}

// What a scanner makes of the answer to one SYN.
std::string observed(Responder& responder, Ipv4Address address, std::uint16_t port) {
  TestFrame frame = tcp_frame({.to = address}, {.to_port = port});
  const Answer answer = responder.answer(frame.buffer(), frame.length, std::chrono::seconds{1});
  if (answer.action != Action::Reply) return "";
  if (wire::read8(frame.ip() + 9) == wire::kProtocolIcmp) return "unreachable";
  return wire::read8(frame.l4() + 13) == (wire::kSyn | wire::kAck) ? "open" : "closed";
}

TEST(Truth, IsExactlyWhatTheResponderAnswers) {
  PopulationOptions options;
  options.prefixes = {*Ipv4Prefix::parse("198.18.4.0/22"), *Ipv4Prefix::parse("198.18.16.0/30")};
  options.live = 0.5;
  options.unreachable = 0.2;
  options.open_default = 0.2;
  options.silent = {*Ipv4Address::parse("198.18.4.9")};
  options.fixed.push_back({*Ipv4Address::parse("198.18.4.8"), {22, 65535}});
  const Population population = make(options);
  Counters counters;
  Responder responder =
      Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value();
  const std::vector<std::uint16_t> ports{0, 22, 80, 443, 8080, 65535};
  std::ostringstream expected;
  expected << "ip,port,state\n";
  for (const auto& interval : population.intervals()) {
    for (auto value = interval.first.value(); value <= interval.last.value(); ++value) {
      for (const std::uint16_t port : ports) {
        const std::string state = observed(responder, Ipv4Address{value}, port);
        if (state.empty()) continue;
        expected << Ipv4Address{value}.to_string() << ',' << port << ',' << state << '\n';
      }
    }
  }
  TruthRequest request;
  request.ports = ports;
  request.findings.set();
  request.format = TruthFormat::Csv;
  EXPECT_EQ(truth_of(population, request), expected.str());
}

TEST(Truth, NamesTheRouterWhereverItIs) {
  PopulationOptions options;
  options.prefixes = {*Ipv4Prefix::parse("10.1.0.0/30")};
  options.live = 0;
  options.unreachable = 0;
  options.gateways = {*Ipv4Address::parse("198.18.0.2"), *Ipv4Address::parse("198.18.0.3")};
  options.silent = {*Ipv4Address::parse("198.18.0.3")};
  options.uplink_address = *Ipv4Address::parse("198.18.255.14");
  const Population population = make(options);
  Counters counters;
  Responder responder =
      Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value();
  const std::vector<std::uint16_t> ports{80};
  TruthRequest request;
  request.ports = ports;
  EXPECT_EQ(truth_of(population, request), "");
  request.findings.set();
  request.format = TruthFormat::Csv;
  EXPECT_EQ(truth_of(population, request),
            "ip,port,state\n198.18.0.2,80,closed\n198.18.255.14,80,closed\n");
  EXPECT_EQ(observed(responder, options.gateways[0], 80), "closed");
  EXPECT_EQ(observed(responder, options.gateways[1], 80), "");
  EXPECT_EQ(observed(responder, *options.uplink_address, 80), "closed");
}

// What a scanner makes of the answer to one probe of another kind.
std::string observed(Responder& responder, TruthProbe probe, Ipv4Address to, std::uint16_t port) {
  TestFrame frame = probe == TruthProbe::TcpAck
                        ? tcp_frame({.to = to}, {.to_port = port, .flags = wire::kAck})
                    : probe == TruthProbe::Udp           ? udp_frame({.to = to}, port, "?")
                    : probe == TruthProbe::IcmpTimestamp ? timestamp_request({.to = to}, 1)
                                                         : echo_request({.to = to}, 8);
  const Answer answer = responder.answer(frame.buffer(), frame.length, std::chrono::seconds{1});
  if (answer.action != Action::Reply) return "";
  if (wire::read16(frame.l4()) == 0x0301) return "unreachable";
  switch (probe) {
    case TruthProbe::TcpSyn: break;
    case TruthProbe::TcpAck: return "unfiltered";
    case TruthProbe::IcmpEcho: return wire::read8(frame.l4()) == 0 ? "up" : "";
    case TruthProbe::IcmpTimestamp: return wire::read8(frame.l4()) == 14 ? "up" : "";
    case TruthProbe::Udp: return wire::read8(frame.ip() + 9) == 17 ? "open" : "closed";
  }
  return "";
}

TEST(Truth, HoldsForEveryKindOfProbe) {
  PopulationOptions options;
  options.prefixes = {*Ipv4Prefix::parse("198.18.4.0/24")};
  options.live = 0.5;
  options.unreachable = 0.2;
  options.udp_open_default = 0.3;
  const Population population = make(options);
  Counters counters;
  Responder responder =
      Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value();
  for (const TruthProbe probe :
       {TruthProbe::TcpAck, TruthProbe::IcmpEcho, TruthProbe::IcmpTimestamp, TruthProbe::Udp}) {
    const std::vector<std::uint16_t> ports = has_ports(probe)
                                                 ? std::vector<std::uint16_t>{53, 80, 161, 9999}
                                                 : std::vector<std::uint16_t>{0};
    std::ostringstream expected;
    expected << "ip,port,state\n";
    for (std::uint32_t value = 0xc6120400; value <= 0xc61204ff; ++value) {
      for (const std::uint16_t port : ports) {
        const std::string state = observed(responder, probe, Ipv4Address{value}, port);
        if (state.empty()) continue;
        expected << Ipv4Address{value}.to_string() << ',' << port << ',' << state << '\n';
      }
    }
    TruthRequest request;
    request.probe = probe;
    request.ports = ports;
    request.findings.set();
    request.format = TruthFormat::Csv;
    EXPECT_EQ(truth_of(population, request), expected.str());
  }
}

TEST(Truth, NamesServersBehindTheUplinkInsteadOfSimulatedHosts) {
  PopulationOptions options;
  options.prefixes = {*Ipv4Prefix::parse("198.18.255.0/28")};
  options.live = 1;
  options.forward = options.prefixes;
  options.uplink_address = Ipv4Address::parse("198.18.255.14");
  options.gateways = {*options.uplink_address};
  options.servers.push_back({*Ipv4Address::parse("198.18.255.3"), {443, 6379}});
  TruthRequest request;
  const std::vector<std::uint16_t> ports{80, 443};
  request.ports = ports;
  EXPECT_EQ(truth_of(make(options), request),
            "{\"ip\":\"198.18.255.3\",\"port\":443,\"state\":\"open\"}\n");
}

}  // namespace
}  // namespace trawl::simnet
