// What cores share without DPDK, used by several threads at once. These run in every build, and
// under ThreadSanitizer find an access that is not atomic.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/neighbours.h"

namespace trawl::dataplane {
namespace {

constexpr std::uint64_t kRounds = 50'000;
constexpr auto kSent = static_cast<std::size_t>(Counter::ProbesSent);
constexpr auto kStalls = static_cast<std::size_t>(Counter::PacingStalls);

TEST(Threads, SnapshotsOfCountersNeverFallAndEndWhole) {
  constexpr std::size_t kCores = 2;
  const auto cores = std::make_unique<CoreCounters[]>(kCores);
  std::vector<std::jthread> polling;
  std::atomic<std::size_t> done{0};
  for (std::size_t core = 0; core < kCores; ++core) {
    polling.emplace_back([&, core] {
      for (std::uint64_t i = 1; i <= kRounds; ++i) {
        cores[core].add(Counter::ProbesSent, core + 1);
        cores[core].set(Counter::PacingStalls, i);
      }
      ++done;
    });
  }
  std::uint64_t sent = 0;
  std::uint64_t stalls = 0;
  for (bool is_last = false; !is_last;) {
    is_last = done == kCores;
    CounterValues sums{};
    for (std::size_t core = 0; core < kCores; ++core) cores[core].add_to(sums);
    ASSERT_GE(sums[kSent], sent);
    ASSERT_GE(sums[kStalls], stalls);
    sent = sums[kSent];
    stalls = sums[kStalls];
  }
  EXPECT_EQ(sent, kRounds * 3);
  EXPECT_EQ(stalls, kRounds * kCores);
}

class SharedNeighbours : public testing::Test {
 protected:
  static constexpr std::uint32_t kHosts = 256;
  // The sixth byte says which thread spoke, the fifth which host.
  static MacAddress mac_of(std::uint32_t host, std::uint8_t speaker) {
    return MacAddress{MacAddress::Bytes{0x02, 0, 0, 0, static_cast<std::uint8_t>(host), speaker}};
  }
  static bool is_whole(std::uint64_t word, std::uint32_t host) {
    return word == 0 || word == (Neighbours::kResolved | mac_of(host, 1).to_integer()) ||
           word == (Neighbours::kResolved | mac_of(host, 2).to_integer());
  }
  Ipv4Address host(std::uint32_t i) const { return Ipv4Address{subnet_.first().value() + i}; }

  const Ipv4Prefix subnet_ = *Ipv4Prefix::parse("192.168.5.0/24");
  const Ipv4Address gateway_ = *Ipv4Address::parse("192.168.5.1");
};

// Two cores receive, two send.
TEST_F(SharedNeighbours, SendersSeeNothingOrAWholeAddress) {
  auto made = Neighbours::make({.on_link = {subnet_}, .gateway = gateway_, .gateway_mac = {}});
  ASSERT_TRUE(made);
  Neighbours& neighbours = *made;
  constexpr std::uint32_t kPasses = kRounds / kHosts;
  std::atomic<bool> is_torn{false};
  {
    std::vector<std::jthread> threads;
    for (std::uint8_t speaker = 1; speaker <= 2; ++speaker) {
      threads.emplace_back([&, speaker] {
        for (std::uint32_t i = 0; i < kPasses * kHosts; ++i) {
          neighbours.learn(host(i % kHosts), mac_of(i % kHosts, speaker));
        }
      });
    }
    for (int sender = 0; sender < 2; ++sender) {
      threads.emplace_back([&] {
        for (std::uint32_t i = 0; i < kPasses * kHosts; ++i) {
          const auto word = neighbours.next_hop(host(i % kHosts))->load(std::memory_order_relaxed);
          const auto far = neighbours.next_hop(Ipv4Address{0xc6120001});
          if (!is_whole(word, i % kHosts) || !is_whole(far->load(std::memory_order_relaxed), 1)) {
            is_torn = true;
          }
        }
      });
    }
  }
  EXPECT_FALSE(is_torn);
  for (std::uint32_t i = 0; i < kHosts; ++i) {
    EXPECT_NE(neighbours.next_hop(host(i))->load() & Neighbours::kResolved, 0U) << i;
    EXPECT_TRUE(is_whole(neighbours.next_hop(host(i))->load(), i)) << i;
  }
  EXPECT_TRUE(is_whole(neighbours.gateway()->load(), 1));
  EXPECT_NE(neighbours.gateway()->load(), 0U);
}

}  // namespace
}  // namespace trawl::dataplane
