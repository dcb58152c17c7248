#include "bench/simnet/forger.h"

#include <gtest/gtest.h>

#include <set>

#include "bench/simnet/responder.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;

const Ipv4Address kOpenHost{0xc6120064};

struct Forgery {
  explicit Forgery(double share)
      : population{Population::make(options(share)).value()},
        responder{
            Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value()} {}

  static PopulationOptions options(double share) {
    PopulationOptions options;
    options.fixed = {{kOpenHost, {80, 443}}};
    options.forged = share;
    return options;
  }
  void answer(std::uint16_t port, std::uint16_t from_port) {
    TestFrame frame = tcp_frame({.to = kOpenHost}, {.from_port = from_port, .to_port = port});
    ASSERT_EQ(responder.answer(frame.buffer(), frame.length, 1s).action, Action::Reply);
  }
  TestFrame forge() {
    TestFrame frame;
    frame.length = responder.forger().write(frame.buffer());
    return frame;
  }

  Counters counters;
  Population population;
  Responder responder;
};

TEST(Forger, NothingIsForgedUnlessAsked) {
  Forgery net{0};
  net.answer(80, 40000);
  EXPECT_EQ(net.responder.forger().owed(64), 0U);
}

TEST(Forger, NothingIsForgedBeforeAScannerIsKnown) {
  Forgery net{0.99};
  EXPECT_EQ(net.responder.forger().owed(64), 0U);
}

TEST(Forger, TheShareIsKept) {
  Forgery net{0.99};
  unsigned forged = 0;
  for (int i = 0; i < 100; ++i) {
    net.answer(80, 40000);
    for (; net.responder.forger().owed(64) > 0; ++forged) (void)net.forge();
  }
  EXPECT_NEAR(forged, 9900, 1);
}

TEST(Forger, FramesAreSoundAndAimedAtPortsTheScannerUses) {
  Forgery net{0.999};
  net.answer(80, 40000);
  net.answer(443, 40001);
  int resets = 0;
  std::set<std::uint32_t> acks;
  std::set<std::uint32_t> sources;
  for (int i = 0; i < 1000; ++i) {
    TestFrame frame = net.forge();
    ASSERT_TRUE(is_sound_reply(frame)) << i;
    ASSERT_EQ(wire::read_mac(frame.bytes.data()), kScannerMac);
    ASSERT_EQ(wire::read_mac(frame.bytes.data() + 6), kRouterMac);
    ASSERT_EQ(wire::read32(frame.ip() + 16), kScanner.value());
    ASSERT_TRUE(net.population.addresses().rank(Ipv4Address{wire::read32(frame.ip() + 12)}));
    const std::uint16_t service = wire::read16(frame.l4());
    const std::uint16_t scanner = wire::read16(frame.l4() + 2);
    ASSERT_TRUE(service == 80 || service == 443);
    ASSERT_TRUE(scanner == 40000 || scanner == 40001);
    const std::uint8_t flags = wire::read8(frame.l4() + 13);
    ASSERT_TRUE(flags == (wire::kSyn | wire::kAck) || flags == (wire::kRst | wire::kAck));
    resets += (flags & wire::kRst) != 0 ? 1 : 0;
    acks.insert(wire::read32(frame.l4() + 8));
    sources.insert(wire::read32(frame.ip() + 12));
  }
  EXPECT_NEAR(resets, 500, 80);
  EXPECT_GT(acks.size(), 998U);
  EXPECT_GT(sources.size(), 950U);
}

TEST(Forger, TheSameSeedForgesTheSame) {
  Forgery one{0.9};
  Forgery two{0.9};
  one.answer(80, 40000);
  two.answer(80, 40000);
  for (int i = 0; i < 9; ++i) ASSERT_EQ(one.forge().bytes, two.forge().bytes);
}

}  // namespace
}  // namespace trawl::simnet
