#include "control/survey/sweep_planner.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "control/survey/scan_order.h"

namespace trawl::control {
namespace {

using dataplane::Sweep;
using dataplane::TargetSpace;

constexpr Uint128 kSeed = 11;

std::shared_ptr<const TargetSpace> space() {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.18.0.0/20"));
  set.add(*Ipv4Prefix::parse("198.18.77.128/25"));
  return std::make_shared<const TargetSpace>(RankedSet<Ipv4Address>{set},
                                             std::vector<std::uint16_t>{80, 443});
}

SweepPlanner::Config config(RetryMode retries, unsigned probes = 1) {
  const auto targets = space();
  return {.space = targets,
          .order = scan_order(targets->size(), kSeed),
          .seed = kSeed,
          .first = 0,
          .last = targets->size(),
          .probes = probes,
          .retries = retries};
}

// The targets a sweep probes, each of which must come once.
std::set<std::pair<std::uint32_t, std::uint16_t>> probed(const Sweep& sweep) {
  std::set<std::pair<std::uint32_t, std::uint16_t>> targets;
  for (std::uint64_t position = sweep.first; position < sweep.last; ++position) {
    if (sweep.skip && sweep.skip->contains(position - sweep.first)) continue;
    const auto target = sweep.space->at(sweep.order.forward(position));
    EXPECT_TRUE(targets.emplace(target.ip.value(), target.port).second) << position;
  }
  return targets;
}

// A ledger in which `answering` addresses have said something on port 80.
struct Known {
  explicit Known(const TargetSpace& targets, const std::vector<const char*>& answering)
      : ledger{targets.size()} {
    for (const char* text : answering) {
      const Ipv4Address ip = *Ipv4Address::parse(text);
      PortState before{};
      (void)ledger.record(*targets.index_of({ip, 80}), PortState::Closed, before);
      networks.add(ip);
    }
  }
  [[nodiscard]] SweepPlanner::Known known() const { return {ledger, networks, damaged}; }

  ReplyLedger ledger;
  AnsweringNetworks networks;
  std::vector<PositionRange> damaged;
};

TEST(SweepPlanner, SweepsEverythingAsOftenAsAsked) {
  const SweepPlanner planner{config(RetryMode::None, 3)};
  const Known nothing{*space(), {}};
  for (unsigned number = 1; number <= 3; ++number) {
    const auto sweep = planner.sweep(number, nothing.known());
    ASSERT_TRUE(sweep);
    EXPECT_EQ(sweep->attempt, number);
    EXPECT_EQ(probed(*sweep).size(), (4096U + 128) * 2);
    EXPECT_FALSE(planner.is_retry(number));
  }
  EXPECT_FALSE(planner.sweep(4, nothing.known()));
}

TEST(SweepPlanner, ResponsiveRepeatsSilentTargetsOfNetworksThatAnswered) {
  const SweepPlanner planner{config(RetryMode::Responsive)};
  const Known known{*space(), {"198.18.3.7", "198.18.3.8", "198.18.77.200"}};
  const auto sweep = planner.sweep(3, known.known());
  ASSERT_TRUE(sweep);
  EXPECT_TRUE(planner.is_retry(2));
  EXPECT_EQ(sweep->attempt, 3U);
  const auto targets = probed(*sweep);
  // Of 77.0/24 only the half that the plan names.
  EXPECT_EQ(targets.size(), (256U + 128) * 2 - 3);
  for (const auto& [ip, port] : targets) {
    EXPECT_TRUE(known.networks.contains(Ipv4Address{ip}));
    EXPECT_FALSE(known.ledger.knows(*space()->index_of({Ipv4Address{ip}, port})));
  }
  EXPECT_FALSE(planner.sweep(4, known.known()));
}

TEST(SweepPlanner, NothingAnsweredMeansNothingToRepeat) {
  const SweepPlanner planner{config(RetryMode::Responsive)};
  const Known nothing{*space(), {}};
  EXPECT_FALSE(planner.sweep(3, nothing.known()));
}

TEST(SweepPlanner, AllRepeatsEverySilentTarget) {
  const SweepPlanner planner{config(RetryMode::All, 2)};
  const Known known{*space(), {"198.18.3.7", "198.18.77.200"}};
  const auto sweep = planner.sweep(4, known.known());
  ASSERT_TRUE(sweep);
  EXPECT_EQ(sweep->attempt, 4U);
  EXPECT_EQ(probed(*sweep).size(), (4096U + 128) * 2 - 2);
}

TEST(SweepPlanner, DamagedRangesAreRepeatedWhereTheyWereSilent) {
  const SweepPlanner planner{config(RetryMode::None)};
  Known known{*space(), {"198.18.3.7"}};
  EXPECT_FALSE(planner.sweep(2, known.known()));
  known.damaged = {{100, 300}, {5000, 5064}};
  const auto sweep = planner.sweep(2, known.known());
  ASSERT_TRUE(sweep);
  EXPECT_EQ(sweep->attempt, 2U);
  std::set<std::pair<std::uint32_t, std::uint16_t>> expected;
  for (const PositionRange& range : known.damaged) {
    for (std::uint64_t position = range.first; position < range.last; ++position) {
      const auto target = space()->at(planner.config().order.forward(position));
      if (known.ledger.knows(planner.config().order.forward(position))) continue;
      expected.emplace(target.ip.value(), target.port);
    }
  }
  EXPECT_EQ(probed(*sweep), expected);
}

TEST(SweepPlanner, ShardsRepeatTheirOwnTargetsOnly) {
  const Known known{*space(), {"198.18.3.7", "198.18.9.9"}};
  std::set<std::pair<std::uint32_t, std::uint16_t>> all;
  for (std::uint64_t part = 0; part < 3; ++part) {
    SweepPlanner::Config shard = config(RetryMode::Responsive);
    const std::uint64_t total = shard.last;
    shard.first = total * part / 3;
    shard.last = total * (part + 1) / 3;
    const SweepPlanner planner{shard};
    const auto first = probed(*planner.sweep(1, known.known()));
    const auto sweep = planner.sweep(3, known.known());
    ASSERT_TRUE(sweep);
    for (const auto& target : probed(*sweep)) {
      EXPECT_TRUE(first.contains(target));
      EXPECT_TRUE(all.insert(target).second);
    }
  }
  EXPECT_EQ(all.size(), 2U * 256 * 2 - 2);
}

// The networks that answered hold more than was probed at all: nothing as large as they are.
TEST(SweepPlanner, RepeatsOfASmallSampleAreBoundedByTheSample) {
  const Known known{*space(), {"198.18.3.7", "198.18.9.9"}};
  SweepPlanner::Config sample = config(RetryMode::Responsive);
  sample.first = 50;
  sample.last = 350;
  const SweepPlanner planner{sample};
  const auto first = probed(*planner.sweep(1, known.known()));
  const auto sweep = planner.sweep(3, known.known());
  ASSERT_TRUE(sweep);
  EXPECT_LE(sweep->last - sweep->first, 300U);
  std::set<std::pair<std::uint32_t, std::uint16_t>> expected;
  for (const auto& target : first) {
    const Ipv4Address ip{target.first};
    const bool answered = known.ledger.knows(*space()->index_of({ip, target.second}));
    if (known.networks.contains(ip) && !answered) expected.insert(target);
  }
  EXPECT_EQ(probed(*sweep), expected);
}

TEST(SweepPlanner, SameKnowledgeGivesTheSameSweep) {
  const Known known{*space(), {"198.18.3.7", "198.18.9.9"}};
  const SweepPlanner planner{config(RetryMode::Responsive)};
  const auto one = planner.sweep(3, known.known());
  const auto other = planner.sweep(3, known.known());
  for (std::uint64_t position = 0; position < one->last; ++position) {
    ASSERT_EQ(one->order.forward(position), other->order.forward(position));
  }
}

TEST(AnsweringNetworks, ClipToTheSpaceAlsoAtItsEnds) {
  Ipv4Set set;
  set.add({Ipv4Address{0}, Ipv4Address{10}});
  set.add(*Ipv4Prefix::parse("198.18.5.64/26"));
  set.add({Ipv4Address{0xfffffff0U}, Ipv4Address{0xffffffffU}});
  const RankedSet<Ipv4Address> all{set};
  AnsweringNetworks networks;
  for (const std::uint32_t ip : {5U, 0xc6120541U, 0xfffffff1U, 0x01010101U}) {
    networks.add(Ipv4Address{ip});
  }
  EXPECT_EQ(networks.count(), 4U);
  const Ipv4Set clipped = networks.of(all);
  EXPECT_EQ(clipped.size(), 11U + 64 + 16);
  EXPECT_TRUE(clipped.contains(Ipv4Address{0xffffffffU}));
  EXPECT_FALSE(clipped.contains(Ipv4Address{0x01010101U}));
}

TEST(AnsweringNetworks, OfIpv6AreThe64s) {
  const auto address = [](const char* text) { return *Ipv6Address::parse(text); };
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8::/120"));
  set.add(*Ipv6Prefix::parse("2001:db8:0:1::/127"));
  set.add(*Ipv6Prefix::parse("2001:db8:0:2::/127"));
  AnsweringNetworks networks;
  networks.add(address("2001:db8::7"));
  networks.add(address("2001:db8:0:1::"));
  networks.add(address("2a00::1"));
  EXPECT_EQ(networks.count(), 3U);
  EXPECT_TRUE(networks.contains(address("2001:db8::ffff:0:0:1")));
  EXPECT_FALSE(networks.contains(address("2001:db8:0:2::1")));
  const Ipv6Set clipped = networks.of(RankedSet<Ipv6Address>{set});
  EXPECT_EQ(static_cast<unsigned>(clipped.size()), 258U);
  EXPECT_FALSE(clipped.contains(address("2001:db8:0:2::1")));
}

}  // namespace
}  // namespace trawl::control
