// The responder with everything between scanner and hosts that goes wrong, on a simulated clock.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "bench/simnet/responder.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

const Ipv4Address kOpenHost{0xc6120064};

struct Network {
  explicit Network(const PopulationOptions& options)
      : population{Population::make(options).value()},
        responder{
            Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value()} {}

  Answer syn(Ipv4Address to, nanoseconds now, std::uint16_t port = 80) {
    last = tcp_frame({.to = to}, {.to_port = port});
    const Answer answer = responder.answer(last.buffer(), last.length, now);
    last.length = answer.length;
    return answer;
  }
  // The frames that hosts send by themselves up to `now`, with the flags of each.
  std::vector<std::uint8_t> emitted(nanoseconds now) {
    std::vector<std::uint8_t> flags;
    TestFrame frame;
    while (const auto answer = responder.emit(frame.buffer(), now)) {
      if (answer->action != Action::Reply) continue;
      frame.length = answer->length;
      EXPECT_TRUE(is_sound_reply(frame));
      flags.push_back(wire::read8(frame.l4() + 13));
    }
    return flags;
  }
  std::uint8_t flags() { return wire::read8(last.l4() + 13); }
  std::uint64_t count(Counter counter) const { return counters.get(counter); }

  Counters counters;
  Population population;
  Responder responder;
  TestFrame last;
};

PopulationOptions everything_open() {
  PopulationOptions options;
  options.live = 1;
  options.open = {{80, 80, 1}};
  return options;
}

constexpr std::uint8_t kSynAck = wire::kSyn | wire::kAck;
constexpr std::uint8_t kReset = wire::kRst | wire::kAck;

TEST(Impairment, ABottleneckDelaysRepliesBothWays) {
  PopulationOptions options = everything_open();
  options.rtt_min = options.rtt_max = 30ms;
  options.way_in.bottleneck = {.per_second = 1000, .queue = 10, .burst = 1};
  options.way_out.bottleneck = {.per_second = 500, .queue = 10, .burst = 1};
  Network net{options};
  EXPECT_EQ(net.syn(kOpenHost, 1s).delay, 30ms);
  // Waits 1 ms on the way in, then 1 ms more behind the first reply.
  EXPECT_EQ(net.syn(kOpenHost, 1s).delay, 32ms);
  EXPECT_EQ(net.syn(kOpenHost, 1s).delay, 34ms);
  EXPECT_EQ(net.responder.longest_delay(), 30ms + 10ms + 20ms);
  for (int i = 0; i < 20; ++i) (void)net.syn(kOpenHost, 1s);
  EXPECT_EQ(net.count(Counter::DroppedIn), 12U);
  EXPECT_EQ(net.count(Counter::RepliesMade), 11U);
  EXPECT_EQ(net.count(Counter::DroppedOut), 0U);
}

TEST(Impairment, BurstsLoseWholeNetworksForAWhile) {
  PopulationOptions options = everything_open();
  options.way_in.bursts = {.mean = 0.1, .bad_spell = 1s};
  options.way_out.bursts = {.mean = 0.05, .bad_spell = 1s};
  Network net{options};
  int mixed = 0;
  double answered = 0;
  constexpr std::uint32_t kNetworks = 512;
  for (std::uint32_t network = 0; network < kNetworks; ++network) {
    int here = 0;
    for (std::uint32_t host = 1; host <= 40; ++host) {
      const Ipv4Address to{0xc6120000 + (network << 8U) + host + 10};
      here += net.syn(to, 10s + host * 1us).action == Action::Reply ? 1 : 0;
    }
    answered += here;
    mixed += here != 0 && here != 40 ? 1 : 0;
  }
  EXPECT_LE(mixed, 1);
  EXPECT_NEAR(answered / (kNetworks * 40), 0.9 * 0.95, 0.05);
  EXPECT_GT(net.count(Counter::LostInBurst), 0U);
  EXPECT_GT(net.count(Counter::LostOutBurst), 0U);
}

TEST(Impairment, ANetworkSendsAtMostItsRate) {
  PopulationOptions options = everything_open();
  options.network_rate = {PacketsPerSecond{100}, 5};
  Network net{options};
  std::map<std::uint32_t, int> answered;
  for (int ms = 0; ms < 10'000; ++ms) {
    for (const std::uint32_t network : {1U, 2U}) {
      const Ipv4Address to{0xc6120000 + (network << 8U) + static_cast<std::uint32_t>(ms) % 200 + 1};
      answered[network] += net.syn(to, 1s + ms * 1ms).action == Action::Reply ? 1 : 0;
    }
  }
  EXPECT_NEAR(answered[1], 1004, 2);
  EXPECT_NEAR(answered[2], 1004, 2);
  EXPECT_EQ(net.count(Counter::NetworkLimited), 20'000U - 2008U);
}

TEST(Impairment, RefusalsHaveALimitOfTheirOwn) {
  PopulationOptions options = everything_open();
  options.open_default = 0;
  options.drop = 0;
  options.network_refusals = {PacketsPerSecond{10}, 3};
  Network net{options};
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    accepted += net.syn(kOpenHost, 1s, 80).action == Action::Reply ? 1 : 0;
    refused += net.syn(kOpenHost, 1s, 81).action == Action::Reply ? 1 : 0;
  }
  EXPECT_EQ(accepted, 100);
  EXPECT_EQ(refused, 3);
}

TEST(Impairment, AStormRepeatsTheSynAckAtItsSpacing) {
  PopulationOptions options = everything_open();
  options.storm = {.share = 1, .most = 1000, .spacing = 2ms};
  Network net{options};
  const Host host = net.population.host(kOpenHost);
  const unsigned repeats = net.population.repeats(host);
  ASSERT_GE(repeats, 1U);
  ASSERT_LE(repeats, 1000U);
  EXPECT_EQ(net.syn(kOpenHost, 1s).action, Action::Reply);
  EXPECT_EQ(net.flags(), kSynAck);
  EXPECT_TRUE(net.emitted(1s + 1ms).empty());
  EXPECT_EQ(net.emitted(1s + 2ms + 100us), std::vector<std::uint8_t>{kSynAck});
  EXPECT_EQ(net.emitted(10s).size(), repeats - 1);
  EXPECT_EQ(net.count(Counter::TimerReplies), repeats);
  EXPECT_EQ(net.count(Counter::RepliesMade), repeats + 1);
}

TEST(Impairment, StormsAreOnTheirShareOfHostsAndOfEverySize) {
  PopulationOptions options = everything_open();
  options.storm = {.share = 0.1, .most = 10'000, .spacing = 1ms};
  const Population population = Population::make(options).value();
  int storms = 0;
  int small = 0;
  for (std::uint32_t i = 0; i < 50'000; ++i) {
    const unsigned repeats = population.repeats(population.host(Ipv4Address{0xc6120100 + i}));
    ASSERT_LE(repeats, 10'000U);
    storms += repeats > 0 ? 1 : 0;
    small += repeats > 0 && repeats < 100 ? 1 : 0;
  }
  EXPECT_NEAR(storms, 5000, 250);
  EXPECT_NEAR(static_cast<double>(small) / storms, 0.5, 0.05);
}

TEST(Impairment, AnOpenPortMayResetFirstAndIsOpenAllTheSame) {
  PopulationOptions options = everything_open();
  options.reset_first = {.share = 1, .earliest = 1ms, .latest = 50ms};
  Network net{options};
  const Host host = net.population.host(kOpenHost);
  EXPECT_EQ(net.population.truth(host, 80), PortState::Open);
  const nanoseconds late = net.population.reset_first(host, 80);
  EXPECT_GE(late, 1ms);
  EXPECT_LE(late, 50ms);
  ASSERT_EQ(net.syn(kOpenHost, 1s).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(net.last));
  EXPECT_EQ(net.flags(), kReset);
  EXPECT_EQ(wire::read32(net.last.l4() + 8), 0x01020305U);
  EXPECT_TRUE(net.emitted(1s + late - 100us).empty());
  EXPECT_EQ(net.emitted(1s + late + 100us), std::vector<std::uint8_t>{kSynAck});
  EXPECT_TRUE(net.emitted(100s).empty());
}

TEST(Impairment, LateFramesMeetLossAndLimitsToo) {
  PopulationOptions options = everything_open();
  options.storm = {.share = 1, .most = 1000, .spacing = 1ms};
  options.way_out.loss = 0.5;
  Network net{options};
  int sent = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    sent += net.syn(Ipv4Address{kOpenHost.value() + i}, 1s).action == Action::Reply ? 1 : 0;
  }
  sent += static_cast<int>(net.emitted(20s).size());
  const auto made = static_cast<double>(net.count(Counter::RepliesMade));
  EXPECT_NEAR(sent / made, 0.5, 0.05);
  EXPECT_EQ(net.count(Counter::LostOut) + static_cast<unsigned>(sent),
            net.count(Counter::RepliesMade));
}

TEST(Impairment, GivenHostsAreSpared) {
  PopulationOptions options = everything_open();
  options.fixed = {{kOpenHost, {80}}};
  options.storm = {.share = 1, .most = 100, .spacing = 1ms};
  options.reset_first = {.share = 1, .earliest = 1ms, .latest = 1ms};
  Network net{options};
  ASSERT_EQ(net.syn(kOpenHost, 1s).action, Action::Reply);
  EXPECT_EQ(net.flags(), kSynAck);
  EXPECT_TRUE(net.emitted(10s).empty());
}

}  // namespace
}  // namespace trawl::simnet
