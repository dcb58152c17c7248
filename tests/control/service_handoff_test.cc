#include "control/survey/service_handoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <unordered_set>
#include <vector>

#include "tests/control/fake_services.h"

namespace trawl::control {
namespace {

// Keeps what facts are about.
class FactCounter final : public ResultSink {
 public:
  [[nodiscard]] Result<void> write(std::span<const Verdict> /*verdicts*/) override { return {}; }
  [[nodiscard]] Result<void> write_facts(std::span<const ServiceFact> facts) override {
    for (const ServiceFact& fact : facts) {
      if (!seen.insert(fact.ip.v4().value()).second) ++doubled;
    }
    if (fails) return fail(ExitCode::Output, "no space");
    return {};
  }
  [[nodiscard]] Result<void> flush() override { return {}; }
  [[nodiscard]] Result<void> close() override { return {}; }

  std::unordered_set<std::uint32_t> seen;
  std::uint64_t doubled = 0;
  bool fails = false;
};

class ServiceHandoffTest : public testing::Test {
 protected:
  void open(std::size_t waiting, std::size_t a_turn) {
    auto opened = ServiceTier::open({.threads = 2,
                                     .ports_at_once = 256,
                                     .ports_waiting = waiting,
                                     .make = FakeServices::maker(record, a_turn)});
    ASSERT_TRUE(opened);
    tier = std::move(*opened);
    handoff = std::make_unique<ServiceHandoff>(
        ServiceHandoff::Parts{.tier = *tier, .sink = sink, .hold = [this](bool is_held) {
                                EXPECT_NE(held, is_held);
                                held = is_held;
                                if (is_held) ++holds;
                              }});
  }
  static OpenPort port(std::uint64_t index) {
    return {.ip = Ipv4Address{static_cast<std::uint32_t>(index)}, .index = index, .port = 80};
  }
  bool turn() {
    const auto moved = handoff->turn(ServiceHandoff::Clock::now());
    EXPECT_TRUE(moved);
    if (!*moved) std::this_thread::yield();
    return *moved;
  }
  void finish() {
    while (handoff->waiting() > 0) turn();
  }

  FakeRecord record;
  FactCounter sink;
  std::unique_ptr<ServiceTier> tier;
  std::unique_ptr<ServiceHandoff> handoff;
  bool held = false;
  std::uint64_t holds = 0;
};

// Every target is open, they come far faster than they are asked, and a thousand more are on their
// way when the senders stop.
TEST_F(ServiceHandoffTest, MemoryIsBoundedAndNothingIsLostWhenEverythingIsOpen) {
  constexpr std::uint64_t kTargets = 1U << 20U;
  constexpr std::size_t kBatch = 256;
  constexpr std::uint64_t kOnTheirWay = 1000;
  open(4096, 512);
  std::uint64_t most_waiting = 0;
  std::uint64_t on_their_way = kOnTheirWay;
  for (std::uint64_t next = 0; next < kTargets;) {
    if (!held) on_their_way = kOnTheirWay;
    if (handoff->has_room()) {
      std::uint64_t batch = std::min<std::uint64_t>(kBatch, kTargets - next);
      if (held) batch = std::min(batch, on_their_way);
      if (held) on_their_way -= batch;
      for (; batch > 0; --batch) handoff->found(port(next++));
    }
    most_waiting = std::max(most_waiting, handoff->waiting());
    turn();
  }
  finish();
  EXPECT_EQ(sink.seen.size(), kTargets);
  EXPECT_EQ(sink.doubled, 0U);
  EXPECT_EQ(record.asked, kTargets);
  EXPECT_GT(holds, 0U);
  EXPECT_LE(most_waiting, tier->capacity() + 2 * ServiceTier::kFactsWaiting + kBatch);
  EXPECT_LE(record.most_at_once, 256U);
  turn();
  EXPECT_FALSE(held);
}

TEST_F(ServiceHandoffTest, FewOpenPortsHoldNobody) {
  open(ServiceTier::kPortsWaiting, 512);
  for (std::uint64_t i = 0; i < 2000; ++i) handoff->found(port(i));
  finish();
  EXPECT_EQ(holds, 0U);
  EXPECT_EQ(sink.seen.size(), 2000U);
  const ServiceProgress progress = handoff->progress(ServiceHandoff::Clock::now());
  EXPECT_EQ(progress.found, 2000U);
  EXPECT_EQ(progress.answered, 2000U);
  EXPECT_EQ(progress.identified, 2000U);
  EXPECT_EQ(progress.waiting, 0U);
  EXPECT_EQ(progress.held.count(), 0);
}

TEST_F(ServiceHandoffTest, WithoutRoomRepliesAreLeftWhereTheyAre) {
  open(64, 1);
  std::uint64_t index = 0;
  while (handoff->has_room()) handoff->found(port(index++));
  EXPECT_LE(handoff->waiting(), 64U * 2 + 4 * ServiceTier::kFactsWaiting);
  turn();
  EXPECT_TRUE(held);
  finish();
  EXPECT_TRUE(handoff->has_room());
  EXPECT_EQ(sink.seen.size(), index);
}

TEST_F(ServiceHandoffTest, PortsOfAnEarlierProcessAreAskedToo) {
  open(1024, 512);
  std::uint64_t next = 5000;
  handoff->resume(
      [&next]() -> Result<std::optional<OpenPort>> {
        if (next == 15000) return std::nullopt;
        return port(next++);
      },
      10'000, 5000);
  EXPECT_EQ(handoff->waiting(), 10'000U);
  handoff->found(port(1));
  finish();
  EXPECT_EQ(sink.seen.size(), 10'001U);
  EXPECT_EQ(holds, 0U);  // What was found before does not slow what is found now.
  EXPECT_EQ(handoff->progress(ServiceHandoff::Clock::now()).answered, 15'001U);
}

TEST_F(ServiceHandoffTest, WhatIsLeftAtTheEndIsCounted) {
  open(1024, 512);
  handoff->found({.ip = Ipv4Address{1}, .index = 1, .port = FakeServices::kKept});
  handoff->close();
  handoff->found(port(2));
  turn();
  EXPECT_EQ(handoff->waiting(), 2U);
  EXPECT_TRUE(handoff->has_room());
}

TEST_F(ServiceHandoffTest, OutputsThatFailEndTheSurvey) {
  open(1024, 512);
  sink.fails = true;
  handoff->found(port(1));
  Result<bool> turned = true;
  while (turned) turned = handoff->turn(ServiceHandoff::Clock::now());
  EXPECT_EQ(turned.error().code, ExitCode::Output);
}

}  // namespace
}  // namespace trawl::control
