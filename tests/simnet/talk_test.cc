#include "bench/simnet/talk.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/simnet/population.h"
#include "bench/simnet/talk_truth.h"
#include "bench/simnet/truth.h"

namespace trawl::simnet {
namespace {

constexpr std::uint32_t kFirst = 0xc6120100;  // 198.18.1.0
constexpr std::uint32_t kAddresses = 20'000;

PopulationOptions everything_open() {
  PopulationOptions options;
  options.live = 1;
  options.open = {{1, 65535, 1}};
  return options;
}

std::array<double, kTalks> shares(const Population& population, std::uint16_t port) {
  std::array<double, kTalks> found{};
  for (std::uint32_t i = 0; i < kAddresses; ++i) {
    const Host host = population.host(Ipv4Address{kFirst + i});
    found[static_cast<std::size_t>(population.talk(host, port))] += 1.0 / kAddresses;
  }
  return found;
}

std::string written_truth(const Population& population, TruthFormat format) {
  const std::vector<std::uint16_t> ports{80};
  TruthRequest request;
  request.ports = ports;
  request.format = format;
  std::FILE* const file = std::tmpfile();
  EXPECT_TRUE(write_truth(population, request, file));
  std::rewind(file);
  std::string text(1U << 16U, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

TEST(Talk, SharesAreThoseAskedForAndTheRestIsSilent) {
  PopulationOptions options = everything_open();
  ASSERT_TRUE(set_talk(options.talk, "ssh=0.2,http=30%,tarpit=0.1"));
  const auto found = shares(Population::make(options).value(), 8123);
  EXPECT_NEAR(found[static_cast<std::size_t>(Talk::Ssh)], 0.2, 0.015);
  EXPECT_NEAR(found[static_cast<std::size_t>(Talk::Http)], 0.3, 0.015);
  EXPECT_NEAR(found[static_cast<std::size_t>(Talk::Tarpit)], 0.1, 0.015);
  EXPECT_NEAR(found[static_cast<std::size_t>(Talk::Silent)], 0.4, 0.015);
}

TEST(Talk, PortsHaveTheirServiceAndFakesStayAsFrequent) {
  PopulationOptions options = everything_open();
  ASSERT_TRUE(set_talk(options.talk, "ssh=0.5,reset=0.2"));
  ASSERT_TRUE(add_talk_ports(options.talk, "8000-8010=http:0.9,8005=tls"));
  const Population population = Population::make(options).value();
  const auto bound = shares(population, 8010);
  EXPECT_NEAR(bound[static_cast<std::size_t>(Talk::Http)], 0.45, 0.015);
  EXPECT_NEAR(bound[static_cast<std::size_t>(Talk::Ssh)], 0.05, 0.015);
  EXPECT_NEAR(bound[static_cast<std::size_t>(Talk::Reset)], 0.2, 0.015);
  EXPECT_NEAR(shares(population, 8005)[static_cast<std::size_t>(Talk::Tls)], 0.5, 0.015);
  EXPECT_EQ(shares(population, 8011)[static_cast<std::size_t>(Talk::Http)], 0);
}

TEST(Talk, MiddleboxesStandBeforeWholeNetworks) {
  PopulationOptions options;
  options.live = 0;
  options.unreachable = 0;
  options.talk.middlebox = 0.1;
  const Population population = Population::make(options).value();
  unsigned networks = 0;
  for (std::uint32_t network = 0; network < 500; ++network) {
    unsigned open = 0;
    for (std::uint32_t i = 0; i < 256; i += 5) {
      const Host host = population.host(Ipv4Address{kFirst + 256 * network + i});
      if (host.presence != Presence::Live) continue;
      EXPECT_EQ(population.port(host, static_cast<std::uint16_t>(1 + i * 200)), PortAnswer::Open);
      ++open;
    }
    EXPECT_TRUE(open == 0 || open == 52) << network;
    if (open > 0) ++networks;
  }
  EXPECT_NEAR(networks, 50, 20);
}

TEST(Talk, ServersOfAKindDifferAndEachIsAlwaysTheSame) {
  PopulationOptions options = everything_open();
  ASSERT_TRUE(set_talk(options.talk, "http=1"));
  const Population population = Population::make(options).value();
  const Host one = population.host(Ipv4Address{kFirst});
  EXPECT_EQ(banner(population, one, 80), banner(population, one, 80));
  EXPECT_NE(banner(population, one, 80), banner(population, one, 81));
  EXPECT_NE(banner(population, one, 80),
            banner(population, population.host(Ipv4Address{kFirst + 1}), 80));
}

TEST(Talk, TruthTellsWhatAScannerShouldHear) {
  PopulationOptions options = everything_open();
  options.prefixes = {*Ipv4Prefix::parse("198.18.1.0/32")};
  options.unreachable = 0;
  ASSERT_TRUE(set_talk(options.talk, "smtp=1"));
  const Population population = Population::make(options).value();
  const PortTruth truth = port_truth(population, population.host(Ipv4Address{kFirst}), 80);
  EXPECT_EQ(truth.banner_hex.substr(0, 8), "32323020");  // "220 "
  EXPECT_EQ(truth.banner_hex.size(), 2U * truth.banner_bytes);
  EXPECT_EQ(truth.banner_sha256.size(), 64U);
  EXPECT_EQ(written_truth(population, TruthFormat::Jsonl),
            R"({"ip":"198.18.1.0","port":80,"state":"open","talk":"smtp","class":"service",)"
            R"("banner_bytes":)" +
                std::to_string(truth.banner_bytes) + R"(,"banner_sha256":")" + truth.banner_sha256 +
                R"(","banner_hex":")" + truth.banner_hex + "\"}\n");
  ASSERT_TRUE(set_talk(options.talk, "zero-window=1"));
  const Population fakes = Population::make(options).value();
  EXPECT_EQ(written_truth(fakes, TruthFormat::Jsonl),
            R"({"ip":"198.18.1.0","port":80,"state":"open","talk":"zero-window",)"
            R"("class":"zero-window"})"
            "\n");
  EXPECT_EQ(written_truth(fakes, TruthFormat::Csv),
            "ip,port,state,talk,class,banner_bytes,banner_sha256\n"
            "198.18.1.0,80,open,zero-window,zero-window,0,\n");
  options.talk = {};
  EXPECT_EQ(written_truth(Population::make(options).value(), TruthFormat::Csv),
            "ip,port,state\n198.18.1.0,80,open\n");
}

TEST(Talk, BadOptionsSayWhatWouldDo) {
  TalkOptions options;
  const auto message = [](const Result<void>& result) {
    return result ? std::string{} : result.error().message;
  };
  EXPECT_EQ(message(set_talk(options, "ssh=0.8,http=0.3")),
            "the shares add up to 1.1, more than 1");
  EXPECT_NE(message(set_talk(options, "middlebox=1")).find("with a kind out of ssh"),
            std::string::npos);
  EXPECT_NE(message(add_talk_ports(options, "80=reset")).find("with one of ssh"),
            std::string::npos);
  EXPECT_FALSE(set_talk_limit(options, "0"));
  EXPECT_FALSE(options.is_on());
  ASSERT_TRUE(add_talk_ports(options, "80=http"));
  PopulationOptions population;
  population.talk = options;
  EXPECT_EQ(Population::make(population).error().message, "--talk-ports needs --talk");
}

}  // namespace
}  // namespace trawl::simnet
