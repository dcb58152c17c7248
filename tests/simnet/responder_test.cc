#include "bench/simnet/responder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "bench/simnet/frame.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;

const Ipv4Address kOpenHost{0xc6120064};    // 198.18.0.100: only port 80 open.
const Ipv4Address kGateway{0xc6120002};     // 198.18.0.2
const Ipv4Address kSilentHost{0xc6120003};  // 198.18.0.3

PopulationOptions base_options() {
  PopulationOptions options;
  options.fixed.push_back({kOpenHost, {80}});
  options.silent = {kScanner, kSilentHost};
  return options;
}

struct Network {
  explicit Network(const PopulationOptions& options = base_options())
      : population{Population::make(options).value()},
        responder{
            Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value()} {}

  Answer answer(TestFrame& frame, std::chrono::nanoseconds now = 1s) {
    const Answer answer = responder.answer(frame.buffer(), frame.length, now);
    if (answer.action == Action::Reply) frame.length = answer.length;
    return answer;
  }
  // The first address from 198.18.1.0 on for which `wanted` holds.
  template <typename Wanted>
  Ipv4Address find(Wanted wanted) const {
    std::uint32_t value = 0xc6120100;
    while (!wanted(population.host(Ipv4Address{value}))) ++value;
    return Ipv4Address{value};
  }
  Ipv4Address find(Presence presence) const {
    return find([&](const Host& host) { return host.presence == presence; });
  }
  std::uint64_t count(Counter counter) const { return counters.get(counter); }

  Counters counters;
  Population population;
  Responder responder;
};

std::uint8_t flags_of(TestFrame& frame) { return wire::read8(frame.l4() + 13); }

TEST(Responder, SynToOpenPortGetsSynAckWithTheOptionsItOffered) {
  Network net;
  TestFrame frame = tcp_frame({.to = kOpenHost}, {.options = linux_options()});
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(wire::read_mac(frame.bytes.data()), kScannerMac);
  EXPECT_EQ(wire::read_mac(frame.bytes.data() + 6), kRouterMac);
  EXPECT_EQ(wire::read32(frame.ip() + 12), kOpenHost.value());
  EXPECT_EQ(wire::read32(frame.ip() + 16), kScanner.value());
  EXPECT_EQ(wire::read16(frame.l4()), 80);
  EXPECT_EQ(wire::read16(frame.l4() + 2), 40000);
  EXPECT_EQ(flags_of(frame), wire::kSyn | wire::kAck);
  EXPECT_EQ(wire::read32(frame.l4() + 8), 0x01020305U);
  ASSERT_EQ(wire::read8(frame.l4() + 12) >> 4, 10);
  EXPECT_EQ(wire::read16(frame.l4() + 20), 0x0204);       // MSS
  EXPECT_EQ(wire::read16(frame.l4() + 24), 0x0402);       // SACK permitted
  EXPECT_EQ(wire::read16(frame.l4() + 26), 0x080a);       // timestamps
  EXPECT_EQ(wire::read32(frame.l4() + 32), 0x0a0b0c0dU);  // our value, echoed
  EXPECT_EQ(wire::read32(frame.l4() + 36) >> 8U, 0x010303U);
}

TEST(Responder, SynAckOffersNothingButMssToABareSyn) {
  Network net;
  TestFrame frame = tcp_frame({.to = kOpenHost}, {});
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(wire::read8(frame.l4() + 12) >> 4, 6);
  EXPECT_EQ(wire::read32(frame.l4() + 20), 0x020405b4U);
}

TEST(Responder, SynToClosedPortGetsResetThatAcknowledgesSynAndPayload) {
  Network net;
  TestFrame frame = tcp_frame({.to = kOpenHost}, {.to_port = 81, .data_size = 5});
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(flags_of(frame), wire::kRst | wire::kAck);
  EXPECT_EQ(wire::read32(frame.l4() + 4), 0U);
  EXPECT_EQ(wire::read32(frame.l4() + 8), 0x01020304U + 6);
}

TEST(Responder, AckGetsResetFromTheAcknowledgedNumber) {
  Network net;
  TestFrame frame = tcp_frame({.to = kOpenHost}, {.ack = 0xdeadbeef, .flags = wire::kAck});
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(flags_of(frame), wire::kRst);
  EXPECT_EQ(wire::read32(frame.l4() + 4), 0xdeadbeefU);
}

TEST(Responder, ResetIsIgnored) {
  Network net;
  TestFrame frame = tcp_frame({.to = kOpenHost}, {.flags = wire::kRst});
  EXPECT_EQ(net.answer(frame).action, Action::Ignore);
  EXPECT_EQ(net.count(Counter::RstIgnored), 1U);
}

TEST(Responder, UnreachableAddressGetsAnErrorThatQuotesTheProbe) {
  Network net;
  const Ipv4Address nobody = net.find(Presence::Unreachable);
  TestFrame frame = tcp_frame({.to = nobody}, {.options = linux_options()});
  TestFrame probe = frame;
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(wire::read32(frame.ip() + 12), kGateway.value());
  EXPECT_EQ(wire::read16(frame.l4()), 0x0301);
  ASSERT_EQ(frame.length, wire::kEthernetSize + wire::kIpSize + wire::kIcmpSize + probe.length -
                              wire::kEthernetSize);
  EXPECT_TRUE(
      std::equal(probe.ip(), probe.bytes.data() + probe.length, frame.l4() + wire::kIcmpSize));
}

TEST(Responder, NoErrorIsSentAboutAnError) {
  Network net;
  TestFrame frame = echo_request({.to = net.find(Presence::Unreachable)}, 0);
  wire::write16(frame.l4(), 0x0301);
  EXPECT_EQ(net.answer(frame).action, Action::Ignore);
  EXPECT_EQ(net.count(Counter::UnreachableIgnored), 1U);
}

TEST(Responder, DeadAndSilentAddressesAreCountedApart) {
  Network net;
  TestFrame dead = tcp_frame({.to = net.find(Presence::Dead)}, {});
  TestFrame silent = tcp_frame({.to = kSilentHost}, {});
  EXPECT_EQ(net.answer(dead).action, Action::Ignore);
  EXPECT_EQ(net.answer(silent).action, Action::Ignore);
  EXPECT_EQ(net.count(Counter::SynToDead), 1U);
  EXPECT_EQ(net.count(Counter::Silent), 1U);
}

TEST(Responder, EchoIsAnsweredWithItsOwnData) {
  Network net;
  TestFrame frame = echo_request({.to = kOpenHost}, 57);
  TestFrame request = frame;
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(wire::read16(frame.l4()), 0);
  EXPECT_TRUE(std::equal(request.l4() + 4, request.bytes.data() + request.length, frame.l4() + 4));
}

TEST(Responder, ArpNamesTheHostOrTheRouter) {
  Network net;
  TestFrame host = arp_request(kOpenHost);
  TestFrame router = arp_request(kGateway);
  ASSERT_EQ(net.answer(host).action, Action::Reply);
  ASSERT_EQ(net.answer(router).action, Action::Reply);
  EXPECT_EQ(wire::read16(host.ip() + 6), 2);
  EXPECT_EQ(wire::read_mac(host.ip() + 8), host_mac(kOpenHost));
  EXPECT_EQ(wire::read32(host.ip() + 14), kOpenHost.value());
  EXPECT_EQ(wire::read_mac(host.bytes.data()), kScannerMac);
  EXPECT_EQ(wire::read_mac(router.ip() + 8), kRouterMac);
}

TEST(Responder, ArpForDeadAddressesIsAnsweredOnlyWhenAsked) {
  PopulationOptions options = base_options();
  Network sparse{options};
  options.arp_all = true;
  Network full{options};
  const Ipv4Address nobody = sparse.find(Presence::Dead);
  TestFrame first = arp_request(nobody);
  TestFrame second = arp_request(nobody);
  TestFrame silent = arp_request(kSilentHost);
  EXPECT_EQ(sparse.answer(first).action, Action::Ignore);
  EXPECT_EQ(full.answer(second).action, Action::Reply);
  EXPECT_EQ(full.answer(silent).action, Action::Ignore);
}

TEST(Responder, HostsAnswerOnTheirOwnMacAndNobodyOnAnother) {
  Network net;
  TestFrame own = tcp_frame({.to = kOpenHost, .eth_to = host_mac(kOpenHost)}, {});
  TestFrame other = tcp_frame({.to = kOpenHost, .eth_to = 0x02aabbccddee}, {});
  TestFrame broadcast =
      tcp_frame({.to = kOpenHost, .eth_to = MacAddress::broadcast().to_integer()}, {});
  ASSERT_EQ(net.answer(own).action, Action::Reply);
  EXPECT_EQ(wire::read_mac(own.bytes.data() + 6), host_mac(kOpenHost));
  EXPECT_EQ(net.answer(other).action, Action::Ignore);
  EXPECT_EQ(net.answer(broadcast).action, Action::Ignore);
  EXPECT_EQ(net.count(Counter::OtherDestination), 1U);
  EXPECT_EQ(net.count(Counter::Multicast), 1U);
}

TEST(Responder, CutOffAndCorruptedFramesAreNeverAnswered) {
  Network net;
  TestFrame good = tcp_frame({.to = kOpenHost}, {.options = linux_options()});
  for (std::size_t length = 0; length < good.length; ++length) {
    TestFrame cut = good;
    cut.length = length;
    EXPECT_EQ(net.answer(cut).action, Action::Ignore) << length;
  }
  for (std::size_t at = 6 + 6; at < good.length; ++at) {
    TestFrame corrupt = good;
    corrupt.bytes[at] ^= std::byte{0x10};
    EXPECT_EQ(net.answer(corrupt).action, Action::Ignore) << at;
  }
}

TEST(Responder, OptionsThatRunOverTheHeaderAreMalformed) {
  Network net;
  TestFrame frame = tcp_frame({.to = kOpenHost}, {.options = {8, 10, 0, 0}});
  TestFrame zero = tcp_frame({.to = kOpenHost}, {.options = {2, 0, 0, 0}});
  EXPECT_EQ(net.answer(frame).action, Action::Ignore);
  EXPECT_EQ(net.answer(zero).action, Action::Ignore);
  EXPECT_EQ(net.count(Counter::Malformed), 2U);
}

TEST(Responder, FragmentsAreIgnored) {
  Network net;
  TestFrame frame = tcp_frame({.to = kOpenHost}, {});
  wire::write16(frame.ip() + 6, 0x2000);
  seal_ipv4(frame.ip());
  EXPECT_EQ(net.answer(frame).action, Action::Ignore);
  EXPECT_EQ(net.count(Counter::Fragment), 1U);
}

TEST(Responder, LossIsTheSameEveryTimeAndNearItsShare) {
  PopulationOptions options = base_options();
  options.way_in.loss = 0.1;
  options.way_out.loss = 0.2;
  Network one{options};
  Network two{options};
  constexpr int kFrames = 20000;
  for (int i = 0; i < kFrames; ++i) {
    TestFrame a = tcp_frame({.to = kOpenHost}, {.from_port = static_cast<std::uint16_t>(i)});
    TestFrame b = a;
    ASSERT_EQ(one.answer(a).action, two.answer(b).action);
  }
  EXPECT_NEAR(static_cast<double>(one.count(Counter::LostIn)), 0.1 * kFrames, 250);
  EXPECT_NEAR(static_cast<double>(one.count(Counter::LostOut)), 0.9 * 0.2 * kFrames, 300);
}

TEST(Responder, ALimitedHostAnswersAtItsRate) {
  PopulationOptions options;
  options.live = 1;
  options.limited = 1;
  options.limited_rate = PacketsPerSecond{50};
  Network net{options};
  int answered = 0;
  for (int ms = 0; ms < 10'000; ++ms) {
    TestFrame frame = echo_request({.to = kOpenHost}, 0);
    if (net.answer(frame, std::chrono::milliseconds{ms}).action == Action::Reply) ++answered;
  }
  EXPECT_NEAR(answered, 500, 6);  // Ten seconds and the burst of a tenth of one.
  EXPECT_EQ(net.count(Counter::RateLimited), 10'000U - static_cast<unsigned>(answered));
}

TEST(Responder, IcmpErrorsHaveOneLimitForAll) {
  PopulationOptions options;
  options.live = 0;
  options.unreachable = 1;
  options.icmp_rate = PacketsPerSecond{100};
  Network net{options};
  int answered = 0;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    TestFrame frame = tcp_frame({.to = Ipv4Address{0xc6120100 + i}}, {});
    if (net.answer(frame, std::chrono::milliseconds{i}).action == Action::Reply) ++answered;
  }
  EXPECT_NEAR(answered, 500, 12);
}

TEST(Responder, ForwardedAddressesAreHandedOverUntouched) {
  PopulationOptions options = base_options();
  options.forward = {*Ipv4Prefix::parse("198.18.255.0/28")};
  options.uplink_address = Ipv4Address::parse("198.18.255.14");
  Network net{options};
  TestFrame frame = tcp_frame({.to = *Ipv4Address::parse("198.18.255.1")}, {});
  const TestFrame before = frame;
  EXPECT_EQ(net.answer(frame).action, Action::Forward);
  EXPECT_EQ(frame.bytes, before.bytes);
  TestFrame router = tcp_frame({.to = *options.uplink_address}, {});
  EXPECT_EQ(net.answer(router).action, Action::Reply);
  EXPECT_EQ(flags_of(router), wire::kRst | wire::kAck);
}

TEST(Responder, EveryFrameHasOneOutcomeAndEveryReplyOneFate) {
  PopulationOptions options = base_options();
  options.way_in.loss = options.way_out.loss = 0.05;
  options.icmp_rate = PacketsPerSecond{1000};
  Network net{options};
  std::uint64_t replies = 0;
  for (std::uint32_t i = 0; i < 30'000; ++i) {
    const auto flags = static_cast<std::uint8_t>(mix64(i));
    TestFrame frame = i % 7 == 0    ? arp_request(Ipv4Address{0xc6120000 + i})
                      : i % 11 == 0 ? echo_request({.to = Ipv4Address{0xc6120000 + i}}, 8)
                                    : tcp_frame({.to = Ipv4Address{0xc6120000 + i}},
                                                {.flags = i % 3 == 0 ? flags : wire::kSyn});
    if (i % 13 == 0) frame.length = i % 60;
    if (net.answer(frame, std::chrono::microseconds{i * 10}).action == Action::Reply) ++replies;
  }
  std::uint64_t outcomes = 0;
  for (auto i = static_cast<int>(Counter::ArpAnswered); i < static_cast<int>(Counter::RepliesMade);
       ++i) {
    outcomes += net.count(static_cast<Counter>(i));
  }
  EXPECT_EQ(outcomes, net.count(Counter::FramesReceived));
  EXPECT_EQ(net.count(Counter::RepliesMade),
            replies + net.count(Counter::LostOut) + net.count(Counter::IcmpLimited));
}

TEST(Counters, EachHasAName) {
  for (std::size_t i = 0; i < kCounters; ++i) {
    EXPECT_FALSE(to_string(static_cast<Counter>(i)).empty()) << i;
  }
}

}  // namespace
}  // namespace trawl::simnet
