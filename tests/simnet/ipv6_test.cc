// The simulated IPv6 hosts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "bench/simnet/frame6.h"
#include "bench/simnet/responder.h"
#include "bench/simnet/truth.h"
#include "tests/simnet/frames6.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;

const Ipv6Address kRouter6 = *Ipv6Address::parse("2001:db8::2");
const Ipv6Prefix kPrefix = *Ipv6Prefix::parse("2001:db8::/32");

TestFrame solicit(Ipv6Address target) {
  std::vector<std::byte> icmp(32);
  icmp[0] = std::byte{135};
  put(icmp.data() + 8, target);
  icmp[24] = std::byte{1};
  icmp[25] = std::byte{1};
  wire::write_mac(icmp.data() + 26, kScannerMac);
  return frame6(*Ipv6Address::parse("ff02::1:ff00:2"), 58, icmp, 2, 0x3333ff000002, 255);
}

TestFrame syn6(Ipv6Address to, std::uint16_t port, std::uint8_t flags = wire::kSyn) {
  std::vector<std::byte> tcp(20);
  wire::write16(tcp.data(), 40000);
  wire::write16(tcp.data() + 2, port);
  wire::write32(tcp.data() + 4, 0x01020304);
  wire::write32(tcp.data() + 8, 0xdeadbeef);
  wire::write8(tcp.data() + 12, 0x50);
  wire::write8(tcp.data() + 13, flags);
  return frame6(to, 6, tcp, 16);
}

TestFrame echo6(Ipv6Address to) {
  std::vector<std::byte> icmp(24, std::byte{0x5a});
  icmp[0] = std::byte{128};
  icmp[1] = icmp[2] = icmp[3] = std::byte{0};
  return frame6(to, 58, icmp, 2);
}

struct Network {
  Network() : Network{options()} {}
  explicit Network(const PopulationOptions& options)
      : population{Population::make(options).value()},
        responder{
            Responder::make(population, MacAddress::from_integer(kRouterMac), counters).value()} {}
  static PopulationOptions options() {
    PopulationOptions options;
    options.prefix6 = kPrefix;
    options.live6 = 500;
    options.open = {{80, 80, 0.5}};
    return options;
  }
  Answer answer(TestFrame& frame) {
    const Answer answer = responder.answer(frame.buffer(), frame.length, 1s);
    if (answer.action == Action::Reply) frame.length = answer.length;
    return answer;
  }

  Counters counters;
  Population population;
  Responder responder;
};

TEST(Ipv6, HostsAreAsManyAsAskedInThePrefixAndTheSameForASeed) {
  const Network one;
  const Network two;
  PopulationOptions other = Network::options();
  other.seed = 2;
  const Network elsewhere{other};
  const auto addresses = one.population.ipv6_hosts().addresses();
  EXPECT_EQ(addresses.size(), 500U);
  EXPECT_TRUE(std::is_sorted(addresses.begin(), addresses.end()));
  for (const Ipv6Address address : addresses) {
    EXPECT_TRUE(kPrefix.contains(address));
    EXPECT_TRUE(two.population.ipv6_hosts().is_live(address));
    EXPECT_FALSE(elsewhere.population.ipv6_hosts().is_live(address));
    EXPECT_FALSE(one.population.ipv6_hosts().is_live(Ipv6Address{address.value() ^ 0x8000}));
  }
}

TEST(Ipv6, SolicitationsForHostsAndTheRouterAreAnswered) {
  Network net;
  const Ipv6Address host = net.population.ipv6_hosts().addresses()[7];
  for (const auto& [target, mac, flags] :
       {std::tuple{host, host_mac6(host), 0x60U}, std::tuple{kRouter6, kRouterMac, 0xe0U}}) {
    TestFrame frame = solicit(target);
    ASSERT_EQ(net.answer(frame).action, Action::Reply);
    EXPECT_TRUE(is_sound6(frame));
    EXPECT_EQ(wire::read_mac(frame.bytes.data()), kScannerMac);
    EXPECT_EQ(get(frame.ip() + 8), target);
    EXPECT_EQ(get(frame.ip() + 24), kScanner6);
    EXPECT_EQ(wire::read8(frame.ip() + 7), 255);
    EXPECT_EQ(wire::read16(frame.ip() + 40), 0x8800);
    EXPECT_EQ(wire::read8(frame.ip() + 44), flags);
    EXPECT_EQ(get(frame.ip() + 48), target);
    EXPECT_EQ(wire::read16(frame.ip() + 64), 0x0201);
    EXPECT_EQ(wire::read_mac(frame.ip() + 66), mac);
  }
  TestFrame nobody = solicit(Ipv6Address{kPrefix.first().value() + 3});
  EXPECT_EQ(net.answer(nobody).action, Action::Ignore);
  EXPECT_EQ(net.counters.get(Counter::NeighbourIgnored), 1U);
}

TEST(Ipv6, EchoAndTcpAreAnswered) {
  Network net;
  int open = 0;
  for (const Ipv6Address host : net.population.ipv6_hosts().addresses().first(100)) {
    TestFrame echo = echo6(host);
    const TestFrame request = echo;
    ASSERT_EQ(net.answer(echo).action, Action::Reply);
    ASSERT_TRUE(is_sound6(echo));
    EXPECT_EQ(wire::read16(echo.ip() + 40), 0x8100);
    EXPECT_TRUE(std::equal(request.bytes.begin() + 58, request.bytes.begin() + 78,
                           echo.bytes.begin() + 58));
    TestFrame syn = syn6(host, 80);
    if (net.answer(syn).action != Action::Reply) continue;
    ASSERT_TRUE(is_sound6(syn));
    EXPECT_EQ(get(syn.ip() + 8), host);
    EXPECT_EQ(wire::read16(syn.ip() + 40), 80);
    EXPECT_EQ(wire::read32(syn.ip() + 48), 0x01020305U);
    open += wire::read8(syn.ip() + 53) == (wire::kSyn | wire::kAck) ? 1 : 0;
    TestFrame ack = syn6(host, 80, wire::kAck);
    ASSERT_EQ(net.answer(ack).action, Action::Reply);
    EXPECT_TRUE(is_sound6(ack));
    EXPECT_EQ(wire::read8(ack.ip() + 53), wire::kRst);
    EXPECT_EQ(wire::read32(ack.ip() + 44), 0xdeadbeefU);
  }
  EXPECT_NEAR(open, 50, 15);
}

TEST(Ipv6, CutOffAndCorruptedFramesAreNeverAnswered) {
  Network net;
  const Ipv6Address host = net.population.ipv6_hosts().addresses()[3];
  for (const TestFrame& good : {echo6(host), syn6(host, 80), solicit(host)}) {
    for (std::size_t length = 0; length < good.length; ++length) {
      TestFrame cut = good;
      cut.length = length;
      EXPECT_EQ(net.answer(cut).action, Action::Ignore) << length;
    }
    for (std::size_t at = 14 + 40; at < good.length; ++at) {
      TestFrame corrupt = good;
      corrupt.bytes[at] ^= std::byte{0x10};
      EXPECT_EQ(net.answer(corrupt).action, Action::Ignore) << at;
    }
  }
}

TEST(Ipv6, WithoutAPrefixThereIsNobody) {
  Network net{PopulationOptions{}};
  TestFrame frame = solicit(kRouter6);
  EXPECT_EQ(net.answer(frame).action, Action::Ignore);
  EXPECT_EQ(net.counters.get(Counter::OtherEthertype), 1U);
}

TEST(Ipv6, TheTruthListsWhatIsAnswered) {
  PopulationOptions options = Network::options();
  options.live = 0;
  options.unreachable = 0;
  options.gateways = {};
  options.prefixes = {*Ipv4Prefix::parse("198.18.0.0/31")};
  Network net{options};
  std::string expected = "ip,port,state\n";
  for (const Ipv6Address host : net.population.ipv6_hosts().addresses()) {
    TestFrame frame = syn6(host, 80);
    if (net.answer(frame).action != Action::Reply) continue;
    if (wire::read8(frame.ip() + 53) != (wire::kSyn | wire::kAck)) continue;
    expected.append(host.to_string()).append(",80,open\n");
  }
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const stream = open_memstream(&text, &size);
  const std::vector<std::uint16_t> ports{80};
  TruthRequest request;
  request.ports = ports;
  request.format = TruthFormat::Csv;
  EXPECT_TRUE(write_truth(net.population, request, stream).has_value());
  std::fclose(stream);
  EXPECT_EQ(std::string(text, size), expected);
  std::free(text);
}

}  // namespace
}  // namespace trawl::simnet
