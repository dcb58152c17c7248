// What hosts answer to probes other than a SYN.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "bench/simnet/responder.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;

const Ipv4Address kHost{0xc6120164};

struct Network {
  explicit Network(const PopulationOptions& options)
      : population{Population::make(options).value()},
        responder{
            Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value()} {}

  Answer answer(TestFrame& frame, std::chrono::nanoseconds now = 1s) {
    const Answer answer = responder.answer(frame.buffer(), frame.length, now);
    if (answer.action == Action::Reply) frame.length = answer.length;
    return answer;
  }

  Counters counters;
  Population population;
  Responder responder;
};

PopulationOptions udp_options(double open, double drop) {
  PopulationOptions options;
  options.live = 1;
  options.udp_open = {{53, 65535, open}};
  options.udp_drop = drop;
  return options;
}

std::string_view payload_of(TestFrame& frame) {
  return {reinterpret_cast<const char*>(frame.l4() + 8), frame.length - 14 - 20 - 8};
}

TEST(ProbeKinds, AnOpenUdpPortAnswersFromItself) {
  Network net{udp_options(1, 0)};
  TestFrame frame = udp_frame({.to = kHost}, 7777, "hello");
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(wire::read32(frame.ip() + 12), kHost.value());
  EXPECT_EQ(wire::read16(frame.l4()), 7777);
  EXPECT_EQ(wire::read16(frame.l4() + 2), 40000);
  EXPECT_EQ(payload_of(frame), "hello");
  EXPECT_EQ(net.counters.get(Counter::UdpToOpen), 1U);
}

TEST(ProbeKinds, AnOpenUdpPortSpeaksItsProtocol) {
  Network net{udp_options(1, 0)};
  const std::string_view query{"\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\0\0\1\0\1", 19};
  TestFrame frame = udp_frame({.to = kHost}, 53, query);
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(payload_of(frame).substr(0, 4), "\x12\x34\x81\5");
}

TEST(ProbeKinds, AClosedUdpPortIsReportedByTheHostItself) {
  Network net{udp_options(0, 0)};
  TestFrame frame = udp_frame({.to = kHost}, 161, "x");
  TestFrame probe = frame;
  ASSERT_EQ(net.answer(frame).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(wire::read32(frame.ip() + 12), kHost.value());
  EXPECT_EQ(wire::read16(frame.l4()), 0x0303);
  EXPECT_TRUE(std::equal(probe.ip(), probe.bytes.data() + probe.length, frame.l4() + 8));
}

TEST(ProbeKinds, AFilteredUdpPortIsSilent) {
  Network net{udp_options(0, 1)};
  TestFrame frame = udp_frame({.to = kHost}, 161, "x");
  EXPECT_EQ(net.answer(frame).action, Action::Ignore);
  EXPECT_EQ(net.counters.get(Counter::UdpDropped), 1U);
}

TEST(ProbeKinds, ASilentUdpPortStandsBesideOthers) {
  constexpr std::uint16_t kSilent[] = {161, 500, 501};
  constexpr std::uint16_t kOthers[] = {160, 162, 502};
  for (const double open : {0.0, 1.0}) {
    PopulationOptions options = udp_options(open, 0);
    ASSERT_TRUE(apply_option(options, "udp-silent", "161=1,500-501=1").has_value());
    Network net{options};
    for (const std::uint16_t port : kSilent) {
      TestFrame silent = udp_frame({.to = kHost}, port, "x");
      EXPECT_EQ(net.answer(silent).action, Action::Ignore) << port;
    }
    EXPECT_EQ(net.counters.get(Counter::UdpDropped), 3U);
    for (const std::uint16_t port : kOthers) {
      TestFrame other = udp_frame({.to = kHost}, port, "x");
      EXPECT_EQ(net.answer(other).action, Action::Reply) << port;
    }
  }
}

TEST(ProbeKinds, EachHostLimitsItsErrorsByItself) {
  PopulationOptions options = udp_options(0, 0);
  options.host_icmp_rate = {PacketsPerSecond{1}, 6};
  Network net{options};
  for (const std::uint32_t other : {0U, 1U}) {
    int answered = 0;
    for (int ms = 0; ms < 10'000; ms += 10) {
      TestFrame frame = udp_frame({.to = Ipv4Address{kHost.value() + other}}, 161, "x");
      answered += net.answer(frame, 1s + ms * 1ms).action == Action::Reply ? 1 : 0;
    }
    EXPECT_NEAR(answered, 15, 1);
  }
  EXPECT_GT(net.counters.get(Counter::IcmpLimited), 1900U);
}

TEST(ProbeKinds, UdpWithoutAChecksumIsFineAndWithABadOneIsNot) {
  Network net{udp_options(1, 0)};
  TestFrame none = udp_frame({.to = kHost}, 7777, "hello");
  wire::write16(none.l4() + 6, 0);
  TestFrame bad = udp_frame({.to = kHost}, 7777, "hello");
  bad.l4()[9] ^= std::byte{1};
  EXPECT_EQ(net.answer(none).action, Action::Reply);
  EXPECT_EQ(net.answer(bad).action, Action::Ignore);
  EXPECT_EQ(net.counters.get(Counter::BadTransportChecksum), 1U);
}

TEST(ProbeKinds, UdpLengthsBeyondThePacketAreMalformed) {
  Network net{udp_options(1, 0)};
  for (const int length : {0, 7, 14, 60000}) {
    TestFrame frame = udp_frame({.to = kHost}, 7777, "hello");
    wire::write16(frame.l4() + 4, static_cast<std::uint16_t>(length));
    wire::write16(frame.l4() + 6, 0);
    EXPECT_EQ(net.answer(frame).action, Action::Ignore) << length;
  }
  EXPECT_EQ(net.counters.get(Counter::Malformed), 4U);
}

TEST(ProbeKinds, TimestampRequestsGetTheTimeOfDay) {
  Network net{udp_options(0, 0)};
  TestFrame frame = timestamp_request({.to = kHost}, 0xcafe0001);
  ASSERT_EQ(net.answer(frame, std::chrono::hours{25}).action, Action::Reply);
  EXPECT_TRUE(is_sound_reply(frame));
  EXPECT_EQ(frame.length, 14U + 20 + 20);
  EXPECT_EQ(wire::read16(frame.l4()), 0x0e00);
  EXPECT_EQ(wire::read32(frame.l4() + 4), 0x12345678U);
  EXPECT_EQ(wire::read32(frame.l4() + 8), 0xcafe0001U);
  EXPECT_EQ(wire::read32(frame.l4() + 12), 3'600'000U);
  EXPECT_EQ(wire::read32(frame.l4() + 16), 3'600'000U);
}

TEST(ProbeKinds, UdpPortsAreDrawnApartFromTcpPorts) {
  PopulationOptions options;
  options.live = 1;
  options.open = {{161, 161, 0.5}};
  options.udp_open = {{161, 161, 0.5}};
  const Population population = Population::make(options).value();
  int both = 0;
  int udp = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const Host host = population.host(Ipv4Address{0xc6120100 + i});
    const bool is_open = population.udp_port(host, 161) == PortAnswer::Open;
    udp += is_open ? 1 : 0;
    both += is_open && population.port(host, 161) == PortAnswer::Open ? 1 : 0;
  }
  EXPECT_NEAR(udp, 10'000, 250);
  EXPECT_NEAR(both, 5'000, 250);
}

}  // namespace
}  // namespace trawl::simnet
