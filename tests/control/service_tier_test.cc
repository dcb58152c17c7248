#include "control/pipeline/service_tier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/control/fake_services.h"

namespace trawl::control {
namespace {

using testing::HasSubstr;

class ServiceTierTest : public testing::Test {
 protected:
  std::unique_ptr<ServiceTier> open(unsigned threads, std::size_t waiting = 1024) {
    auto opened = ServiceTier::open({.threads = threads,
                                     .ports_at_once = 64,
                                     .ports_waiting = waiting,
                                     .make = FakeServices::maker(record, 16)});
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  // As many as there are pending; the test's own time limit ends it otherwise.
  static std::vector<PortAnswer> take(ServiceTier& tier, std::size_t count) {
    std::vector<PortAnswer> all;
    std::vector<PortAnswer> some(100);
    while (all.size() < count) {
      tier.wake();
      const std::size_t taken = tier.take(some);
      for (std::size_t i = 0; i < taken; ++i) all.push_back(std::move(some[i]));
      if (taken == 0) std::this_thread::yield();
    }
    return all;
  }
  static OpenPort port(std::uint32_t host, std::uint16_t number) {
    return {.ip = Ipv4Address{0xc6120000U + host},
            .index = std::uint64_t{host} << 16U | number,
            .port = number};
  }

  FakeRecord record;
};

TEST_F(ServiceTierTest, EveryPortIsAnsweredOnceByWhicheverThread) {
  const auto tier = open(3);
  constexpr std::uint16_t kPorts[] = {22, 80, 443};
  std::set<std::uint64_t> asked;
  std::size_t offered = 0;
  std::set<std::uint64_t> answered;
  for (std::uint32_t host = 0; host < 500; ++host) {
    for (const std::uint16_t number : kPorts) {
      while (!tier->offer(port(host, number))) {
        for (const PortAnswer& answer : take(*tier, 1)) answered.insert(answer.index);
      }
      asked.insert(port(host, number).index);
      ++offered;
    }
  }
  const std::size_t left = offered - answered.size();
  for (const PortAnswer& answer : take(*tier, left)) {
    EXPECT_TRUE(answered.insert(answer.index).second);
    EXPECT_EQ(answer.fact.service, "ssh");
    EXPECT_EQ(answer.fact.banner, "SSH-2.0-fake\r\n");
    EXPECT_EQ(answer.fact.port_class, PortClass::Service);
    EXPECT_EQ(answer.fact.port, answer.index & 0xffffU);
  }
  EXPECT_EQ(answered, asked);
  EXPECT_EQ(tier->pending(), 0U);
}

TEST_F(ServiceTierTest, AFullRingTakesNoMoreAndLosesNothing) {
  const auto tier = open(1, 32);
  std::size_t offered = 0;
  // Nobody takes answers, so a bounded number of ports finds a place.
  for (int idle = 0; idle < 1000;) {
    if (tier->offer(port(static_cast<std::uint32_t>(offered), 22))) {
      ++offered;
      idle = 0;
    } else {
      tier->wake();
      ++idle;
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }
  EXPECT_LE(offered, tier->capacity() + ServiceTier::kFactsWaiting);
  EXPECT_GE(offered, ServiceTier::kFactsWaiting);
  EXPECT_GT(tier->fullness(), 0.9);
  EXPECT_LE(record.most_at_once, 64U);
  EXPECT_EQ(take(*tier, offered).size(), offered);
}

TEST_F(ServiceTierTest, WhoIsBlockedMeanwhileIsBrokenOffAndToldOf) {
  const auto tier = open(1);
  ASSERT_TRUE(tier->offer(port(1, FakeServices::kKept)));
  ASSERT_TRUE(tier->offer(port(2, 22)));
  const auto first = take(*tier, 1);
  EXPECT_EQ(first.front().fact.port, 22);
  AddressList blocked;
  blocked.v4.add({Ipv4Address{0xc6120001U}, Ipv4Address{0xc6120001U}});
  tier->block(blocked);
  const auto second = take(*tier, 1);
  EXPECT_EQ(second.front().fact.port, FakeServices::kKept);
  EXPECT_THAT(second.front().fact.trouble, HasSubstr("blocked"));
  EXPECT_EQ(second.front().fact.port_class, PortClass::Unknown);
  EXPECT_EQ(record.dropped, 1U);
}

TEST_F(ServiceTierTest, WhereNothingCanBeAskedEveryPortSaysWhy) {
  auto opened = ServiceTier::open(
      {.threads = 1,
       .make = [](service::Loop&, ServiceWorker::Hooks) -> Result<std::unique_ptr<ServiceWorker>> {
         return fail(ExitCode::Runtime, "no patterns");
       }});
  ASSERT_TRUE(opened);
  ASSERT_TRUE((*opened)->offer(port(1, 22)));
  const auto answers = take(**opened, 1);
  EXPECT_THAT(answers.front().fact.trouble, HasSubstr("no patterns"));
  EXPECT_THAT((*opened)->take_warnings(), testing::ElementsAre(HasSubstr("no patterns")));
}

// Version detection answers ports that the probe file excludes before it asks anything.
TEST_F(ServiceTierTest, AnswersThatComeAtOnceFindTheirPlaceToo) {
  class AtOnce final : public ServiceWorker {
   public:
    explicit AtOnce(Hooks hooks) : hooks_{std::move(hooks)} {}
    void add(service::ServicePort port) override {
      service::ServiceFinding finding;
      finding.outcome = service::ServiceFinding::Outcome::Excluded;
      hooks_.done(port, std::move(finding));
    }
    void drop(const IpAddress& /*host*/) override {}

   private:
    Hooks hooks_;
  };
  auto opened = ServiceTier::open({.threads = 1,
                                   .make = [](service::Loop&, ServiceWorker::Hooks hooks)
                                       -> Result<std::unique_ptr<ServiceWorker>> {
                                     return std::make_unique<AtOnce>(std::move(hooks));
                                   }});
  ASSERT_TRUE(opened);
  constexpr std::uint32_t kPorts = 3 * ServiceTier::kFactsWaiting;
  for (std::uint32_t host = 0; host < kPorts; ++host) {
    ASSERT_TRUE((*opened)->offer(port(host, 9100)));
  }
  std::set<std::uint64_t> answered;
  for (const PortAnswer& answer : take(**opened, kPorts)) answered.insert(answer.index);
  EXPECT_EQ(answered.size(), kPorts);
}

TEST_F(ServiceTierTest, ProtocolsAndFamiliesArriveAsTheyWere) {
  const auto tier = open(1);
  const OpenPort udp{.ip = *IpAddress::parse("2001:db8::53"),
                     .index = ~std::uint64_t{0},
                     .port = 65'535,
                     .protocol = Protocol::Udp};
  ASSERT_TRUE(tier->offer(udp));
  ASSERT_TRUE(tier->offer(port(7, 1)));
  for (const PortAnswer& answer : take(*tier, 2)) {
    const bool is_udp = answer.index == udp.index;
    EXPECT_EQ(answer.fact.protocol, is_udp ? Protocol::Udp : Protocol::Tcp);
    EXPECT_EQ(answer.fact.ip, is_udp ? udp.ip : port(7, 1).ip);
    EXPECT_EQ(answer.fact.port, is_udp ? 65'535 : 1);
  }
}

TEST(SocketGuard, BlocksWhatTheListSaysNow) {
  AddressList first;
  first.v4.add({Ipv4Address{0xc6120005U}, Ipv4Address{0xc6120006U}});
  SocketGuard guard{first};
  const auto before = guard.generation();
  EXPECT_FALSE(guard.allows(*IpAddress::parse("198.18.0.5")));
  EXPECT_TRUE(guard.allows(*IpAddress::parse("198.18.0.7")));
  EXPECT_TRUE(guard.allows(*IpAddress::parse("2001:db8::5")));
  AddressList second;
  second.v6.add(*Ipv6Prefix::parse("2001:db8::/64"));
  AddressList third;
  third.v4.add({Ipv4Address{0xc6120007U}, Ipv4Address{0xc6120007U}});
  guard.replace(second, third);
  EXPECT_NE(guard.generation(), before);
  EXPECT_FALSE(guard.allows(*IpAddress::parse("198.18.0.7")));
  EXPECT_FALSE(guard.is_blocked(*IpAddress::parse("198.18.0.7"))) << "it is skipped";
  EXPECT_TRUE(guard.is_blocked(*IpAddress::parse("2001:db8::5")));
  EXPECT_TRUE(guard.allows(*IpAddress::parse("198.18.0.5")));
  EXPECT_FALSE(guard.allows(*IpAddress::parse("2001:db8::5")));
}

}  // namespace
}  // namespace trawl::control
