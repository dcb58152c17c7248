#include "dataplane/permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "dataplane/target_space.h"

namespace trawl::dataplane {
namespace {

constexpr std::uint64_t kMebi = std::uint64_t{1} << 20U;

// Which of [0, size) forward_batch() visits, in batches of `batch`; false when one is visited twice
// or lies outside.
bool visits_each_once(const Permutation& order, std::size_t batch) {
  std::vector<std::uint64_t> seen((order.size() + 63) / 64);
  std::vector<std::uint64_t> indexes(batch);
  for (std::uint64_t at = 0; at < order.size(); at += batch) {
    const std::size_t count = std::min<std::uint64_t>(batch, order.size() - at);
    order.forward_batch(at, {indexes.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      if (indexes[i] >= order.size()) return false;
      std::uint64_t& word = seen[indexes[i] / 64];
      const std::uint64_t bit = std::uint64_t{1} << (indexes[i] % 64);
      if ((word & bit) != 0) return false;
      word |= bit;
    }
  }
  return true;
}

// The standard normal deviate that a chi-square with `freedom` degrees corresponds to (Wilson and
// Hilferty, 1931).
double normal_deviate(double chi_square, double freedom) {
  const double spread = 2.0 / (9.0 * freedom);
  return (std::cbrt(chi_square / freedom) - (1.0 - spread)) / std::sqrt(spread);
}

// How unevenly the first `draws` indexes fall into /16s of 65536 * `ports` indexes each, as a
// normal deviate against a draw without replacement.
double deviate_over_networks(const Permutation& order, std::uint64_t ports, std::size_t draws) {
  const std::uint64_t per_network = 65536 * ports;
  const std::uint64_t networks = order.size() / per_network;
  std::vector<std::uint64_t> indexes(draws);
  order.forward_batch(0, indexes);
  std::vector<std::uint32_t> counts(networks);
  for (const std::uint64_t index : indexes) ++counts[index / per_network];
  const double expected = static_cast<double>(draws) / static_cast<double>(networks);
  double chi_square = 0.0;
  for (const std::uint32_t count : counts) {
    chi_square += (count - expected) * (count - expected) / expected;
  }
  const double finite = 1.0 - static_cast<double>(draws) / static_cast<double>(order.size());
  return normal_deviate(chi_square / finite, static_cast<double>(networks) - 1.0);
}

TEST(Permutation, VisitsEachIndexOnceAtEverySizeTo4096) {
  for (std::uint64_t size = 1; size <= 4096; ++size) {
    ASSERT_TRUE(visits_each_once(Permutation(size, size * 77, 5), 64)) << size;
  }
}

TEST(Permutation, VisitsEachIndexOnceAtLargeSizes) {
  constexpr std::uint64_t kPrime = 67108859;  // The largest below 2^26.
  for (const std::uint64_t size : {16 * kMebi - 1, 16 * kMebi, 16 * kMebi + 1, kPrime}) {
    ASSERT_TRUE(visits_each_once(Permutation(size, 11, size), 1024)) << size;
  }
}

TEST(Permutation, InverseUndoesForwardAtEverySmallSize) {
  for (std::uint64_t size = 1; size <= 512; ++size) {
    const Permutation order{size, 3, size};
    for (std::uint64_t i = 0; i < size; ++i) ASSERT_EQ(order.inverse(order.forward(i)), i) << size;
  }
}

TEST(Permutation, InverseUndoesForwardOnTenMillionPositions) {
  std::mt19937_64 random{20};
  std::vector<std::uint64_t> sizes{Permutation::kMostSize, Permutation::kMostSize - 1,
                                   std::uint64_t{1} << 32U, (std::uint64_t{1} << 47U) + 1};
  while (sizes.size() < 100) {
    const std::uint64_t size = random() >> (16 + random() % 40);
    sizes.push_back(std::clamp<std::uint64_t>(size, 1, Permutation::kMostSize));
  }
  std::array<std::uint64_t, 64> indexes;
  std::uint64_t wrong = 0;
  for (const std::uint64_t size : sizes) {
    const Permutation order{size, random(), random()};
    for (unsigned burst = 0; burst < 100'000 / indexes.size() + 1; ++burst) {
      const std::size_t count = std::min<std::uint64_t>(size, indexes.size());
      const std::uint64_t first = random() % (size - count + 1);
      order.forward_batch(first, {indexes.data(), count});
      for (std::size_t i = 0; i < count; ++i) {
        wrong += static_cast<std::uint64_t>(indexes[i] >= size ||
                                            order.inverse(indexes[i]) != first + i);
      }
    }
    ASSERT_EQ(wrong, 0U) << size;
  }
}

TEST(Permutation, BatchesOfEverySizeEqualSingleSteps) {
  for (const std::uint64_t size : {1ULL, 63ULL, 4032ULL, 4033ULL, 4096ULL, 4097ULL, 10'000ULL,
                                   1ULL << 32U, 1ULL << 48U, (1ULL << 48U) - 12345}) {
    const Permutation order{size, 8, 9};
    for (std::size_t count = 0; count <= std::min<std::uint64_t>(size, 200); ++count) {
      std::vector<std::uint64_t> indexes(count + 1, 0xdead);
      const std::uint64_t first = (size - count) / 3;
      order.forward_batch(first, {indexes.data(), count});
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(indexes[i], order.forward(first + i));
      ASSERT_EQ(indexes[count], 0xdeadU) << "wrote past the batch";
    }
  }
}

// A batch may begin anywhere in a row of the grid and end in the next one.
TEST(Permutation, BatchesAcrossRowEndsEqualSingleSteps) {
  for (const std::uint64_t size : {4096ULL, 5000ULL, 70'000ULL}) {
    const Permutation order{size, 1, 2};
    std::array<std::uint64_t, 72> indexes;
    for (std::uint64_t first = 0; first + indexes.size() <= std::min<std::uint64_t>(size, 5000);
         ++first) {
      order.forward_batch(first, indexes);
      for (std::size_t i = 0; i < indexes.size(); ++i) {
        ASSERT_EQ(indexes[i], order.forward(first + i)) << size << " from " << first;
      }
    }
  }
}

TEST(Permutation, TheLastPositionsCanBeTakenInOneBatch) {
  for (std::uint64_t size = 4000; size < 4400; ++size) {
    const Permutation order{size, 4, 4};
    std::array<std::uint64_t, 64> indexes;
    order.forward_batch(size - indexes.size(), indexes);
    for (std::size_t i = 0; i < indexes.size(); ++i) {
      ASSERT_EQ(indexes[i], order.forward(size - indexes.size() + i));
    }
  }
}

// Surveys are resumed and sharded over machines, so the order may never change.
TEST(Permutation, OrderIsTheSameOnEveryMachine) {
  const auto first_five = [](std::uint64_t size, std::uint64_t low, std::uint64_t high) {
    std::vector<std::uint64_t> indexes(5);
    Permutation(size, low, high).forward_batch(0, indexes);
    return indexes;
  };
  EXPECT_EQ(first_five(10, 1, 2), (std::vector<std::uint64_t>{0, 3, 7, 5, 9}));
  EXPECT_EQ(first_five(393'216, 0, 0),
            (std::vector<std::uint64_t>{215914, 152843, 235370, 212921, 232274}));
  EXPECT_EQ(first_five(Permutation::kMostSize, 0x0123456789abcdef, 0xfedcba9876543210),
            (std::vector<std::uint64_t>{21575066101016, 148358174873818, 48379382476521,
                                        16321012201783, 254596933057861}));
}

TEST(Permutation, EachHalfOfTheKeyChangesTheOrder) {
  constexpr std::size_t kCount = 10'000;
  const auto fixed_points = [](const Permutation& a, const Permutation& b) {
    std::size_t same = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      same += static_cast<std::size_t>(a.forward(i) == b.forward(i));
    }
    return same;
  };
  const Permutation order{kCount, 1, 1};
  // Two independent orders agree at one position on average.
  EXPECT_LT(fixed_points(order, Permutation(kCount, 2, 1)), 10U);
  EXPECT_LT(fixed_points(order, Permutation(kCount, 1, 2)), 10U);
  EXPECT_LT(fixed_points(order, Permutation(kCount, 1, 1ULL << 63U | 1U)), 10U);
  EXPECT_EQ(fixed_points(order, Permutation(kCount, 1, 1)), kCount);
}

// 99 % of uniform draws lie inside the band, so of many keys about one in a hundred may not.
TEST(Permutation, FirstTargetsSpreadOverNetworksLikeAUniformDraw) {
  struct Space {
    std::uint64_t networks;
    std::uint64_t ports;
  };
  constexpr double kBand = 2.5758;  // Of the standard normal distribution: 99 % lie within.
  constexpr unsigned kKeys = 40;
  std::mt19937_64 random{7};
  unsigned outside = 0;
  unsigned draws = 0;
  for (const Space space : {Space{65536, 1}, Space{65536, 65536}, Space{256, 1}, Space{256, 3},
                            Space{5000, 10}, Space{37, 7}, Space{1000, 100}, Space{16, 1}}) {
    double sum = 0.0;
    for (unsigned key = 0; key < kKeys; ++key) {
      const Permutation order{space.networks * 65536 * space.ports, random(), random()};
      const double deviate = deviate_over_networks(order, space.ports, 100'000);
      outside += static_cast<unsigned>(std::abs(deviate) > kBand);
      ++draws;
      sum += deviate;
    }
    // The mean of 40 deviates has a standard error of 0.16.
    EXPECT_LT(std::abs(sum / kKeys), 0.65) << space.networks << " networks, " << space.ports;
  }
  // Of 320 draws 3.2 are expected; more than 10 has a chance of one in a thousand.
  EXPECT_LE(outside, 10U) << "of " << draws;
}

}  // namespace
}  // namespace trawl::dataplane
