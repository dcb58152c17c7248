#include "osfp/active/sequence.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace trawl::osfp {
namespace {

using namespace std::chrono_literals;
using Isns = std::vector<std::uint32_t>;
using Ids = std::vector<std::uint16_t>;
using Stamps = std::vector<std::optional<std::uint32_t>>;

// Samples of probes that left 100 ms apart.
std::vector<SequenceSample> samples_of(const Isns& isns) {
  std::vector<SequenceSample> samples;
  for (const std::uint32_t isn : isns) {
    const std::size_t number = samples.size();
    samples.push_back(
        {.number = number, .sent_at = 100ms * static_cast<int>(number), .isn = isn, .stamp = {}});
  }
  return samples;
}

std::vector<SequenceSample> stamped(const Stamps& stamps) {
  std::vector<SequenceSample> samples = samples_of(Isns(stamps.size()));
  for (std::size_t i = 0; i < stamps.size(); ++i) samples[i].stamp = stamps[i];
  return samples;
}

std::string stamp_test(const Stamps& stamps) {
  return stamp_value(measure_stamps(stamped(stamps))).value_or("absent");
}

TEST(Sequence, IsnsAreMeasuredAsDocumented) {
  const auto statistics = measure_isns(samples_of({4096, 9047, 15036, 20225, 24578, 28963}));
  ASSERT_TRUE(statistics);
  EXPECT_EQ(statistics->gcd, 1U);
  EXPECT_EQ(statistics->rate_index, 0x7dU);      // 8 log2 49734
  EXPECT_EQ(statistics->predictability, 0x66U);  // 8 log2 6726
}

TEST(Sequence, FewIsnsTellNothing) {
  EXPECT_FALSE(measure_isns(samples_of({1, 2, 3})));
  EXPECT_FALSE(measure_isns({}));
}

TEST(Sequence, ConstantIsnsAreZeroInAllTests) {
  const auto statistics = measure_isns(samples_of(Isns(6, 5000)));
  ASSERT_TRUE(statistics);
  EXPECT_EQ(statistics->gcd, 0U);
  EXPECT_EQ(statistics->rate_index, 0U);
  EXPECT_EQ(statistics->predictability, 0U);
}

TEST(Sequence, GreatCommonDivisorsAreTakenOutOfPredictability) {
  const auto at_nine = measure_isns(samples_of({0, 63, 117, 351, 900, 1980}));
  const auto at_ten = measure_isns(samples_of({0, 70, 130, 390, 1000, 2200}));
  EXPECT_EQ(at_nine->gcd, 9U);
  EXPECT_EQ(at_ten->gcd, 10U);
  EXPECT_EQ(at_nine->predictability, 0x61U);
  EXPECT_EQ(at_ten->predictability, 0x47U);
}

TEST(Sequence, IsnsMayFallAndWrap) {
  const auto falling = measure_isns(samples_of({1000000, 936000, 872000, 808000}));
  EXPECT_EQ(falling->gcd, 64000U);
  EXPECT_EQ(falling->rate_index, 0x9aU);
  const auto wrapping = measure_isns(samples_of({0xffffff00, 0x10, 0x200, 0x300, 0x410, 0x560}));
  EXPECT_EQ(wrapping->gcd, 16U);
  EXPECT_EQ(wrapping->rate_index, 0x5dU);
}

TEST(Sequence, RatesGoByTheTimesOfTheProbes) {
  std::vector<SequenceSample> samples = samples_of({4096, 20225, 24578, 28963});
  samples[1].sent_at = 300ms;  // Two answers are missing in between.
  samples[2].sent_at = 400ms;
  samples[3].sent_at = 500ms;
  const auto statistics = measure_isns(samples);
  EXPECT_EQ(statistics->rate_index, 0x7cU);
  EXPECT_EQ(statistics->predictability, 0x64U);
}

TEST(Sequence, DifficultiesHaveWords) {
  EXPECT_EQ(difficulty_of(0), "Trivial joke");
  EXPECT_EQ(difficulty_of(8), "Medium");
  EXPECT_EQ(difficulty_of(10), "Medium");
  EXPECT_EQ(difficulty_of(13), "Worthy challenge");
  EXPECT_EQ(difficulty_of(17), "Good luck!");
}

struct IdCase {
  Ids ids;
  IpIdClass expected;
};

TEST(Sequence, IpIdsAreClassified) {
  const IdCase cases[] = {
      {{0, 0, 0, 0, 0, 0}, IpIdClass::Zeros},
      {{0x1234, 0x1234, 0x1234}, IpIdClass::Constant},
      {{0, 20001, 20002}, IpIdClass::Random},
      {{0, 20000, 20001}, IpIdClass::RandomPositive},
      {{106, 105, 104}, IpIdClass::Random},
      {{1, 1002, 2003, 3004}, IpIdClass::RandomPositive},
      {{1, 3, 5, 7, 9, 1011}, IpIdClass::RandomPositive},
      {{1, 1001, 2001, 3001}, IpIdClass::IncrementalByTwo},
      {{0, 5120, 10240}, IpIdClass::BrokenIncremental},
      {{0, 5376, 10752}, IpIdClass::IncrementalByTwo},
      {{1, 10, 19, 28}, IpIdClass::Incremental},
      {{1, 11, 21, 31}, IpIdClass::IncrementalByTwo},
      {{1, 12, 23, 34}, IpIdClass::Unknown},
      {{0, 0, 0, 0, 0, 1}, IpIdClass::Incremental},
      {{65534, 65535, 0, 1}, IpIdClass::Incremental},
      {{65280, 0, 256}, IpIdClass::BrokenIncremental},
  };
  for (const IdCase& one : cases) {
    EXPECT_EQ(classify_ip_ids(one.ids, IpIdSource::Open), one.expected)
        << one.ids[0] << " " << one.ids[1];
  }
}

TEST(Sequence, EchoRepliesAreTooFewForRandom) {
  EXPECT_EQ(classify_ip_ids(Ids{60001, 1}, IpIdSource::Echo), IpIdClass::RandomPositive);
  EXPECT_EQ(classify_ip_ids(Ids{0, 25600}, IpIdSource::Echo), IpIdClass::RandomPositive);
  EXPECT_EQ(classify_ip_ids(Ids{0, 25344}, IpIdSource::Echo), IpIdClass::IncrementalByTwo);
  EXPECT_EQ(classify_ip_ids(Ids{0, 20480}, IpIdSource::Open), IpIdClass::Random);
}

TEST(Sequence, IpIdClassesHaveValues) {
  EXPECT_EQ(ip_id_value(IpIdClass::Constant, 0x1ff), "1FF");
  EXPECT_EQ(ip_id_value(IpIdClass::IncrementalByTwo, 1), "I");
  EXPECT_EQ(ip_id_value(IpIdClass::Unknown, 1), std::nullopt);
}

std::optional<bool> shared(const Ids& ids, std::uint16_t echo, IpIdClass tcp, IpIdClass icmp) {
  std::vector<SequenceSample> samples = samples_of(Isns(ids.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) samples[i].ip_id = ids[i];
  return shares_ip_ids(samples, tcp, icmp, echo);
}

TEST(Sequence, SharedIpIdsGoOnSoonAfter) {
  constexpr auto kOne = IpIdClass::Incremental;
  EXPECT_EQ(shared({117, 118, 119, 120, 121, 122}, 123, kOne, kOne), true);
  EXPECT_EQ(shared({117, 118, 119, 120, 121, 122}, 124, kOne, kOne), true);
  EXPECT_EQ(shared({117, 118, 119, 120, 121, 122}, 125, kOne, kOne), false);
  EXPECT_EQ(shared({117, 118, 119, 120, 121, 122}, 32917, kOne, kOne), false);
  EXPECT_EQ(shared({65530, 65531, 65532, 65533, 65534, 65535}, 2, kOne, kOne), true);
  EXPECT_EQ(shared({65533, 65534, 65535, 0, 1, 2}, 3, kOne, kOne), true);
  EXPECT_EQ(shared({1, 2, 3}, 4, kOne, IpIdClass::RandomPositive), true);
  EXPECT_EQ(shared({1, 2, 3}, 4, IpIdClass::Zeros, kOne), std::nullopt);
  EXPECT_EQ(shared({1, 2, 3}, 4, kOne, IpIdClass::IncrementalByTwo), std::nullopt);
}

TEST(Sequence, StampClocksHaveValues) {
  EXPECT_EQ(stamp_test({10, 10, 10, 10, 11, 11}), "1");
  EXPECT_EQ(stamp_test({10, 20, 30, 40, 50, 60}), "7");
  EXPECT_EQ(stamp_test({10, 30, 50, 70, 90, 110}), "8");
  EXPECT_EQ(stamp_test({10, 13, 16, 19, 22, 25}), "5");
  EXPECT_EQ(stamp_test({10, 110, 210, 310, 410, 510}), "A");
  EXPECT_EQ(stamp_test({600, 500, 400, 300, 200, 100}), "A");
  EXPECT_EQ(stamp_test({10, 1U << 30U, 1U << 31U, 3U << 30U, 5, 7}), "21");
  EXPECT_EQ(stamp_test({10, 110, std::nullopt, 310}), "U");
  EXPECT_EQ(stamp_test({10, 0, 210, 310}), "0");
  EXPECT_EQ(stamp_test({77, 77, 77}), "absent");
  EXPECT_EQ(stamp_test({77}), "absent");
  EXPECT_EQ(stamp_test({}), "absent");
  EXPECT_EQ(stamp_test({std::nullopt}), "U");
}

TEST(Sequence, StampsTellTheUptime) {
  const auto uptime = [](const Stamps& stamps) {
    const auto samples = stamped(stamps);
    return uptime_of(samples, measure_stamps(samples));
  };
  EXPECT_DOUBLE_EQ(uptime({3600000, 3600101, 3600202})->count(), 3600);
  EXPECT_DOUBLE_EQ(uptime({360000, 360011})->count(), 3600);  // 110 Hz is taken for 100.
  EXPECT_FALSE(uptime({7, 1U << 30U, 5}));
  EXPECT_FALSE(uptime({7, 0, 5}));
  EXPECT_FALSE(uptime({std::nullopt}));
}

}  // namespace
}  // namespace trawl::osfp
