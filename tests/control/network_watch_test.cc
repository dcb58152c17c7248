#include "control/banners/network_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using Probed = std::pair<IpAddress, std::uint16_t>;

IpAddress at(std::uint32_t network, std::uint32_t host) {
  return Ipv4Address{0xc6120000U + (network << 8U) + host};
}

IpAddress at6(std::uint64_t network, std::uint64_t host) {
  return Ipv6Address{Uint128{0x20010db800000000U + network} << 64U | host};
}

// A watch, what it sends, and who answers that.
class Scene {
 public:
  explicit Scene(std::vector<std::uint16_t> ports) : watch_{ports, 99} {}

  NetworkWatch& watch() { return watch_; }
  std::vector<Probed>& sent() { return sent_; }
  void answer(std::function<std::optional<PortState>(const IpAddress&)> who) {
    who_ = std::move(who);
  }
  // Some seconds.
  void run(int turns = 40) {
    for (int i = 0; i < turns; ++i) {
      now_ += 100ms;
      std::vector<Probed> due;
      watch_.turn(now_, [&](const IpAddress& ip, std::uint16_t port) {
        due.emplace_back(ip, port);
        return true;
      });
      for (const auto& [ip, port] : due) {
        sent_.emplace_back(ip, port);
        const auto state = who_(ip);
        if (!state) continue;
        EXPECT_TRUE(watch_.answered(ip, port, *state));
      }
    }
  }
  void open(const IpAddress& ip, std::uint16_t port) { watch_.found(ip, port, now_); }
  std::vector<std::string> news() {
    std::vector<std::string> told;
    for (const NetworkFact& fact : watch_.take_news(now_, false)) told.push_back(fact.prefix());
    return told;
  }

 private:
  NetworkWatch::Clock::time_point now_{1h};
  NetworkWatch watch_;
  std::vector<Probed> sent_;
  std::function<std::optional<PortState>(const IpAddress&)> who_ = [](const IpAddress&) {
    return std::nullopt;
  };
};

using Names = std::vector<std::string>;

TEST(NetworkWatch, ANetworkThatAnswersEverythingIsToldOnceInASurveyOfOnePort) {
  Scene scene{{80}};
  scene.answer([](const IpAddress&) { return PortState::Open; });
  for (std::uint32_t host = 0; host < 40; ++host) scene.open(at(5, host), 80);
  scene.run();
  EXPECT_EQ(scene.news(), Names{"198.18.5.0/24"});
  EXPECT_TRUE(scene.watch().covers(at(5, 200)));
  EXPECT_FALSE(scene.watch().covers(at(6, 200)));
  for (std::uint32_t host = 40; host < 250; ++host) scene.open(at(5, host), 80);
  scene.run();
  EXPECT_EQ(scene.news(), Names{});
  ASSERT_EQ(scene.sent().size(), 3U);
  for (const auto& [ip, port] : scene.sent()) {
    EXPECT_NE(port, 80);
    EXPECT_GE(port, 20000);
  }
  EXPECT_NE(scene.sent()[0].first, scene.sent()[1].first);
}

TEST(NetworkWatch, ANetworkOfServersCostsAPacketOrTwo) {
  Scene closed{{80}};
  closed.answer([](const IpAddress&) { return PortState::Closed; });
  Scene silent{{80}};
  for (std::uint32_t host = 0; host < 20; ++host) {
    closed.open(at(5, host), 80);
    silent.open(at(5, host), 80);
  }
  closed.run();
  silent.run();
  EXPECT_EQ(closed.sent().size(), 1U);
  EXPECT_EQ(silent.sent().size(), 2U);
  EXPECT_FALSE(closed.watch().covers(at(5, 1)));
  EXPECT_FALSE(silent.watch().is_testing());
  // One more each time there are four times as many.
  for (std::uint32_t host = 20; host < 256; ++host) closed.open(at(5, host), 80);
  closed.run();
  EXPECT_LE(closed.sent().size(), 3U);
}

TEST(NetworkWatch, OneHostThatAnswersEverythingIsNotItsNetwork) {
  std::vector<std::uint16_t> ports;
  for (std::uint16_t port = 1; port <= 100; ++port) ports.push_back(port);
  Scene scene{ports};
  scene.answer(
      [](const IpAddress& ip) { return ip == at(5, 7) ? PortState::Open : PortState::Closed; });
  for (const std::uint16_t port : ports) scene.open(at(5, 7), port);
  scene.open(at(5, 8), 22);
  scene.open(at(5, 9), 22);
  scene.run();
  EXPECT_EQ(scene.news(), Names{"198.18.5.7/32"});
  EXPECT_TRUE(scene.watch().covers(at(5, 7)));
  EXPECT_FALSE(scene.watch().covers(at(5, 8)));
}

TEST(NetworkWatch, ThreeHostsAreANetworkWhereTheSurveyAsksEveryPort) {
  std::vector<std::uint16_t> ports;
  for (unsigned port = 1; port <= 65535; ++port) ports.push_back(static_cast<std::uint16_t>(port));
  Scene scene{ports};
  for (unsigned port = 1; port <= 300; ++port) {
    scene.open(at(9, 1), static_cast<std::uint16_t>(port));  // A host with many services.
  }
  EXPECT_FALSE(scene.watch().covers(at(9, 1)));
  for (const std::uint32_t host : {1U, 2U, 3U}) {
    for (const std::uint16_t port : ports) {
      if (port % 4 == 0) scene.open(at(5, host), port);
    }
  }
  scene.run();
  EXPECT_EQ(scene.news(), Names{"198.18.5.0/24"});
  EXPECT_TRUE(scene.sent().empty());
}

TEST(NetworkWatch, OfIpv6ItIsTheNetworkOfALink) {
  Scene scene{{443}};
  scene.answer([](const IpAddress&) { return PortState::Open; });
  for (std::uint64_t host = 1; host < 12; ++host) scene.open(at6(1, host), 443);
  scene.open(at6(2, 1), 443);
  scene.run();
  EXPECT_EQ(scene.news(), Names{"2001:db8:0:1::/64"});
  EXPECT_FALSE(scene.watch().covers(at6(2, 1)));
}

TEST(NetworkWatch, KnowsItsOwnPortsFromThoseOfOthers) {
  Scene scene{{80}};
  scene.answer([](const IpAddress&) { return PortState::Open; });
  for (std::uint32_t host = 0; host < 20; ++host) scene.open(at(5, host), 80);
  scene.run();
  const auto [ip, port] = scene.sent().front();
  EXPECT_TRUE(scene.watch().answered(ip, port, PortState::Open));
  EXPECT_FALSE(scene.watch().answered(ip, 80, PortState::Open));
  EXPECT_FALSE(scene.watch().covers_words(ip));
  EXPECT_TRUE(scene.watch().spoke(ip, port, PortClass::Middlebox));
  EXPECT_FALSE(scene.watch().covers_words(ip));
  EXPECT_TRUE(scene.watch().spoke(ip, port, PortClass::Service));
  EXPECT_TRUE(scene.watch().covers_words(at(5, 250)));
}

TEST(NetworkWatch, AProbeThatCannotBeSentIsSentLater) {
  Scene scene{{80}};
  for (std::uint32_t host = 0; host < 20; ++host) scene.open(at(5, host), 80);
  scene.watch().turn(NetworkWatch::Clock::time_point{2h},
                     [](const IpAddress&, std::uint16_t) { return false; });
  EXPECT_EQ(scene.watch().probes(), 0U);
  EXPECT_TRUE(scene.watch().is_testing());
  scene.run(1);
  EXPECT_EQ(scene.sent().size(), 1U);
}

TEST(NetworkWatch, SuspectsAreBounded) {
  Scene scene{{80}};
  for (std::uint32_t network = 0; network < 3 * NetworkWatch::kMostSuspects; ++network) {
    for (std::uint32_t host = 0; host < 9; ++host) {
      scene.open(Ipv4Address{0x0a000000U + (network << 8U) + host}, 80);
    }
  }
  scene.run(1);
  EXPECT_LE(scene.sent().size(), NetworkWatch::kMostSuspects);
  EXPECT_GT(scene.sent().size(), NetworkWatch::kMostSuspects / 2);
}

}  // namespace
}  // namespace trawl::control
