// The polling loops over IPv6 and DPDK's virtual devices.
//
// No packet leaves this process: net_null swallows frames, net_ring gives back what was sent.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"
#include "tests/dataplane/counted_new.h"
#include "tests/dataplane/frames6.h"

namespace trawl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr ScanKey kKey{7, 7, 7};
constexpr PortRange kPorts{.first = 61000, .last = 64999};
constexpr unsigned kMostThreads = 3;

// 4096 addresses on two ports.
std::shared_ptr<const TargetSpace> space() {
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8:1::/116"));
  return std::make_shared<const TargetSpace>(RankedSet<Ipv6Address>{set},
                                             std::vector<std::uint16_t>{80, 443});
}
constexpr std::uint64_t kTargets = 8192;

struct PlanOptions {
  Ipv6Set blocked = {};
  bool receive = true;
  Neighbours6::Config neighbours = {.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac};
  std::uint64_t last = kTargets;
  ProbeKind kind = ProbeKind::TcpSyn;
  bool capture = false;
  std::optional<double> network_rate = {};
  bool syn_acks = false;
};

Result<std::unique_ptr<Scanner>> make_scanner(const PlanOptions& options, Link& link,
                                              unsigned threads) {
  ScanPlan6 plan{.cookies = {kKey, kOurs6, kPorts, options.kind},
                 .probe = {options.kind, {kOurMac, kOurs6}},
                 .parser = {kOurs6, kPorts, options.kind},
                 .guard = SwappableGuard6{EgressGuard6{options.blocked}},
                 .neighbours = std::move(*Neighbours6::make(options.neighbours)),
                 .clock = TscClock::calibrate(),
                 .mac = kOurMac,
                 .source = kOurs6,
                 .rate = PacketsPerSecond::unlimited(),
                 .max_runtime = 60s,
                 .capture = options.capture,
                 .syn_acks = options.syn_acks,
                 .receive = options.receive,
                 .shares_cpu = true};
  if (options.network_rate) {
    plan.budget = std::make_shared<NetworkBudget6>(*space()->addresses().v6(),
                                                   PacketsPerSecond{*options.network_rate},
                                                   plan.clock, TscClock::now());
  }
  auto scanner = Scanner::make(std::move(plan), link, threads);
  if (scanner) {
    (*scanner)->begin_sweep({.space = space(),
                             .order = {kTargets, 1, 2},
                             .first = 0,
                             .last = options.last,
                             .attempt = 1,
                             .skip = {}});
  }
  return scanner;
}

std::unique_ptr<Link> open_link(const std::string& text, unsigned threads, bool receive) {
  auto link = Link::open(*LinkSpec::parse(text), {.senders = senders_for(threads, receive)});
  EXPECT_TRUE(link) << link.error().message;
  return link ? std::move(*link) : nullptr;
}

std::uint64_t count(const Scanner& scanner, Counter counter) {
  return scanner.counters()[static_cast<std::size_t>(counter)];
}

// Runs until everything is sent, and `done` says so or five seconds passed.
template <typename Done>
void run(Scanner& scanner, Done done) {
  allocations = 0;
  scanner.start();
  counting_allocations = true;
  const auto wait = [](auto until, auto patience) {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (!until() && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(1ms);
    }
  };
  wait([&] { return scanner.sending_finished(); }, 50s);
  wait(done, 5s);
  counting_allocations = false;
  EXPECT_TRUE(scanner.sending_finished());
  scanner.stop();
  EXPECT_EQ(allocations, 0U);
}

// Puts frames where the link's receiver finds them, before its loops start.
void inject(const Link& link, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    rte_mbuf* buffer = rte_pktmbuf_alloc(link.rx_pool());
    ASSERT_NE(buffer, nullptr);
    std::copy(frame.begin(), frame.end(),
              reinterpret_cast<std::byte*>(
                  rte_pktmbuf_append(buffer, static_cast<std::uint16_t>(frame.size()))));
    ASSERT_EQ(rte_eth_tx_burst(link.port(), 0, &buffer, 1), 1);
  }
}

// Everything that a net_ring holds.
std::vector<Frame> drain(const Link& link) {
  std::vector<Frame> frames;
  std::array<rte_mbuf*, 32> buffers;
  for (;;) {
    const auto count = rte_eth_rx_burst(link.port(), 0, buffers.data(), buffers.size());
    if (count == 0) return frames;
    for (unsigned i = 0; i < count; ++i) {
      const auto* const start = rte_pktmbuf_mtod(buffers[i], const std::byte*);
      frames.emplace_back(start, start + rte_pktmbuf_data_len(buffers[i]));
    }
    rte_pktmbuf_free_bulk(buffers.data(), count);
  }
}

Frame answer_of(const AnyTarget& any, unsigned flags) {
  const Target6 target{any.ip.v6(), any.port};
  Cookie cookie{};
  CookieMaker6{kKey, kOurs6, kPorts}.make({&target, 1}, {&cookie, 1});
  return tcp6_frame({.from_port = target.port,
                     .to_port = cookie.source_port,
                     .ack = cookie.sequence + 1,
                     .flags = flags},
                    {.from = target.ip});
}

TEST(Polling6, SinkTakesEveryProbeOfAnyNumberOfSenders) {
  for (unsigned threads = 1; threads <= kMostThreads; ++threads) {
    const auto link = open_link("net_null" + std::to_string(threads), threads, false);
    ASSERT_TRUE(link);
    auto scanner = make_scanner({.receive = false}, *link, threads);
    ASSERT_TRUE(scanner);
    run(**scanner, [] { return true; });
    EXPECT_EQ(count(**scanner, Counter::ProbesSent), kTargets) << threads << " threads";
  }
}

TEST(Polling6, EveryTargetGetsOneProbeAndNoOtherDoes) {
  const auto link = open_link("net_ring0", 1, false);
  ASSERT_TRUE(link);
  auto made = make_scanner({.receive = false, .last = 900}, *link, 1);
  ASSERT_TRUE(made);
  run(**made, [] { return true; });
  const auto targets = space();
  const Permutation order{kTargets, 1, 2};
  const auto frames = drain(*link);
  ASSERT_EQ(frames.size(), 900U);
  for (std::uint64_t i = 0; i < frames.size(); ++i) {
    const AnyTarget target = targets->any_at(order.forward(i));
    const Frame& frame = frames[i];
    EXPECT_EQ(get_mac(frame, 0), kPeerMac);
    EXPECT_EQ(sum6_of(std::span{frame}.subspan(14)), 0xffffU);
    EXPECT_EQ(get32(frame, 50), static_cast<std::uint32_t>(target.ip.v6().value()));
    EXPECT_EQ(get16(frame, 56), target.port);
  }
}

TEST(Polling6, GuardStopsWhatThePlanShouldNotHold) {
  Ipv6Set blocked;
  blocked.add(*Ipv6Prefix::parse("2001:db8:1::300/120"));
  blocked.add(*Ipv6Prefix::parse("2001:db8:1::7"));
  const auto link = open_link("net_null8", 1, false);
  ASSERT_TRUE(link);
  auto made = make_scanner({.blocked = blocked, .receive = false}, *link, 1);
  ASSERT_TRUE(made);
  Ipv6Set later;
  later.add(*Ipv6Prefix::parse("2001:db8:1::9"));
  (*made)->block({}, later);
  run(**made, [] { return true; });
  EXPECT_EQ(count(**made, Counter::ProbesBlocked), 257U * 2);
  EXPECT_EQ(count(**made, Counter::ProbesOptedOut), 2U);
  EXPECT_EQ(count(**made, Counter::ProbesSent), kTargets - 258 * 2);
}

TEST(Polling6, GenuineAnswersArriveAndForgedOnesDoNot) {
  const auto link = open_link("net_ring1", 1, true);
  ASSERT_TRUE(link);
  const auto targets = space();
  std::vector<Frame> frames;
  for (std::uint64_t i = 0; i < 100; ++i) {
    frames.push_back(answer_of(targets->any_at(i * 7), kFlagSyn | kFlagAck));
    Frame forged = frames.back();
    forged[62] ^= std::byte{1};  // The acknowledgement number.
    frames.push_back(forged);
    Frame other_host = frames[frames.size() - 2];
    other_host[36] ^= std::byte{1};  // In the upper half of the target's address.
    frames.push_back(other_host);
  }
  frames.push_back(answer_of(targets->any_at(1), kFlagRst | kFlagAck));
  inject(*link, frames);
  auto made = make_scanner({.last = 1}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == frames.size() + 1; });
  EXPECT_EQ(count(scanner, Counter::RxValid), 101U);
  EXPECT_EQ(count(scanner, Counter::RxForged), 200U);
  std::array<Reply, 200> replies;
  ASSERT_EQ(scanner.take_replies(replies), 101U);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const AnyTarget target = targets->any_at(i * 7);
    EXPECT_EQ(replies[i].ip, target.ip);
    EXPECT_EQ(replies[i].from, target.ip);
    EXPECT_EQ(replies[i].port, target.port);
    EXPECT_EQ(replies[i].state, PortState::Open);
  }
  EXPECT_EQ(replies[100].state, PortState::Closed);
}

// The heads of SYN-ACKs come beside their replies and in their order; other replies have none.
TEST(Polling6, SynAcksComeWithTheirHeads) {
  const auto link = open_link("net_ring19", 1, true);
  ASSERT_TRUE(link);
  const auto targets = space();
  std::vector<Frame> frames;
  for (std::uint64_t i = 0; i < 90; ++i) {
    const bool is_open = i % 3 != 1;
    frames.push_back(
        answer_of(targets->any_at(i * 7), is_open ? kFlagSyn | kFlagAck : kFlagRst | kFlagAck));
    frames.back()[21] = static_cast<std::byte>(i + 1);  // The hop limit.
    Frame forged = frames.back();
    forged[62] ^= std::byte{1};
    frames.push_back(forged);
  }
  inject(*link, frames);
  auto made = make_scanner({.last = 1, .syn_acks = true}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == frames.size() + 1; });
  std::array<Reply, 200> replies;
  ASSERT_EQ(scanner.take_replies(replies), 90U);
  std::array<SynAckHead, 200> heads;
  ASSERT_EQ(scanner.take_syn_acks(heads), 60U);
  std::size_t next = 0;
  for (std::size_t i = 0; i < 90; ++i) {
    if (replies[i].reason != Reason::SynAck) continue;
    EXPECT_EQ(heads[next].ttl, replies[i].ttl);
    EXPECT_EQ(heads[next++].ip_version, 6);
  }
}

TEST(Polling6, SolicitationForOurAddressIsAnswered) {
  const auto link = open_link("net_ring2", 1, true);
  ASSERT_TRUE(link);
  inject(*link, {neighbour_frame({}), neighbour_frame({.option = false}),
                 neighbour_frame({.about = kPeer6})});
  auto made = make_scanner({.last = 1}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  // Three, our probe, and the two answers, which come back.
  run(scanner, [&] { return count(scanner, Counter::RxFrames) == 6; });
  EXPECT_EQ(count(scanner, Counter::NeighbourAnswers), 2U);
  EXPECT_EQ(count(scanner, Counter::RxNeighbour), 5U);
}

TEST(Polling6, NothingIsSentBeforeTheGatewayAnswers) {
  const auto link = open_link("net_ring3", 1, true);
  ASSERT_TRUE(link);
  auto made =
      make_scanner({.neighbours = {.on_link = {}, .gateway = kPeer6, .gateway_mac = {}}}, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.start();
  const auto give_up = std::chrono::steady_clock::now() + 5s;
  while (count(scanner, Counter::NeighbourRequests) < 2 &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(1ms);
  }
  scanner.stop();
  EXPECT_GE(count(scanner, Counter::NeighbourRequests), 2U);
  EXPECT_EQ(count(scanner, Counter::ProbesSent), 0U);
  EXPECT_EQ(scanner.gateway_address(), IpAddress{kPeer6});
  EXPECT_FALSE(scanner.gateway_known());
}

// Those that answer no solicitation are asked three times and then given up; one that does is sent
// its probes.
TEST(Polling6, OnLinkTargetsAreProbedOnceTheirAddressIsKnown) {
  const auto link = open_link("net_ring4", 1, true);
  ASSERT_TRUE(link);
  Ipv6Set near;
  near.add(*Ipv6Prefix::parse("2001:db8:1::/116"));
  const PlanOptions options{.neighbours = {.on_link = {near}, .gateway = {}, .gateway_mac = {}},
                            .last = 50};
  const auto targets = space();
  const Permutation order{kTargets, 1, 2};
  const IpAddress answering = targets->any_at(order.forward(17)).ip;
  std::uint64_t probes = 0;
  for (std::uint64_t i = 0; i < options.last; ++i) {
    probes += static_cast<std::uint64_t>(targets->any_at(order.forward(i)).ip == answering);
  }
  inject(*link, {neighbour_frame(
                    {.type = 136, .about = answering.v6(), .from = answering.v6(), .to = kOurs6})});
  auto made = make_scanner(options, *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  run(scanner, [] { return true; });
  EXPECT_EQ(count(scanner, Counter::ProbesSent), probes);
  EXPECT_EQ(count(scanner, Counter::ProbesNoNeighbour), options.last - probes);
  EXPECT_GE(count(scanner, Counter::NeighbourRequests), 3 * (options.last - probes) / 2);
}

// All of it lies in one /64, which takes a second for 20,000.
TEST(Polling6, A64GetsNoMoreThanItsBudgetAndAllOfIt) {
  const auto link = open_link("net_null30", 2, false);
  ASSERT_TRUE(link);
  auto scanner = make_scanner({.receive = false, .network_rate = 20'000.0}, *link, 2);
  ASSERT_TRUE(scanner);
  const auto limit = (*scanner)->network_limit();
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->most_addresses, 4096.0);
  EXPECT_EQ(limit->burst, 2000U);
  const auto start = std::chrono::steady_clock::now();
  run(**scanner, [] { return true; });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(count(**scanner, Counter::ProbesSent), kTargets);
  EXPECT_GT(count(**scanner, Counter::ProbesLimited), 0U);
  EXPECT_GE(took.count(), kTargets / 20'000.0 - 0.01);
}

TEST(Polling6, ARequestIsOfTheSameBudget) {
  const auto link = open_link("net_null31", 1, false);
  ASSERT_TRUE(link);
  auto scanner = make_scanner({.receive = false, .network_rate = 0.01}, *link, 1);
  ASSERT_TRUE(scanner);
  EXPECT_FALSE((*scanner)->request(space()->any_at(1)));
  scanner->reset();
  scanner = make_scanner({.receive = false}, *link, 1);
  ASSERT_TRUE(scanner);
  EXPECT_TRUE((*scanner)->request(space()->any_at(1)));
}

TEST(Polling6, ACaptureGetsGenuineFramesAsTheyCame) {
  const auto link = open_link("net_ring32", 1, true);
  ASSERT_TRUE(link);
  std::vector<Frame> genuine;
  std::vector<Frame> frames;
  for (std::uint64_t i = 0; i < 20; ++i) {
    genuine.push_back(answer_of(space()->any_at(i * 7), 0x12));
    Frame forged = genuine.back();
    forged[62] ^= std::byte{1};  // Of the acknowledgement.
    frames.push_back(forged);
    frames.push_back(genuine.back());
  }
  inject(*link, frames);
  auto scanner = make_scanner({.last = 1, .capture = true}, *link, 1);
  ASSERT_TRUE(scanner);
  run(**scanner, [&] { return count(**scanner, Counter::RxFrames) == frames.size() + 1; });
  EXPECT_EQ(count(**scanner, Counter::RxValid), genuine.size());
  std::vector<CapturedFrame> captured(40);
  ASSERT_EQ((*scanner)->take_frames(captured), genuine.size());
  for (std::size_t i = 0; i < genuine.size(); ++i) {
    ASSERT_EQ(captured[i].length, genuine[i].size());
    ASSERT_EQ(captured[i].kept, genuine[i].size());
    EXPECT_TRUE(std::equal(genuine[i].begin(), genuine[i].end(), captured[i].bytes.begin())) << i;
  }
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
