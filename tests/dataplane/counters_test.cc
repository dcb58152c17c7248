#include "dataplane/counters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

namespace trawl::dataplane {
namespace {

bool is_snake_case(std::string_view name) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty() || !allowed(name.front()) || !allowed(name.back())) return false;
  if (name.find("__") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [&](char c) { return allowed(c) || c == '_'; });
}

TEST(Counters, NamesAreUniqueAndSnakeCase) {
  std::set<std::string_view> names;
  std::set<std::string_view> texts;
  for (std::size_t i = 0; i < kCounters; ++i) {
    const CounterInfo& info = counter_info(static_cast<Counter>(i));
    EXPECT_TRUE(is_snake_case(info.name)) << i << " " << info.name;
    EXPECT_FALSE(info.text.empty()) << info.name;
    names.insert(info.name);
    texts.insert(info.text);
  }
  EXPECT_EQ(names.size(), kCounters);
  EXPECT_EQ(texts.size(), kCounters);
  EXPECT_EQ(static_cast<std::size_t>(Counter::RawRingFull) + 1, kCounters);
}

// The enumerators and their names are two lists; both ends and the joints are pinned.
TEST(Counters, NamesBelongToTheirEnumerators) {
  EXPECT_EQ(counter_info(Counter::ProbesSent).name, "probes_sent");
  EXPECT_EQ(counter_info(Counter::ProbesBlocked).name, "probes_blocked");
  EXPECT_EQ(counter_info(Counter::ProbesOptedOut).name, "probes_opted_out");
  EXPECT_EQ(counter_info(Counter::TxRingFull).name, "tx_ring_full");
  EXPECT_EQ(counter_info(Counter::PacingStalls).name, "pacing_stalls");
  EXPECT_EQ(counter_info(Counter::KernelScanPort).name, "kernel_scan_port");
  EXPECT_EQ(counter_info(Counter::RxFrames).name, "rx_frames");
  EXPECT_EQ(counter_info(Counter::RxForged).name, "rx_forged");
  EXPECT_EQ(counter_info(Counter::KernelRefused).name, "kernel_refused");
  EXPECT_EQ(counter_info(Counter::RxWaits).name, "rx_waits");
}

TEST(Counters, OnlyAProbeThatCouldNotBeSentIsALoss) {
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    const bool not_sent = counter == Counter::ProbesBlocked || counter == Counter::ProbesAbandoned;
    EXPECT_EQ(counter_info(counter).kind == CounterKind::Loss, not_sent);
  }
}

TEST(Counters, SumsOverCores) {
  const auto first = std::make_unique<CoreCounters>();
  const auto second = std::make_unique<CoreCounters>();
  first->add(Counter::ProbesSent);
  first->add(Counter::ProbesSent, 9);
  second->add(Counter::ProbesSent, 5);
  second->set(Counter::PacingStalls, 3);
  second->set(Counter::PacingStalls, 2);
  CounterValues sums{};
  first->add_to(sums);
  second->add_to(sums);
  EXPECT_EQ(sums[static_cast<std::size_t>(Counter::ProbesSent)], 15U);
  EXPECT_EQ(sums[static_cast<std::size_t>(Counter::PacingStalls)], 2U);
  EXPECT_EQ(sums[static_cast<std::size_t>(Counter::RxFrames)], 0U);
}

}  // namespace
}  // namespace trawl::dataplane
