#include "control/banners/banner_intake.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace trawl::control {
namespace {

using dataplane::Banner;
using dataplane::BannerEnd;

constexpr const char* kProbes =
    "Exclude T:900\n"
    "Probe TCP NULL q||\n"
    "match ssh m|^SSH-2\\.0-(\\S+)| p/$1/ cpe:/a:openbsd:openssh/\n"
    "Probe TCP GetRequest q|GET / HTTP/1.0\\r\\n\\r\\n|\n"
    "ports 80\n"
    "match http m|^HTTP/1\\.[01] 200|\n";

std::shared_ptr<const BannerRecogniser> recogniser(std::size_t remembered = 1U << 20U) {
  const auto file =
      std::make_shared<const service::ProbeFile>(service::parse_probe_file(kProbes, "test"));
  auto engine = service::MatchEngine::open(file, {});
  return std::make_shared<const BannerRecogniser>(
      std::shared_ptr<const service::MatchEngine>{std::move(*engine)}, file,
      make_questions(*file, ByteCount{1024}), remembered);
}

class KeptFacts final : public ResultSink {
 public:
  [[nodiscard]] Result<void> write(std::span<const Verdict>) override { return {}; }
  [[nodiscard]] Result<void> write_facts(std::span<const ServiceFact> facts) override {
    if (fails) return fail(ExitCode::Output, "the disk is full");
    for (const ServiceFact& fact : facts) by_port.emplace(fact.port, fact);
    return {};
  }
  [[nodiscard]] Result<void> flush() override { return {}; }
  [[nodiscard]] Result<void> close() override { return {}; }

  bool fails = false;
  std::multimap<std::uint16_t, ServiceFact> by_port;
};

// Ports 1 to 999 of one address are targets; what polling cores would have brought waits here.
class BannerIntakeTest : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kPorts = 1000;
  const IpAddress ip_ = Ipv4Address{0xc6120001U};

  void say(std::uint16_t port, std::string_view bytes, PortClass port_class = PortClass::Service,
           std::uint8_t payload = 0, BannerEnd end = BannerEnd::Idle) {
    auto memory = std::make_unique<std::byte[]>(sizeof(Banner) + bytes.size());
    auto* const banner = new (memory.get()) Banner{};
    banner->ip = ip_;
    banner->port = port;
    banner->port_class = port_class;
    banner->payload = payload;
    banner->end = end;
    banner->length = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(memory.get() + sizeof(Banner), bytes.data(), bytes.size());
    out_.insert(banner);
    waiting_.push_back(banner);
    memory_.push_back(std::move(memory));
    if (port < kPorts) (void)census_.found(port, ip_, port, {});
  }
  std::unique_ptr<BannerIntake> intake() {
    return std::make_unique<BannerIntake>(
        recogniser(), 2U,
        BannerIntake::Parts{
            .take =
                [this](std::span<Banner*> into) {
                  std::size_t count = 0;
                  for (; count < into.size() && !waiting_.empty(); ++count) {
                    into[count] = waiting_.front();
                    waiting_.pop_front();
                  }
                  return count;
                },
            .give_back =
                [this](std::span<Banner* const> banners) {
                  for (Banner* const banner : banners) EXPECT_EQ(out_.erase(banner), 1U);
                },
            .clock = TscClock::calibrate(),
            .index_of = [](const IpAddress&, std::uint16_t port) -> std::optional<std::uint64_t> {
              if (port >= kPorts) return std::nullopt;
              return port;
            },
            .target_at =
                [this](std::uint64_t index) {
                  return std::pair{ip_, static_cast<std::uint16_t>(index)};
                },
            .sink = sink_,
            .census = census_,
            .note = [this](std::uint64_t index) -> Result<void> {
              noted_.insert(index);
              return {};
            },
            .is_blocked = [this](const IpAddress&) { return blocked_; }});
  }
  const ServiceFact& fact(std::uint16_t port) { return sink_.by_port.find(port)->second; }

  KeptFacts sink_;
  std::vector<std::uint16_t> plan_{80};
  PortCensus census_{{.targets = kPorts, .memory = ByteCount::mebibytes(1), .ports = plan_}};
  std::deque<Banner*> waiting_;
  std::set<Banner*> out_;
  std::set<std::uint64_t> noted_;
  bool blocked_ = false;
  std::vector<std::unique_ptr<std::byte[]>> memory_;
};

TEST_F(BannerIntakeTest, ToldIsWhatTheLinesOfTheQuestionSay) {
  say(22, "SSH-2.0-OpenSSH_9.2p1\r\n");
  say(80, "HTTP/1.0 200 OK\r\n\r\n", PortClass::Service, 1, BannerEnd::Full);
  say(81, "SSH-2.0-dropbear\r\n", PortClass::Service, 1);  // NULL's lines come last.
  say(82, "HTTP/1.0 200 OK\r\n\r\n");                      // Nothing was asked.
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(true));
  EXPECT_EQ(fact(22).service, "ssh");
  EXPECT_EQ(fact(22).product, "OpenSSH_9.2p1");
  EXPECT_EQ(fact(22).probe, "");
  EXPECT_EQ(fact(22).line, 3U);
  EXPECT_EQ(fact(22).cpes, std::vector<std::string>{"cpe:/a:openbsd:openssh"});
  EXPECT_EQ(fact(22).banner, "SSH-2.0-OpenSSH_9.2p1\r\n");
  EXPECT_FALSE(fact(22).is_cut);
  EXPECT_EQ(fact(80).service, "http");
  EXPECT_EQ(fact(80).probe, "GetRequest");
  EXPECT_TRUE(fact(80).is_cut);
  EXPECT_EQ(fact(81).product, "dropbear");
  EXPECT_EQ(fact(82).service, "");
  EXPECT_EQ(fact(82).port_class, PortClass::Service);
  EXPECT_EQ(intake->counts().services, 4U);
  EXPECT_EQ(intake->counts().identified, 3U);
  EXPECT_EQ(noted_, (std::set<std::uint64_t>{22, 80, 81, 82}));
  EXPECT_TRUE(out_.empty());
}

TEST_F(BannerIntakeTest, TlsIsKnownWhereverItAnswers) {
  say(80, std::string{"\x15\x03\x01\x00\x02\x02\x46", 7}, PortClass::Service, 1);
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(true));
  EXPECT_TRUE(fact(80).is_tls);
  EXPECT_EQ(fact(80).service, "ssl");
  EXPECT_EQ(intake->counts().tls, 1U);
}

TEST_F(BannerIntakeTest, PortsWithoutAWordAreToldByWhatTheyDid) {
  say(1, "", PortClass::Accepts);
  say(2, "", PortClass::Resets, 1, BannerEnd::Closed);
  say(3, "", PortClass::ZeroWindow);
  (void)census_.found(4, ip_, 4, {});
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(true));
  EXPECT_EQ(fact(1).port_class, PortClass::Accepts);
  EXPECT_NE(fact(1).evidence, "");
  EXPECT_NE(fact(2).evidence.find("closed"), std::string::npos);
  EXPECT_EQ(fact(3).port_class, PortClass::ZeroWindow);
  EXPECT_EQ(fact(4).port_class, PortClass::Middlebox);
  EXPECT_NE(fact(4).evidence.find("never acknowledged"), std::string::npos);
  EXPECT_EQ(census_.classes().count(PortClass::Middlebox), 1U);
  EXPECT_EQ(census_.classes().count(PortClass::Unknown), 0U);
  EXPECT_EQ(intake->counts().services, 0U);
}

TEST_F(BannerIntakeTest, WhoWasToldNothingIsNotCalledAMiddlebox) {
  (void)census_.found(900, ip_, 900, {});
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(true));
  EXPECT_EQ(fact(900).port_class, PortClass::Unknown);
  EXPECT_NE(fact(900).trouble, "");
  EXPECT_EQ(census_.classes().count(PortClass::Unknown), 1U);
}

TEST_F(BannerIntakeTest, WhoWasBlockedMeanwhileIsNotCalledAMiddlebox) {
  (void)census_.found(4, ip_, 4, {});
  const auto intake = this->intake();
  blocked_ = true;
  ASSERT_TRUE(intake->finish(true));
  EXPECT_EQ(fact(4).port_class, PortClass::Unknown);
  EXPECT_NE(fact(4).trouble.find("blocked"), std::string::npos);
}

TEST_F(BannerIntakeTest, ASurveyCutShortCallsNobodyAMiddlebox) {
  (void)census_.found(4, ip_, 4, {});
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(false));
  EXPECT_TRUE(sink_.by_port.empty());
  EXPECT_EQ(census_.classes().count(PortClass::Unknown), 1U);
}

TEST_F(BannerIntakeTest, WhatIsNoTargetIsCountedAndNotTold) {
  say(2000, "SSH-2.0-x\r\n");
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(true));
  EXPECT_TRUE(sink_.by_port.empty());
  EXPECT_EQ(intake->counts().outside, 1U);
}

TEST_F(BannerIntakeTest, APortIsToldOnce) {
  say(80, "SSH-2.0-first\r\n");
  say(80, "and on", PortClass::Service);
  say(80, "", PortClass::Accepts);
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(true));
  ASSERT_EQ(sink_.by_port.size(), 1U);
  EXPECT_EQ(fact(80).banner, "SSH-2.0-first\r\n");
  EXPECT_EQ(intake->counts().services, 1U);
  EXPECT_EQ(intake->counts().repeats, 2U);
  EXPECT_TRUE(out_.empty());
}

TEST_F(BannerIntakeTest, ThousandsOfEqualBannersAreLookedAtOnce) {
  for (std::uint16_t port = 1; port < kPorts; ++port) say(port, "SSH-2.0-same\r\n");
  const auto known = recogniser();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(known->recognise(0, "SSH-2.0-same\r\n")->service, "ssh");
  EXPECT_EQ(known->remembered(), 99U);
  EXPECT_EQ(known->recognise(1, "SSH-2.0-same\r\n")->service, "ssh");  // Another question.
  EXPECT_EQ(known->remembered(), 99U);
  const auto intake = this->intake();
  ASSERT_TRUE(intake->finish(true));
  EXPECT_EQ(sink_.by_port.size(), kPorts - 1U);
  EXPECT_TRUE(out_.empty());
  EXPECT_EQ(census_.classes().count(PortClass::Service), kPorts - 1U);
}

TEST_F(BannerIntakeTest, WhatIsRememberedIsBounded) {
  const auto known = recogniser(1U << 16U);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(known->recognise(0, "SSH-2.0-" + std::to_string(i) + "\r\n")->fields[0],
              std::to_string(i));
  }
  EXPECT_EQ(known->remembered(), 0U);
  EXPECT_EQ(known->recognise(0, "SSH-2.0-4999\r\n")->fields[0], "4999");
  EXPECT_EQ(known->remembered(), 1U);
  EXPECT_EQ(known->recognise(0, "SSH-2.0-0\r\n")->fields[0], "0");
  EXPECT_EQ(known->remembered(), 1U);
}

TEST_F(BannerIntakeTest, AFullDiskEndsItWithEveryBannerGivenBack) {
  for (std::uint16_t port = 1; port < kPorts; ++port) say(port, "SSH-2.0-same\r\n");
  sink_.fails = true;
  auto intake = this->intake();
  const auto finished = intake->finish(true);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ExitCode::Output);
  intake.reset();
  EXPECT_EQ(out_.size(), waiting_.size());
}

}  // namespace
}  // namespace trawl::control
