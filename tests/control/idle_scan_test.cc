#include "control/audit/engine/idle_scan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/audit/engine/ip_id.h"
#include "control/audit/engine/zombie_check.h"
#include "tests/control/idle_world.h"

namespace trawl::control {
namespace {

using Ids = std::vector<std::uint16_t>;
using testing::IsEmpty;

TEST(IpIds, AreClassifiedAsNmapDoes) {
  EXPECT_EQ(classify_ip_ids(Ids{65533, 65534, 65535, 0, 3}), IpIdClass::Incremental);
  EXPECT_EQ(classify_ip_ids(Ids{65532, 65534, 0, 4}), IpIdClass::IncrementalByTwo);
  // 254, 255, 256 and 258 with their bytes swapped.
  EXPECT_EQ(classify_ip_ids(Ids{0xfe00, 0xff00, 0x0001, 0x0201}), IpIdClass::LittleEndian);
  EXPECT_EQ(classify_ip_ids(Ids{0, 0, 0}), IpIdClass::Zeros);
  EXPECT_EQ(classify_ip_ids(Ids{7, 7, 7}), IpIdClass::Unknown);
  EXPECT_EQ(classify_ip_ids(Ids{100, 50'000, 3}), IpIdClass::Random);
  EXPECT_EQ(classify_ip_ids(Ids{100, 1'200, 9'000}), IpIdClass::RandomIncrements);
  EXPECT_EQ(classify_ip_ids(Ids{100, 150, 190}), IpIdClass::Unknown);
  EXPECT_EQ(classify_ip_ids(Ids{1, 2}), IpIdClass::Unknown);
  EXPECT_EQ(name_of(IpIdClass::LittleEndian), "Broken little-endian incremental");
}

TEST(IpIds, CountPacketsAcrossTheWrap) {
  EXPECT_EQ(packets_between(IpIdClass::Incremental, 65'535, 2), 3);
  EXPECT_EQ(packets_between(IpIdClass::IncrementalByTwo, 65'534, 4), 3);
  EXPECT_EQ(packets_between(IpIdClass::IncrementalByTwo, 0, 3), -1);
  EXPECT_EQ(packets_between(IpIdClass::LittleEndian, 0xff00, 0x0101), 2);
  EXPECT_EQ(packets_between(IpIdClass::LittleEndian, 0xffff, 0x0000), 1);
  EXPECT_EQ(packets_between(IpIdClass::Incremental, 5, 4), -1);
}

// Asks until it is done; every `lost`th question gets no answer.
ZombieCheck checked(std::uint32_t lost, std::uint16_t step) {
  ZombieCheck check;
  Moment now{0};
  std::uint16_t id = 65'530;
  while (!check.is_done()) {
    now = std::max(now, check.wake());
    const auto question = check.next(now);
    if (!question) continue;
    if (lost != 0 && *question % lost == 0) continue;
    id = static_cast<std::uint16_t>(id + step);
    check.answered(*question, id, now + Moment{400});
  }
  return check;
}

TEST(ZombieCheck, AsksAgainForWhatGotLost) {
  EXPECT_EQ(checked(0, 1).questions(), 8U);
  EXPECT_EQ(checked(0, 1).found(), IpIdClass::Incremental);
  const ZombieCheck check = checked(3, 1);
  EXPECT_EQ(check.answers(), 8U);
  EXPECT_GT(check.questions(), 8U);
  EXPECT_EQ(check.found(), IpIdClass::Incremental);
}

TEST(ZombieCheck, GivesUpOnASilentOne) {
  const ZombieCheck check = checked(1, 1);
  EXPECT_EQ(check.answers(), 0U);
  EXPECT_LE(check.questions(), 24U);
  EXPECT_LT(check.wake(), Moment{10'000'000});
}

TEST(IdleMeter, CountsWhatIsNotAnAnswerToUs) {
  IdleMeter meter{IpIdClass::Incremental, RttEstimator{zombie_timing()}};
  meter.begin({{.kind = IdleAction::Kind::Syn, .number = 7}}, Moment{10'000}, false, Moment{0});
  const auto first = meter.next(Moment{0});
  ASSERT_TRUE(first && first->kind == IdleAction::Kind::Ask);
  meter.answered(first->number, 65'535, Moment{1000});
  EXPECT_EQ(meter.next(Moment{1000})->number, 7U);
  EXPECT_FALSE(meter.next(Moment{1000}));
  EXPECT_FALSE(meter.next(Moment{10'999}));
  const auto last = meter.next(Moment{11'000});
  ASSERT_TRUE(last);
  meter.answered(last->number, 2, Moment{12'000});
  const auto count = meter.take();
  ASSERT_TRUE(count);
  EXPECT_TRUE(count->is_sure);
  EXPECT_EQ(count->sent, 2U);
  EXPECT_EQ(count->took, Moment{11'000});
}

TEST(IdleMeter, IsNotSureOfACountWithALostQuestionInIt) {
  for (const std::uint16_t id : {std::uint16_t{2}, std::uint16_t{1}}) {
    IdleMeter meter{IpIdClass::Incremental, RttEstimator{zombie_timing()}};
    meter.begin({}, Moment{10'000}, false, Moment{0});
    meter.answered(meter.next(Moment{0})->number, 0, Moment{1000});
    (void)meter.next(Moment{1000});
    (void)meter.next(Moment{11'000});
    const auto again = meter.next(Moment{5'000'000});
    ASSERT_TRUE(again);
    meter.answered(again->number, id, Moment{5'001'000});
    // Nothing but the answer itself is nothing, whatever got lost.
    EXPECT_EQ(meter.take()->is_sure, id == 1);
  }
}

struct Sum {
  std::size_t open = 0, found = 0, wrong = 0, failed = 0, undecided = 0;
  double seconds = 0;
};

// A number of scans, each with other ports open and by other numbers.
Sum sum_of(IdleWorld::Settings settings, std::size_t open, int scans = 12) {
  constexpr IpIdClass kClasses[] = {IpIdClass::Incremental, IpIdClass::LittleEndian,
                                    IpIdClass::IncrementalByTwo};
  Sum sum;
  for (int i = 0; i < scans; ++i) {
    settings.seed = 1000 + static_cast<std::uint64_t>(i);
    settings.numbers = kClasses[i % 3];
    std::mt19937_64 random{settings.seed};
    settings.open.clear();
    while (settings.open.size() < open) {
      settings.open.insert(static_cast<std::uint32_t>(random() % settings.ports));
    }
    const IdleWorld::Result result = IdleWorld{settings}.run();
    sum.open += open;
    for (const std::uint32_t port : result.open) {
      ++(settings.open.contains(port) ? sum.found : sum.wrong);
    }
    sum.undecided += settings.ports - result.open.size() - result.shut.size();
    if (result.failure != IdleScan::Failure::None) ++sum.failed;
    sum.seconds += static_cast<double>(result.took.count()) * 1e-6 / scans;
  }
  return sum;
}

IdleWorld::Settings lossy(double loss) {
  IdleWorld::Settings settings;
  settings.loss = loss;
  return settings;
}

TEST(IdleScan, FindsJustTheOpenPortsByAQuietZombie) {
  for (const std::size_t open : {0U, 1U, 10U, 200U}) {
    const Sum sum = sum_of({}, open);
    EXPECT_EQ(sum.found, sum.open) << open;
    EXPECT_EQ(sum.wrong, 0U) << open;
    EXPECT_EQ(sum.undecided, 0U) << open;
    // Forty milliseconds a count: halves, not one port after the other.
    EXPECT_LT(sum.seconds, open < 200 ? 4 : 12) << open;
  }
}

TEST(IdleScan, MissesFewWhenPacketsAreLost) {
  for (const std::size_t open : {1U, 10U, 200U}) {
    const Sum sum = sum_of(lossy(0.02), open, open == 1 ? 300 : 60);
    EXPECT_GE(static_cast<double>(sum.found), 0.99 * static_cast<double>(sum.open)) << open;
    EXPECT_EQ(sum.wrong, 0U) << open;
    EXPECT_EQ(sum.failed, 0U) << open;
    const Sum worse = sum_of(lossy(0.05), open, open == 1 ? 300 : 30);
    EXPECT_GE(static_cast<double>(worse.found), 0.96 * static_cast<double>(worse.open)) << open;
    EXPECT_EQ(worse.wrong, 0U) << open;
  }
}

TEST(IdleScan, IsNotFooledByOtherTraffic) {
  for (const double others : {1.0, 5.0, 20.0, 50.0}) {
    for (const double bursts : {0.0, 0.5}) {
      for (const double loss : {0.0, 0.05}) {
        for (const std::size_t open : {0U, 1U, 10U}) {
          const Sum sum =
              sum_of({.open = {}, .loss = loss, .others = others, .bursts = bursts}, open);
          const std::string about =
              fmt::format("{} others, {} bursts, loss {}, {} open", others, bursts, loss, open);
          EXPECT_EQ(sum.wrong, 0U) << about;
          EXPECT_EQ(sum.undecided, 0U) << about;
          EXPECT_GE(sum.found + 1, sum.open - sum.open / 20) << about;
        }
      }
    }
  }
}

// Where other ports of the zombie are filtered, each look has one SYN, and little else will do.
TEST(IdleScan, DoesWithOneSynALookWhereItHasTo) {
  const Sum quiet = sum_of({.open = {}, .answers_at_other_ports = false}, 10, 30);
  EXPECT_EQ(quiet.found, quiet.open);
  EXPECT_EQ(quiet.wrong, 0U);
  for (const double others : {5.0, 20.0, 50.0}) {
    EXPECT_EQ(sum_of({.open = {}, .others = others, .answers_at_other_ports = false}, 1).wrong, 0U)
        << others;
  }
}

TEST(IdleScan, WaitsLongerWhereAnswersAreLate) {
  const Sum sum = sum_of({.open = {},
                          .to_zombie = Moment{20'000},
                          .to_target = Moment{40'000},
                          .target_to_zombie = Moment{60'000},
                          .wait = Moment{90'000}},
                         5);
  EXPECT_EQ(sum.found, sum.open);
  EXPECT_EQ(sum.wrong, 0U);
}

TEST(IdleScan, TellsAZombieThatCountsForEachHost) {
  const IdleWorld::Result result = IdleWorld{{.open = {3}, .counts_per_host = true}}.run();
  EXPECT_EQ(result.failure, IdleScan::Failure::NoSpoofing);
  EXPECT_THAT(result.open, IsEmpty());
  // The target has got nothing yet.
  EXPECT_EQ(result.packets_to_target, 0U);
}

TEST(IdleScan, KeepsWhatItKnowsOfAZombieThatFallsSilent) {
  const IdleWorld::Result result =
      IdleWorld{{.ports = 900, .open = {}, .falls_silent = true}}.run();
  EXPECT_EQ(result.failure, IdleScan::Failure::Silent);
  EXPECT_THAT(result.open, IsEmpty());
  EXPECT_GT(result.shut.size(), 0U);
  EXPECT_LT(result.shut.size(), 900U);
  EXPECT_LT(result.took, Moment{30'000'000});
}

TEST(IdleScan, GivesUpOnABusyZombie) {
  const IdleWorld::Result result = IdleWorld{{.open = {3}, .others = 2000}}.run();
  EXPECT_EQ(result.failure, IdleScan::Failure::Busy);
  EXPECT_THAT(result.open, IsEmpty());
  EXPECT_LT(result.took, Moment{60'000'000});
}

TEST(IdleScan, HasNothingToDoWithoutPorts) {
  const IdleWorld::Result result = IdleWorld{{.ports = 0, .open = {}}}.run();
  EXPECT_EQ(result.failure, IdleScan::Failure::None);
  EXPECT_EQ(result.packets_to_target, 0U);
}

}  // namespace
}  // namespace trawl::control
