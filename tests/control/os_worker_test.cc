#include "control/os/os_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/os/os_reset.h"
#include "dataplane/wire.h"
#include "service/nsock/loop.h"

namespace trawl::control {
namespace {

namespace wire = dataplane::wire;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Bytes = std::vector<std::byte>;

constexpr std::uint16_t kFirstPort = 65000;
constexpr std::uint16_t kOpenPort = 80;
constexpr std::uint32_t kOurs = 0xc6120001;   // 198.18.0.1
constexpr std::uint32_t kHosts = 0xc6120100;  // 198.18.1.0 and up.

// Whoever answers at all is a match; windows tell them apart.
constexpr const char* kDatabase =
    "MatchPoints\nOPS(O1=20)\nWIN(W1=50%W2=10)\nT5(R=100)\nU1(R=50)\nIE(R=50)\n\n"
    "Fingerprint Acme RTOS 1\nClass Acme | RTOS | 1.X | router\nCPE cpe:/o:acme:rtos:1\n"
    "WIN(W1=4000%W2=4000)\nT5(R=Y)\nU1(R=Y)\nIE(R=Y)\n\n"
    "Fingerprint Acme RTOS 2\nClass Acme | RTOS | 2.X | router\n"
    "WIN(W1=8000%W2=8000)\nT5(R=Y)\nU1(R=Y)\nIE(R=Y)\n";

void finish(Bytes& packet) {
  std::byte* const ip = packet.data();
  wire::write8(ip, 0x45);
  wire::write16(ip + wire::kIpLength, static_cast<std::uint16_t>(packet.size()));
  wire::write8(ip + wire::kIpTtl, 64);
  wire::store(ip + wire::kIpChecksum, wire::ChecksumPart::over(ip, wire::kIpSize).finish());
}

// Both ends of a packet the other way round.
Bytes reversed(const Bytes& packet, std::uint8_t protocol, std::size_t size) {
  Bytes answer(wire::kIpSize + size);
  std::byte* const ip = answer.data();
  wire::write8(ip + wire::kIpProtocol, protocol);
  wire::write32(ip + wire::kIpSource, wire::read32(packet.data() + wire::kIpDestination));
  wire::write32(ip + wire::kIpDestination, wire::read32(packet.data() + wire::kIpSource));
  return answer;
}

// The polling cores and the hosts behind them: what is due is taken and answered.
class Network {
 public:
  explicit Network(OsPackets packets) : packets_{std::move(packets)} {}

  void step() {
    dataplane::RawPacket one;
    while (packets_.exchange->outgoing().take({&one, 1}) == 1) {
      waiting_.emplace(one.not_before + delay(one.tag),
                       std::pair{Bytes{one.bytes.begin(), one.bytes.begin() + one.size}, one.tag});
    }
    while (!waiting_.empty() && waiting_.begin()->first <= TscClock::now()) {
      const auto [packet, tag] = waiting_.begin()->second;
      waiting_.erase(waiting_.begin());
      if (tag != 0) (void)packets_.exchange->departed(tag, is_blocked ? 0 : TscClock::now());
      const bool is_lost = (tag & 0xffU) == 3 && lost_seqs > 0;
      if (is_lost) --lost_seqs;
      if (!is_blocked && !is_lost) answer(packet);
    }
  }

  bool is_silent = false;
  bool has_firewall = false;  // Only the open port answers.
  bool is_blocked = false;
  unsigned late_seqs = 0;  // So many third SEQ probes leave 20 ms after their time...
  unsigned lost_seqs = 0;  // ...and so many are lost.
  std::set<std::uint32_t> asked;
  std::size_t resets = 0;

 private:
  Ticks delay(std::uint64_t tag) {
    if ((tag & 0xffU) != 3 || late_seqs == 0) return 0;
    --late_seqs;
    return packets_.clock.ticks_in(std::chrono::milliseconds{20});
  }
  void answer(const Bytes& packet) {
    const std::uint32_t host = wire::read32(packet.data() + wire::kIpDestination);
    asked.insert(host);
    if (is_silent) return;
    switch (wire::read8(packet.data() + wire::kIpProtocol)) {
      case wire::kProtocolTcp: return answer_segment(packet, host);
      case wire::kProtocolUdp: return answer_datagram(packet);
      default: return answer_echo(packet);
    }
  }
  void answer_segment(const Bytes& packet, std::uint32_t host) {
    const std::byte* const from = packet.data() + wire::kIpSize;
    const std::uint8_t flags = wire::read8(from + wire::kTcpFlags);
    if ((flags & wire::kRst) != 0) {
      ++resets;
      return;
    }
    const bool is_open = wire::read16(from + wire::kTcpDestinationPort) == kOpenPort;
    if (!is_open && has_firewall) return;
    if (is_open && (flags & wire::kSyn) == 0) return;
    Bytes answer = reversed(packet, wire::kProtocolTcp, wire::kTcpSize);
    std::byte* const tcp = answer.data() + wire::kIpSize;
    wire::write16(tcp, wire::read16(from + 2));
    wire::write16(tcp + 2, wire::read16(from));
    wire::write32(tcp + wire::kTcpSequence, 1000);
    wire::write32(tcp + wire::kTcpAck, wire::read32(from + wire::kTcpSequence) + 1);
    wire::write8(tcp + wire::kTcpOffset, 0x50);
    wire::write8(tcp + wire::kTcpFlags,
                 is_open ? wire::kSyn | wire::kAck : wire::kRst | wire::kAck);
    wire::write16(tcp + wire::kTcpWindow, host % 2 == 0 ? 0x4000 : 0x8000);
    send(answer);
  }
  void answer_datagram(const Bytes& packet) {
    if (has_firewall) return;
    Bytes answer = reversed(packet, wire::kProtocolIcmp, 8 + packet.size());
    std::byte* const icmp = answer.data() + wire::kIpSize;
    wire::write8(icmp, 3);
    wire::write8(icmp + 1, 3);
    std::copy(packet.begin(), packet.end(), icmp + 8);
    send(answer);
  }
  void answer_echo(const Bytes& packet) {
    Bytes answer = packet;
    const Bytes ends = reversed(packet, wire::kProtocolIcmp, packet.size() - wire::kIpSize);
    std::copy_n(ends.begin() + wire::kIpSource, 8, answer.begin() + wire::kIpSource);
    wire::write8(answer.data() + wire::kIpSize, 0);
    send(answer);
  }
  void send(Bytes& packet) {
    finish(packet);
    Bytes frame(wire::kEthernetSize);
    wire::write16(frame.data() + wire::kEthernetType, wire::kTypeIpv4);
    frame.insert(frame.end(), packet.begin(), packet.end());
    if (packets_.exchange->wants(frame)) {
      EXPECT_TRUE(packets_.exchange->pass(frame, TscClock::now()));
    }
  }

  OsPackets packets_;
  std::multimap<Ticks, std::pair<Bytes, std::uint64_t>> waiting_;
};

// Answers each port at once, by its number.
class Echo final : public ServiceWorker {
 public:
  explicit Echo(Hooks hooks) : hooks_{std::move(hooks)} {}
  void add(service::ServicePort port) override {
    service::ServiceFinding finding;
    finding.name = std::to_string(port.port);
    hooks_.done(port, std::move(finding));
  }
  void drop(const IpAddress& /*host*/) override {}

 private:
  Hooks hooks_;
};

class OsWorkerTest : public testing::Test {
 protected:
  struct Answer {
    service::ServicePort port;
    service::ServiceFinding finding;
  };

  OsWorkerTest() {
    packets_ = *OsPackets::open(kFirstPort);
    packets_.exchange->bind(Ipv4Address{kOurs}, {});
    network_ = std::make_unique<Network>(packets_);
    loop_ = std::move(*service::Loop::open({}));
  }
  void begin(OsWorkerSettings settings, const ServiceThread::Make& inner = {}) {
    settings.patience = std::chrono::milliseconds{60};
    settings.least_patience = std::chrono::milliseconds{30};
    const auto scorer = std::make_shared<const osfp::OsScorer>(
        std::make_shared<const osfp::OsDatabase>(osfp::parse_os_database(kDatabase, "test")));
    const auto make = os_workers(packets_, scorer, settings, inner);
    worker_ = std::move(*make(
        *loop_, {.done =
                     [this](const service::ServicePort& port, service::ServiceFinding&& found) {
                       answers_.push_back({port, std::move(found)});
                     },
                 .trace = [](std::string_view) {},
                 .warn = [](std::string_view) {}}));
  }
  void add(std::uint32_t host, std::uint16_t port = kOpenPort) {
    worker_->add({.host = Ipv4Address{kHosts + host}, .port = port, .tag = next_tag_++});
  }
  void run_until(std::size_t answers) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (answers_.size() < answers && std::chrono::steady_clock::now() < end) turn();
    ASSERT_EQ(answers_.size(), answers);
  }
  void turn() {
    worker_->turn();
    network_->step();
    (void)loop_->turn(std::chrono::microseconds{500});
  }
  [[nodiscard]] std::vector<const Answer*> with_host() const {
    std::vector<const Answer*> found;
    for (const Answer& answer : answers_) {
      if (answer.finding.host) found.push_back(&answer);
    }
    return found;
  }

  OsPackets packets_;
  std::unique_ptr<service::Loop> loop_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<ServiceWorker> worker_;
  std::vector<Answer> answers_;
  std::uint64_t next_tag_ = 1;
};

TEST_F(OsWorkerTest, EachHostIsToldWhatFitsIt) {
  begin({});
  for (std::uint32_t host = 0; host < 8; ++host) add(host);
  run_until(8);
  for (const Answer& answer : answers_) {
    ASSERT_TRUE(answer.finding.host);
    const ServiceFact& fact = *answer.finding.host;
    EXPECT_EQ(fact.ip, answer.port.host);
    EXPECT_EQ(fact.source, ServiceFact::Source::Os);
    EXPECT_THAT(fact.trouble, IsEmpty());
    const bool is_first = answer.port.host.v4().value() % 2 == 0;
    EXPECT_EQ(fact.os, is_first ? "Acme RTOS 1" : "Acme RTOS 2") << fact.fingerprint;
    ASSERT_EQ(fact.systems.size(), 1U);
    EXPECT_EQ(fact.systems[0].accuracy, 100U);
    EXPECT_EQ(fact.device, "router");
    if (is_first) {
      EXPECT_THAT(fact.cpes, ElementsAre("cpe:/o:acme:rtos:1"));
    }
    EXPECT_THAT(fact.evidence, HasSubstr("open port 80, closed port 3"));
    EXPECT_THAT(fact.fingerprint, HasSubstr("U1(R=Y"));
  }
  EXPECT_EQ(network_->resets, 0U);
}

TEST_F(OsWorkerTest, AHostIsAskedOnceWhateverIsOpenOnIt) {
  begin({});
  add(1);
  add(1, 443);
  run_until(2);
  add(1, 8080);
  run_until(3);
  EXPECT_EQ(with_host().size(), 1U);
  EXPECT_EQ(with_host()[0]->port.port, kOpenPort);
}

TEST_F(OsWorkerTest, HostsBeyondTheMostWaitForOthers) {
  begin({.most_hosts = 2, .most_rounds = 1});
  for (std::uint32_t host = 0; host < 5; ++host) add(host);
  run_until(2);
  EXPECT_LE(network_->asked.size(), 4U);  // Those two, and who came in their place.
  run_until(5);
  EXPECT_EQ(with_host().size(), 5U);
}

TEST_F(OsWorkerTest, HandshakesAreResetWhereThatIsAsked) {
  begin({.resets = true});
  add(2);
  run_until(1);
  turn();
  EXPECT_GE(network_->resets, 6U);
}

TEST_F(OsWorkerTest, AHostBehindAFirewallIsAskedWhatItAnswers) {
  network_->has_firewall = true;
  begin({.most_rounds = 1});
  add(2);
  run_until(1);
  const ServiceFact& fact = *answers_[0].finding.host;
  EXPECT_THAT(fact.trouble, IsEmpty());
  EXPECT_THAT(fact.evidence, HasSubstr("no closed port known"));
  EXPECT_THAT(fact.fingerprint, HasSubstr("WIN(W1=4000"));
  EXPECT_THAT(fact.fingerprint, testing::Not(HasSubstr("T5(")));  // Silence there tells nothing.
}

TEST_F(OsWorkerTest, AHostThatWasToldBeforeIsNotAskedAgain) {
  const auto told = std::make_shared<std::vector<std::uint32_t>>();
  begin({.told_before = told});
  *told = {kHosts + 1, kHosts + 3};
  add(1);
  add(3, 443);
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_THAT(with_host(), IsEmpty());
  add(2);
  run_until(3);
  EXPECT_EQ(with_host().size(), 1U);
  EXPECT_EQ(network_->asked, std::set{kHosts + 2});
}

TEST(OsWorkerSettings, SoManyHostsAreAskedAtOnceAsKeepTheRate) {
  const auto at = [](PacketsPerSecond most) {
    OsWorkerSettings settings;
    settings.keep_rate(most);
    return settings;
  };
  EXPECT_EQ(at(PacketsPerSecond::unlimited()).most_hosts, 256U);
  EXPECT_EQ(at(PacketsPerSecond{1e6}).most_hosts, 256U);
  EXPECT_EQ(at(PacketsPerSecond{1000}).most_hosts, 25U);
  EXPECT_EQ(at(PacketsPerSecond{5}).most_hosts, 1U);
  EXPECT_EQ(at(PacketsPerSecond{5}).least_spacing, std::chrono::milliseconds{200});
}

TEST_F(OsWorkerTest, ASilentHostIsTrouble) {
  network_->is_silent = true;
  begin({.most_rounds = 1});
  add(2);
  run_until(1);
  EXPECT_THAT(answers_[0].finding.host->trouble, HasSubstr("answered none"));
  EXPECT_THAT(answers_[0].finding.host->systems, IsEmpty());
}

TEST_F(OsWorkerTest, PacketsThatAreStoppedAreTold) {
  network_->is_blocked = true;
  begin({.most_rounds = 1});
  add(2);
  run_until(1);
  EXPECT_THAT(answers_[0].finding.host->trouble, HasSubstr("was stopped"));
}

TEST_F(OsWorkerTest, ARoundThatLeftLateIsDoneAgain) {
  network_->late_seqs = 1;
  begin({});
  add(2);
  run_until(1);
  EXPECT_THAT(answers_[0].finding.host->evidence, testing::Not(HasSubstr("of their time")));
}

TEST_F(OsWorkerTest, ALostProbeIsNotALateOne) {
  network_->lost_seqs = 100;  // One in each round, whatever else makes it late.
  begin({.most_rounds = 1});
  add(2);
  run_until(1);
  EXPECT_THAT(answers_[0].finding.host->evidence, testing::Not(HasSubstr("of their time")));
}

TEST_F(OsWorkerTest, RoundsThatAreLateEachTimeAreTold) {
  network_->late_seqs = 100;
  begin({});
  add(2);
  run_until(1);
  EXPECT_THAT(answers_[0].finding.host->evidence, HasSubstr("of their time"));
}

TEST_F(OsWorkerTest, PortsAreAnsweredWithBothWhereBothAreAsked) {
  begin({},
        [](service::Loop&, ServiceWorker::Hooks hooks) -> Result<std::unique_ptr<ServiceWorker>> {
          return std::make_unique<Echo>(std::move(hooks));
        });
  add(2);
  add(2, 443);
  EXPECT_THAT(answers_, IsEmpty());
  run_until(2);
  EXPECT_EQ(with_host().size(), 1U);
  EXPECT_EQ(answers_[0].finding.name, "80");
  EXPECT_EQ(answers_[1].finding.name, "443");
}

TEST_F(OsWorkerTest, ADroppedHostGetsNoMorePackets) {
  begin({});
  add(2);
  turn();
  worker_->drop(Ipv4Address{kHosts + 2});
  // What was on its way to the wire.
  const Ticks on_its_way = packets_.clock.ticks_in(std::chrono::milliseconds{50});
  for (const Ticks end = TscClock::now() + on_its_way; TscClock::now() < end;) turn();
  network_->asked.clear();
  for (int i = 0; i < 100; ++i) turn();
  EXPECT_THAT(network_->asked, IsEmpty());
  EXPECT_THAT(answers_, IsEmpty());
  add(3);
  run_until(1);
}

TEST_F(OsWorkerTest, WhatCannotBeAskedIsAnsweredAtOnce) {
  begin({});
  worker_->add({.host = *IpAddress::parse("2001:db8::1"), .port = 80, .tag = 50});
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_FALSE(answers_[0].finding.host);
}

TEST(OsReset, IsWrittenForSynAcksAlone) {
  Bytes syn_ack(40);
  wire::write8(syn_ack.data() + wire::kIpProtocol, wire::kProtocolTcp);
  wire::write32(syn_ack.data() + wire::kIpSource, kHosts);
  wire::write32(syn_ack.data() + wire::kIpDestination, kOurs);
  finish(syn_ack);
  std::byte* const tcp = syn_ack.data() + wire::kIpSize;
  wire::write16(tcp, 80);
  wire::write16(tcp + 2, kFirstPort);
  wire::write32(tcp + wire::kTcpAck, 77);
  std::array<std::byte, kResetSize> reset{};
  EXPECT_FALSE(write_reset(syn_ack, 64, reset));
  wire::write8(tcp + wire::kTcpFlags, wire::kSyn | wire::kAck);
  ASSERT_TRUE(write_reset(syn_ack, 64, reset));
  EXPECT_EQ(wire::read32(reset.data() + wire::kIpDestination), kHosts);
  EXPECT_EQ(wire::read16(reset.data() + wire::kIpSize), kFirstPort);
  EXPECT_EQ(wire::read32(reset.data() + wire::kIpSize + wire::kTcpSequence), 77U);
  EXPECT_EQ(wire::ChecksumPart::over(reset.data(), wire::kIpSize).finish(), 0U);
  for (std::size_t size = 0; size < syn_ack.size(); ++size) {
    EXPECT_FALSE(write_reset(std::span{syn_ack}.first(size), 64, reset));
  }
}

}  // namespace
}  // namespace trawl::control
