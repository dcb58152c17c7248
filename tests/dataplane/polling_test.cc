// The polling loops over DPDK's virtual devices: what they count and what they never do.
//
// No packet leaves this process: net_null swallows frames, net_ring gives back what was sent.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"
#include "tests/dataplane/counted_new.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr ScanKey kKey{7, 7, 7};
constexpr PortRange kPorts{.first = 61000, .last = 64999};
constexpr unsigned kMostThreads = 3;

// 198.19.0.0/17 on three ports, less a /24 and one address.
TargetSpace space() {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.19.0.0/17"));
  return {RankedSet<Ipv4Address>{set}, {22, 80, 443}};
}

struct PlanOptions {
  Ipv4Set blocked = {};
  bool receive = true;
  Neighbours::Config neighbours = {.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac};
  std::uint64_t first = 0;
  std::uint64_t last = ~std::uint64_t{0};
  ProbeKind kind = ProbeKind::TcpSyn;
  std::shared_ptr<const UdpPayloads> payloads = nullptr;
  SourceAddresses sources{kOurs};
  VlanId vlan = {};
};

ScanPlan make_plan(const PlanOptions& options) {
  const SourceAddresses& sources = options.sources;
  const Ipv4Address stamped = sources.several() ? Ipv4Address{} : sources.first();
  return ScanPlan{.cookies = {kKey, sources, kPorts, options.kind},
                  .probe = {options.kind, {kOurMac, stamped, options.vlan}, options.payloads},
                  .parser = {sources, kPorts, options.kind, options.payloads, options.vlan},
                  .guard = SwappableGuard{EgressGuard{options.blocked}},
                  .neighbours = std::move(*Neighbours::make(options.neighbours)),
                  .clock = TscClock::calibrate(),
                  .mac = kOurMac,
                  .source = sources.first(),
                  .vlan = options.vlan,
                  .rate = PacketsPerSecond::unlimited(),
                  .max_runtime = 60s,
                  .receive = options.receive,
                  .shares_cpu = true};
}

Sweep make_sweep(std::uint64_t first, std::uint64_t last) {
  auto targets = std::make_shared<TargetSpace>(space());
  const std::uint64_t size = targets->size();
  return {.space = std::move(targets),
          .order = {size, 1, 2},
          .first = first,
          .last = std::min(last, size),
          .attempt = 1,
          .skip = {}};
}

Result<std::unique_ptr<Scanner>> make_scanner(const PlanOptions& options, Link& link,
                                              unsigned threads) {
  auto scanner = Scanner::make(make_plan(options), link, threads);
  if (scanner) (*scanner)->begin_sweep(make_sweep(options.first, options.last));
  return scanner;
}

std::unique_ptr<Link> open_link(const std::string& text, unsigned threads, bool receive) {
  auto link = Link::open(*LinkSpec::parse(text), {.senders = senders_for(threads, receive)});
  EXPECT_TRUE(link) << link.error().message;
  return link ? std::move(*link) : nullptr;
}

// Runs until everything is sent, and `done` says so or two seconds passed.
template <typename Done>
void run(Scanner& scanner, Done done) {
  allocations = 0;
  scanner.start();
  counting_allocations = true;
  const auto give_up = std::chrono::steady_clock::now() + 50s;
  while (!scanner.sending_finished() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(1ms);
  }
  const auto last_wait = std::chrono::steady_clock::now() + 5s;
  while (!done() && std::chrono::steady_clock::now() < last_wait) {
    std::this_thread::sleep_for(1ms);
  }
  counting_allocations = false;
  EXPECT_TRUE(scanner.sending_finished());
  scanner.stop();
}

std::uint64_t count(const Scanner& scanner, Counter counter) {
  return scanner.counters()[static_cast<std::size_t>(counter)];
}

void wait_until_sent(const Scanner& scanner) {
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (!scanner.sending_finished() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(1ms);
  }
  ASSERT_TRUE(scanner.sending_finished());
}

// Puts frames where the link's receiver finds them, before its loops start.
// `stripped`, when not 0, is a VLAN that a driver took out of them.
void inject(const Link& link, const std::vector<Frame>& frames, std::uint16_t stripped = 0) {
  for (const Frame& frame : frames) {
    rte_mbuf* buffer = rte_pktmbuf_alloc(link.rx_pool());
    ASSERT_NE(buffer, nullptr);
    std::copy(frame.begin(), frame.end(),
              reinterpret_cast<std::byte*>(
                  rte_pktmbuf_append(buffer, static_cast<std::uint16_t>(frame.size()))));
    if (stripped != 0) {
      buffer->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
      buffer->vlan_tci = stripped;
    }
    ASSERT_EQ(rte_eth_tx_burst(link.port(), 0, &buffer, 1), 1);
  }
}

// Everything that a sender without a receiver has put on a ring.
std::vector<Frame> take_sent(const Link& link) {
  std::vector<Frame> frames;
  std::array<rte_mbuf*, 64> buffers;
  while (const auto count = rte_eth_rx_burst(link.port(), 0, buffers.data(), 64)) {
    for (unsigned i = 0; i < count; ++i) {
      const std::span bytes{rte_pktmbuf_mtod(buffers[i], const std::byte*),
                            rte_pktmbuf_data_len(buffers[i])};
      frames.emplace_back(bytes.begin(), bytes.end());
    }
    rte_pktmbuf_free_bulk(buffers.data(), count);
  }
  return frames;
}

// What `target` answers to the probe that a plan of make_plan() sends it.
Frame answer_of(Target target, unsigned flags) {
  const CookieMaker maker{kKey, kOurs, kPorts};
  Cookie cookie{};
  maker.make({&target, 1}, {&cookie, 1});
  return tcp_frame({.from_port = target.port,
                    .to_port = cookie.source_port,
                    .ack = cookie.sequence + 1,
                    .flags = flags},
                   {.from = target.ip});
}

// Without it, a count of zero below would prove nothing.
TEST(Polling, AllocationsOfPollingThreadsAreSeen) {
  allocations = 0;
  counting_allocations = true;
  // Called by name: a new-expression whose object nobody uses may be left out by the compiler.
  Eal::launch(0, [] { ::operator delete(::operator new(sizeof(int))); });
  Eal::join();
  const std::vector<int> of_the_control_thread(10);
  counting_allocations = false;
  EXPECT_EQ(allocations, 1U);
}

TEST(Polling, SinkTakesEveryProbeAndSendersAllocateNothing) {
  for (unsigned threads = 1; threads <= kMostThreads; ++threads) {
    const auto link = open_link("net_null" + std::to_string(threads), threads, false);
    ASSERT_TRUE(link);
    auto scanner = make_scanner({.receive = false}, *link, threads);
    ASSERT_TRUE(scanner);
    run(**scanner, [] { return true; });
    EXPECT_EQ(allocations, 0U) << threads << " threads";
    EXPECT_EQ(count(**scanner, Counter::ProbesSent), 32768U * 3) << threads << " threads";
    EXPECT_EQ(link->counters().tx_frames, 32768U * 3);
    for (const std::uint64_t position : {0U, 63U, 64U, 129U, 32768U * 3 - 1}) {
      EXPECT_TRUE((*scanner)->has_sent(position));
    }
    EXPECT_FALSE((*scanner)->has_sent(32768U * 3));
  }
}

TEST(Polling, OnlyTheRangeOfThePlanIsSent) {
  const auto link = open_link("net_null7", 2, false);
  ASSERT_TRUE(link);
  auto scanner = make_scanner({.receive = false, .first = 1000, .last = 5001}, *link, 2);
  ASSERT_TRUE(scanner);
  run(**scanner, [] { return true; });
  EXPECT_EQ(count(**scanner, Counter::ProbesSent), 4001U);
  EXPECT_FALSE((*scanner)->has_sent(999));
  EXPECT_TRUE((*scanner)->has_sent(1000));
  EXPECT_TRUE((*scanner)->has_sent(5000));
  EXPECT_FALSE((*scanner)->has_sent(5001));
}

TEST(Polling, NextSweepLeavesOutWhatItIsTold) {
  const auto link = open_link("net_null14", 2, false);
  ASSERT_TRUE(link);
  auto made = make_scanner({.receive = false, .last = 10'000}, *link, 2);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.start();
  wait_until_sent(scanner);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 10'000U);
  Sweep again = make_sweep(1000, 9000);
  const auto skip = std::make_shared<PositionSet>(8000);
  for (std::uint64_t offset = 0; offset < 8000; ++offset) {
    if (offset < 1280 || offset % 3 == 0) skip->add(offset);  // Whole blocks and single ones.
  }
  again.skip = skip;
  scanner.begin_sweep(std::move(again));
  EXPECT_FALSE(scanner.sending_finished());
  wait_until_sent(scanner);
  scanner.stop();
  std::uint64_t left = 0;
  for (std::uint64_t offset = 1280; offset < 8000; ++offset) left += offset % 3 == 0 ? 0 : 1;
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 10'000U + left);
}

// As after a crash: each lane goes on where it was, whatever number of cores it had before.
TEST(Polling, SweepGoesOnWhereItsLanesAre) {
  Lanes lanes;
  std::uint64_t done = 0;
  for (unsigned threads = 1; threads <= kMostThreads; ++threads) {
    const auto link = open_link("net_null2" + std::to_string(threads), threads, false);
    ASSERT_TRUE(link);
    ScanPlan plan = make_plan({.receive = false});
    plan.rate = PacketsPerSecond{200'000.0};
    auto made = Scanner::make(std::move(plan), *link, threads);
    ASSERT_TRUE(made);
    Scanner& scanner = **made;
    scanner.begin_sweep(make_sweep(0, 32768 * 3), &lanes);
    scanner.start();
    if (threads < kMostThreads) {
      std::this_thread::sleep_for(100ms);
    } else {
      scanner.set_rate(PacketsPerSecond::unlimited());
      wait_until_sent(scanner);
    }
    scanner.stop();
    done += count(scanner, Counter::ProbesSent);
    for (const Lane& lane : lanes) EXPECT_EQ(lane.sent.load(), lane.taken.load());
    EXPECT_EQ(taken_in_all(lanes), done) << "nothing twice, nothing left out";
  }
  EXPECT_EQ(done, 32768U * 3);
}

TEST(Polling, RateCanBeChangedAndPausedOnTheWay) {
  const auto link = open_link("net_null15", 1, false);
  ASSERT_TRUE(link);
  ScanPlan plan = make_plan({.receive = false});
  plan.rate = PacketsPerSecond{0.0};
  auto made = Scanner::make(std::move(plan), *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.begin_sweep(make_sweep(0, 5000));
  scanner.start();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 0U);
  scanner.set_rate(PacketsPerSecond{1e6});
  wait_until_sent(scanner);
  scanner.stop();
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 5000U);
}

TEST(Polling, RequestedTargetsAreProbedBesidesTheSweep) {
  const auto link = open_link("net_null16", 1, false);
  ASSERT_TRUE(link);
  auto made = make_scanner({.receive = false, .last = 100}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  for (std::uint64_t i = 0; i < 70; ++i) EXPECT_TRUE(scanner.request(space().any_at(i)));
  run(scanner, [&] { return count(scanner, Counter::ProbesSent) == 170; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 170U);
}

TEST(Polling, GuardStopsWhatThePlanShouldNotHold) {
  Ipv4Set blocked;
  blocked.add(*Ipv4Prefix::parse("198.19.3.0/24"));
  blocked.add(*Ipv4Prefix::parse("198.19.77.5"));
  const auto link = open_link("net_null8", 1, false);
  ASSERT_TRUE(link);
  auto scanner = make_scanner({.blocked = blocked, .receive = false}, *link, 1);
  ASSERT_TRUE(scanner);
  run(**scanner, [] { return true; });
  EXPECT_EQ(count(**scanner, Counter::ProbesBlocked), 257U * 3);
  EXPECT_EQ(count(**scanner, Counter::ProbesSent), (32768U - 257) * 3);
  EXPECT_EQ(allocations, 0U);
}

TEST(Polling, GuardReplacedOnTheWayStopsWhoOptedOut) {
  const auto link = open_link("net_null17", 1, false);
  ASSERT_TRUE(link);
  auto made = make_scanner({.receive = false}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  Ipv4Set opted_out;
  opted_out.add(*Ipv4Prefix::parse("198.19.3.0/24"));
  scanner.block(opted_out, {});
  run(scanner, [] { return true; });
  EXPECT_EQ(count(scanner, Counter::ProbesOptedOut), 256U * 3);
  EXPECT_EQ(count(scanner, Counter::ProbesBlocked), 0U);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), (32768U - 256) * 3);
  EXPECT_EQ(allocations, 0U);
}

TEST(Polling, RingGivesBackEveryProbeAsAForeignFrame) {
  for (unsigned threads = 1; threads <= kMostThreads; ++threads) {
    const auto link = open_link("net_ring" + std::to_string(threads), threads, true);
    ASSERT_TRUE(link);
    auto made = make_scanner({}, *link, threads);
    ASSERT_TRUE(made);
    Scanner& scanner = **made;
    run(scanner,
        [&] { return count(scanner, Counter::RxFrames) == count(scanner, Counter::ProbesSent); });
    EXPECT_EQ(allocations, 0U) << threads << " threads";
    EXPECT_EQ(count(scanner, Counter::ProbesSent), 32768U * 3);
    EXPECT_EQ(count(scanner, Counter::RxFrames), 32768U * 3);
    EXPECT_EQ(count(scanner, Counter::RxOtherAddress), 32768U * 3);
    EXPECT_EQ(count(scanner, Counter::RxValid), 0U);
  }
}

TEST(Polling, GenuineAnswersArriveAndForgedOnesDoNot) {
  const auto link = open_link("net_ring8", 1, true);
  ASSERT_TRUE(link);
  const TargetSpace targets = space();
  std::vector<Frame> frames;
  for (std::uint64_t i = 0; i < 100; ++i) {
    frames.push_back(answer_of(targets.at(i * 7), kFlagSyn | kFlagAck));
    Frame forged = frames.back();
    forged[42] ^= std::byte{1};  // The acknowledgement number.
    frames.push_back(forged);
    Frame other_port = frames[frames.size() - 2];
    other_port[35] ^= std::byte{1};  // Another port of the target than the one that was asked.
    frames.push_back(other_port);
  }
  frames.push_back(answer_of(targets.at(1), kFlagRst | kFlagAck));
  inject(*link, frames);
  auto made = make_scanner({.last = 1}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == frames.size() + 1; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::RxValid), 101U);
  EXPECT_EQ(count(scanner, Counter::RxForged), 200U);
  std::array<Reply, 200> replies;
  ASSERT_EQ(scanner.take_replies(replies), 101U);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Target target = targets.at(i * 7);
    EXPECT_EQ(replies[i].ip, target.ip);
    EXPECT_EQ(replies[i].port, target.port);
    EXPECT_EQ(replies[i].state, PortState::Open);
    EXPECT_EQ(replies[i].rtt_us, Reply::kNoRtt) << "no timestamp was echoed";
  }
  EXPECT_EQ(replies[100].state, PortState::Closed);
}

// Of what arrives, a capture gets what validates, before the reply and as it came.
TEST(Polling, ACaptureGetsGenuineFramesAsTheyCame) {
  const auto link = open_link("net_ring22", 1, true);
  ASSERT_TRUE(link);
  const TargetSpace targets = space();
  std::vector<Frame> frames;
  std::vector<Frame> genuine;
  for (std::uint64_t i = 0; i < 100; ++i) {
    genuine.push_back(with_tag(answer_of(targets.at(i * 7), kFlagSyn | kFlagAck), 7));
    genuine.back().resize(genuine.back().size() + 3 * i);  // Padding, in the end more than is kept.
    Frame forged = genuine.back();
    forged[46] ^= std::byte{1};
    frames.push_back(forged);
    frames.push_back(genuine.back());
  }
  inject(*link, frames);
  ScanPlan plan = make_plan({.vlan = VlanId{7}});
  plan.capture = true;
  auto made = Scanner::make(std::move(plan), *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.begin_sweep(make_sweep(0, 1));
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == frames.size() + 1; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::RxValid), 100U);
  std::vector<CapturedFrame> captured(200);
  ASSERT_EQ(scanner.take_frames(captured), 100U);
  for (std::size_t i = 0; i < 100; ++i) {
    const std::size_t kept = std::min(genuine[i].size(), CapturedFrame::kMostBytes);
    EXPECT_EQ(captured[i].length, genuine[i].size());
    ASSERT_EQ(captured[i].kept, kept);
    EXPECT_TRUE(std::equal(genuine[i].begin(), genuine[i].begin() + static_cast<long>(kept),
                           captured[i].bytes.begin()))
        << i;
  }
  std::array<Reply, 200> replies;
  ASSERT_EQ(scanner.take_replies(replies), 100U);
  EXPECT_EQ(replies[99].arrival, captured[99].arrival);
}

// The heads of SYN-ACKs come beside their replies and in their order; other replies have none.
TEST(Polling, SynAcksComeWithTheirHeads) {
  const auto link = open_link("net_ring25", 1, true);
  ASSERT_TRUE(link);
  const TargetSpace targets = space();
  std::vector<Frame> frames;
  for (std::uint64_t i = 0; i < 90; ++i) {
    const bool is_open = i % 3 != 1;
    frames.push_back(
        answer_of(targets.at(i * 7), is_open ? kFlagSyn | kFlagAck : kFlagRst | kFlagAck));
    frames.back()[22] = static_cast<std::byte>(i + 1);  // The TTL.
    Frame forged = frames.back();
    forged[42] ^= std::byte{1};
    frames.push_back(forged);
  }
  inject(*link, frames);
  ScanPlan plan = make_plan({});
  plan.syn_acks = true;
  auto made = Scanner::make(std::move(plan), *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.begin_sweep(make_sweep(0, 1));
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == frames.size() + 1; });
  EXPECT_EQ(allocations, 0U);
  std::array<Reply, 200> replies;
  ASSERT_EQ(scanner.take_replies(replies), 90U);
  std::array<SynAckHead, 200> heads;
  ASSERT_EQ(scanner.take_syn_acks(heads), 60U);
  std::size_t next = 0;
  for (std::size_t i = 0; i < 90; ++i) {
    if (replies[i].reason != Reason::SynAck) continue;
    EXPECT_EQ(heads[next++].ttl, replies[i].ttl);
  }
}

TEST(Polling, WithoutACaptureThereAreNoFrames) {
  const auto link = open_link("net_ring23", 1, true);
  ASSERT_TRUE(link);
  inject(*link, {answer_of(space().at(1), kFlagSyn | kFlagAck)});
  auto made = make_scanner({.last = 1}, *link, 1);
  ASSERT_TRUE(made);
  run(**made, [&] { return count(**made, Counter::RxFrames) == 2; });
  std::array<CapturedFrame, 2> captured;
  EXPECT_EQ((*made)->take_frames(captured), 0U);
}

// What `target` must send back for a probe of `kind`: cookies are made by another maker.
Cookie cookie_of(ProbeKind kind, Target target) {
  Cookie cookie{};
  CookieMaker{kKey, kOurs, kPorts, kind}.make({&target, 1}, {&cookie, 1});
  return cookie;
}

TEST(Polling, EchoRepliesAreValidatedAndTimed) {
  const auto link = open_link("net_ring15", 1, true);
  ASSERT_TRUE(link);
  const Target target{space().at(77).ip, 0};
  const Cookie cookie = cookie_of(ProbeKind::IcmpEcho, target);
  const Frame data = echo_data(cookie.source_port, ProbeStamp::encode(1, 2));
  const IcmpFields icmp{.id = cookie.sequence >> 16U, .sequence = cookie.sequence & 0xffffU};
  const Frame genuine = icmp_frame(icmp, data, {.from = target.ip, .protocol = 1});
  Frame other_id = genuine;
  other_id[38] ^= std::byte{1};
  Frame other_proof = genuine;
  other_proof[43] ^= std::byte{1};
  inject(*link, {genuine, other_id, other_proof});
  auto made = make_scanner({.last = 1, .kind = ProbeKind::IcmpEcho}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == 4; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::RxForged), 2U);
  std::array<Reply, 4> replies;
  ASSERT_EQ(scanner.take_replies(replies), 1U);
  EXPECT_EQ(replies[0].ip, target.ip);
  EXPECT_EQ(replies[0].port, 0);
  EXPECT_EQ(replies[0].state, PortState::Up);
  EXPECT_EQ(replies[0].attempt, 2);
  EXPECT_LT(replies[0].rtt_us, 60'000'000U);
}

TEST(Polling, TimestampRepliesAreValidatedAndTimed) {
  const auto link = open_link("net_ring16", 1, true);
  ASSERT_TRUE(link);
  const Target target{space().at(78).ip, 0};
  const Cookie cookie = cookie_of(ProbeKind::IcmpTimestamp, target);
  const Frame data = timestamp_data(ProbeStamp::encode(1, 3) | 0x80000000);
  const IcmpFields icmp{
      .type = 14, .id = cookie.sequence >> 16U, .sequence = cookie.sequence & 0xffffU};
  const Frame genuine = icmp_frame(icmp, data, {.from = target.ip, .protocol = 1});
  Frame forged = genuine;
  forged[41] ^= std::byte{1};
  inject(*link, {genuine, forged});
  auto made = make_scanner({.last = 1, .kind = ProbeKind::IcmpTimestamp}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == 3; });
  EXPECT_EQ(count(scanner, Counter::RxForged), 1U);
  std::array<Reply, 4> replies;
  ASSERT_EQ(scanner.take_replies(replies), 1U);
  EXPECT_EQ(replies[0].reason, Reason::TimestampReply);
  EXPECT_EQ(replies[0].attempt, 3);
  EXPECT_LT(replies[0].rtt_us, 60'000'000U);
}

// Ports 22, 80 and 443 with a payload of their own each, the last as long as one may be.
std::shared_ptr<const UdpPayloads> udp_payloads() {
  const UdpReplyStep id{.kind = UdpReplyStep::Kind::Field, .field = UdpField::Id32, .bytes = {}};
  std::vector<UdpPayload> given;
  for (const auto& [port, size] : {std::pair{22, 4}, {80, 37}, {443, 1400}}) {
    given.push_back({.name = "",
                     .ports = {static_cast<std::uint16_t>(port)},
                     .bytes = std::vector<std::byte>(static_cast<std::size_t>(size)),
                     .slots = {{UdpField::Id32, 0}},
                     .reply = {id}});
  }
  static constexpr std::uint16_t kProbed[] = {22, 80, 443};
  return std::make_shared<const UdpPayloads>(given, kProbed);
}

// What comes back over the ring is what was sent; turned round, it is the reply of an echo service,
// which proves the probe.
TEST(Polling, UdpProbesCarryTheirPayloadsAndTheirIds) {
  const auto link = open_link("net_ring17", 1, true);
  ASSERT_TRUE(link);
  const TargetSpace targets = space();
  std::vector<Frame> frames;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const Target target = targets.at(i);
    const Cookie cookie = cookie_of(ProbeKind::Udp, target);
    Frame data;
    append32(data, cookie.sequence);
    frames.push_back(
        udp_frame(target.port, cookie.source_port, data, {.from = target.ip, .protocol = 17}));
    frames.push_back(frames.back());
    frames.back().back() ^= std::byte{1};
  }
  inject(*link, frames);
  auto made =
      make_scanner({.last = 1, .kind = ProbeKind::Udp, .payloads = udp_payloads()}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == 13; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::RxValid), 6U);
  EXPECT_EQ(count(scanner, Counter::RxForged), 6U);
  std::array<Reply, 20> replies;
  ASSERT_EQ(scanner.take_replies(replies), 6U);
  EXPECT_EQ(replies[5].reason, Reason::UdpResponse);
}

TEST(Polling, UdpFramesAreAsLongAsTheirPayload) {
  const auto link = open_link("net_ring18", 1, false);
  ASSERT_TRUE(link);
  constexpr std::uint64_t kProbes = 300;
  auto made = make_scanner(
      {.receive = false, .last = kProbes, .kind = ProbeKind::Udp, .payloads = udp_payloads()},
      *link, 1);
  ASSERT_TRUE(made);
  run(**made, [] { return true; });
  EXPECT_EQ(allocations, 0U);
  const std::vector<Frame> sent = take_sent(*link);
  ASSERT_EQ(sent.size(), kProbes);
  for (const Frame& frame : sent) {
    const Target target{Ipv4Address{get32(frame, 30)},
                        static_cast<std::uint16_t>(get16(frame, 36))};
    const std::size_t payload = target.port == 22 ? 4 : target.port == 80 ? 37 : 1400;
    EXPECT_EQ(frame.size(), 42 + payload);
    EXPECT_EQ(get32(frame, 42), cookie_of(ProbeKind::Udp, target).sequence);
    EXPECT_TRUE(ip_checksum_is_right(frame));
    EXPECT_TRUE(udp_checksum_is_right(frame));
  }
}

// Each target hears of one source, and an answer to another is none.
TEST(Polling, SeveralSourcesShareTheTargets) {
  std::vector<Ipv4Address> all;
  for (std::uint32_t i = 0; i < 4; ++i) all.emplace_back(kOurs.value() + 2 * i);
  const SourceAddresses sources{all};
  const TargetSpace targets = space();
  const CookieMaker maker{kKey, sources, kPorts};
  std::vector<Frame> answers;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const Target target = targets.at(i);
    Cookie cookie{};
    Ipv4Address source;
    maker.make({&target, 1}, {&cookie, 1}, {&source, 1});
    for (const Ipv4Address to : {source, source == all[0] ? all[1] : all[0]}) {
      answers.push_back(tcp_frame(
          {.from_port = target.port, .to_port = cookie.source_port, .ack = cookie.sequence + 1},
          {.from = target.ip, .to = to}));
    }
  }
  const auto link = open_link("net_ring19", 1, true);
  ASSERT_TRUE(link);
  inject(*link, answers);
  auto made = make_scanner({.last = 1, .sources = sources}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == answers.size() + 1; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::RxValid), 40U);
  EXPECT_EQ(count(scanner, Counter::RxForged), 40U);
}

TEST(Polling, FramesFromSeveralSourcesAreWellFormed) {
  std::vector<Ipv4Address> all;
  for (std::uint32_t i = 0; i < 3; ++i) all.emplace_back(kOurs.value() + 2 * i);
  const SourceAddresses sources{all};
  const auto link = open_link("net_ring20", 1, false);
  ASSERT_TRUE(link);
  constexpr std::uint64_t kProbes = 300;
  auto made = make_scanner({.receive = false, .last = kProbes, .sources = sources}, *link, 1);
  ASSERT_TRUE(made);
  run(**made, [] { return true; });
  EXPECT_EQ(allocations, 0U);
  std::map<std::uint32_t, int> uses;
  for (const Frame& frame : take_sent(*link)) {
    ++uses[get32(frame, 26)];
    EXPECT_TRUE(sources.contains(Ipv4Address{get32(frame, 26)}));
    EXPECT_TRUE(ip_checksum_is_right(frame));
    EXPECT_TRUE(tcp_checksum_is_right(frame));
  }
  EXPECT_EQ(uses.size(), 3U);
}

// A driver that takes tags out of frames tells them beside; they count like those left in.
TEST(Polling, TaggedAndStrippedFramesAreTakenInTheVlan) {
  const auto link = open_link("net_ring21", 1, true);
  ASSERT_TRUE(link);
  const TargetSpace targets = space();
  const auto answer = [&](std::uint64_t index) {
    return answer_of(targets.at(index), kFlagSyn | kFlagAck);
  };
  inject(*link, {with_tag(answer(1), 7), with_tag(answer(2), 8), answer(3),
                 with_tag(arp_frame({}), 7), arp_frame({})});
  for (const std::uint16_t vlan : {std::uint16_t{7}, std::uint16_t{8}}) {
    inject(*link, {answer(4)}, vlan);
  }
  auto made = make_scanner({.last = 1, .vlan = VlanId{7}}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  // Seven, the probe and the answer to an ARP request, which comes back too.
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == 9; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::RxValid), 2U);
  EXPECT_EQ(count(scanner, Counter::RxOtherVlan), 4U);
  EXPECT_EQ(count(scanner, Counter::ArpAnswers), 1U);
  EXPECT_EQ(count(scanner, Counter::RxOtherAddress), 1U) << "our own probe";
}

// A host that gets an ACK out of the blue resets with the number it acknowledges.
TEST(Polling, ResetsForAcksAreValidated) {
  const auto link = open_link("net_ring14", 1, true);
  ASSERT_TRUE(link);
  const TargetSpace targets = space();
  const Target target = targets.at(77);
  const Cookie cookie = cookie_of(ProbeKind::TcpAck, target);
  const TcpFields reset{.from_port = target.port,
                        .to_port = cookie.source_port,
                        .sequence = cookie.sequence << 16U | cookie.sequence >> 16U,
                        .ack = 0,
                        .flags = kFlagRst};
  TcpFields forged = reset;
  forged.sequence = cookie.sequence;
  inject(*link, {tcp_frame(reset, {.from = target.ip}), tcp_frame(forged, {.from = target.ip})});
  auto made = make_scanner({.last = 1, .kind = ProbeKind::TcpAck}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == 3; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::RxValid), 1U);
  EXPECT_EQ(count(scanner, Counter::RxForged), 1U);
  std::array<Reply, 2> replies;
  ASSERT_EQ(scanner.take_replies(replies), 1U);
  EXPECT_EQ(replies[0].ip, target.ip);
  EXPECT_EQ(replies[0].state, PortState::Unfiltered);
}

// The answer comes back over the ring and is then an ARP reply of ours, which teaches nothing.
TEST(Polling, ArpForOurAddressIsAnswered) {
  const auto link = open_link("net_ring9", 1, true);
  ASSERT_TRUE(link);
  inject(*link, {arp_frame({}), arp_frame({.target_ip = kPeer})});
  auto made = make_scanner({.last = 1}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == 4; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::ArpAnswers), 1U);
  EXPECT_EQ(count(scanner, Counter::RxArp), 3U);
}

TEST(Polling, NothingIsSentBeforeTheGatewayAnswers) {
  const auto link = open_link("net_ring10", 1, true);
  ASSERT_TRUE(link);
  auto made =
      make_scanner({.neighbours = {.on_link = {}, .gateway = kPeer, .gateway_mac = {}}}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.start();
  const auto give_up = std::chrono::steady_clock::now() + 5s;
  while (count(scanner, Counter::ArpRequests) < 2 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(1ms);
  }
  scanner.stop();
  EXPECT_GE(count(scanner, Counter::ArpRequests), 2U);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 0U);
  EXPECT_FALSE(scanner.gateway_known());
  EXPECT_FALSE(scanner.has_sent(0));
}

TEST(Polling, ScanGoesOnWhenTheGatewayAnswers) {
  const auto link = open_link("net_ring11", 1, true);
  ASSERT_TRUE(link);
  inject(*link, {arp_frame({.operation = 2, .sender_ip = kPeer, .target = kOurMac})});
  auto made = make_scanner(
      {.neighbours = {.on_link = {}, .gateway = kPeer, .gateway_mac = {}}, .last = 1000}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [] { return true; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_TRUE(scanner.gateway_known());
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 1000U);
}

// On-link targets that answer no ARP are asked three times and then given up; one that does is sent
// its probes.
TEST(Polling, OnLinkTargetsAreProbedOnceTheirAddressIsKnown) {
  const auto link = open_link("net_ring12", 1, true);
  ASSERT_TRUE(link);
  const TargetSpace targets = space();
  PlanOptions options{.neighbours = {.on_link = {*Ipv4Prefix::parse("198.19.0.0/17")},
                                     .gateway = {},
                                     .gateway_mac = {}},
                      .last = 50};
  const Permutation order{targets.size(), 1, 2};
  const Target answering = targets.at(order.forward(17));
  std::uint64_t probes = 0;
  for (std::uint64_t i = 0; i < options.last; ++i) {
    probes += static_cast<std::uint64_t>(targets.at(order.forward(i)).ip == answering.ip);
  }
  inject(*link, {arp_frame({.operation = 2, .sender_ip = answering.ip, .target = kOurMac})});
  auto made = make_scanner(options, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [] { return true; });
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), probes);
  EXPECT_EQ(count(scanner, Counter::ProbesNoNeighbour), options.last - probes);
  EXPECT_GE(count(scanner, Counter::ArpRequests), 3 * (options.last - probes) / 2);
  EXPECT_LE(count(scanner, Counter::ArpRequests), 3 * options.last);
}

// Who opts out while a probe waits for its address gets neither the probe nor another request.
TEST(Polling, NobodyIsAskedForAfterOptingOut) {
  const auto link = open_link("net_null18", 1, false);
  ASSERT_TRUE(link);
  auto made = make_scanner({.receive = false,
                            .neighbours = {.on_link = {*Ipv4Prefix::parse("198.19.0.0/17")},
                                           .gateway = {},
                                           .gateway_mac = {}},
                            .last = 50},
                           *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  Ipv4Set opted_out;
  opted_out.add(*Ipv4Prefix::parse("198.19.0.0/16"));
  scanner.start();
  while (count(scanner, Counter::ProbesDeferred) < 50) std::this_thread::sleep_for(1ms);
  scanner.block(opted_out, {});
  const std::uint64_t asked = count(scanner, Counter::ArpRequests);
  while (!scanner.sending_finished()) std::this_thread::sleep_for(1ms);
  scanner.stop();
  EXPECT_GT(asked, 0U);
  EXPECT_EQ(count(scanner, Counter::ArpRequests), asked);
  EXPECT_EQ(count(scanner, Counter::ProbesOptedOut), 50U);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 0U);
}

// A link that takes no frame at all, as one does whose peer is gone, may not outlast max_runtime.
TEST(Polling, FullLinkDoesNotOutlastTheRuntime) {
  const auto link = open_link("net_ring13", 1, false);
  ASSERT_TRUE(link);
  ScanPlan plan = make_plan({.receive = false});
  plan.max_runtime = 200ms;
  auto made = Scanner::make(std::move(plan), *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.begin_sweep(make_sweep(0, 32768 * 3));
  scanner.start();
  const auto give_up = std::chrono::steady_clock::now() + 5s;
  while (!scanner.sending_finished() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(scanner.sending_finished());
  scanner.stop();
  EXPECT_GT(count(scanner, Counter::ProbesSent), 0U);
  EXPECT_LT(count(scanner, Counter::ProbesSent), 32768U * 3);
}

}  // namespace
}  // namespace trawl::dataplane

int main(int argc, char** argv) {
  using namespace trawl::dataplane;
  testing::InitGoogleTest(&argc, argv);
  is_control_thread = true;
  const auto cpus = allowed_cpus();
  std::vector<unsigned> polling;
  for (unsigned i = 0; i < kMostThreads; ++i) polling.push_back(cpus[i % cpus.size()]);
  const auto started = Eal::start({.polling_cpus = polling, .link = *LinkSpec::parse("net_null0")});
  if (!started) {
    std::printf("skipped: %s\n", started.error().message.c_str());
    return 77;
  }
  const int result = RUN_ALL_TESTS();
  Eal::stop();
  return result;
}
