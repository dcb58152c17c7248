#include "base/interval_set.h"

#include <gtest/gtest.h>

#include <array>
#include <bitset>
#include <random>
#include <vector>

namespace trawl {
namespace {

using Range4 = Interval<Ipv4Address>;
using Range6 = Interval<Ipv6Address>;

Range4 range(std::uint32_t first, std::uint32_t last) {
  return {Ipv4Address{first}, Ipv4Address{last}};
}

template <typename Address>
IntervalSet<Address> set_of(const std::vector<Interval<Address>>& ranges) {
  IntervalSet<Address> set;
  for (const auto& each : ranges) set.add(each);
  return set;
}

template <typename Address>
std::vector<Interval<Address>> ranges_of(const IntervalSet<Address>& set) {
  return {set.intervals().begin(), set.intervals().end()};
}

TEST(IntervalSet, IsEmptyAtFirst) {
  const Ipv4Set set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.size(), 0U);
  EXPECT_FALSE(set.contains(Ipv4Address{0}));
}

TEST(IntervalSet, MergesWhatOverlapsOrTouches) {
  EXPECT_EQ(ranges_of(set_of<Ipv4Address>({range(5, 9), range(1, 4)})), std::vector{range(1, 9)});
  EXPECT_EQ(ranges_of(set_of<Ipv4Address>({range(1, 9), range(2, 3), range(1, 9)})),
            std::vector{range(1, 9)});
  EXPECT_EQ(ranges_of(set_of<Ipv4Address>({range(7, 9), range(1, 5)})),
            (std::vector{range(1, 5), range(7, 9)}));
}

TEST(IntervalSet, HoldsTheEdgesOfTheSpace) {
  const auto set = set_of<Ipv4Address>(
      {range(0xffffffffU, 0xffffffffU), range(0, 0), range(0xfffffffeU, 0xffffffffU), range(0, 1)});
  EXPECT_EQ(ranges_of(set), (std::vector{range(0, 1), range(0xfffffffeU, 0xffffffffU)}));
  EXPECT_EQ(set.size(), 4U);
}

TEST(IntervalSet, HoldsTheWholeIpv4Space) {
  Ipv4Set set = set_of<Ipv4Address>({range(0x80000000U, 0xffffffffU), range(0, 0x7fffffffU)});
  EXPECT_EQ(ranges_of(set), std::vector{range(0, 0xffffffffU)});
  EXPECT_EQ(set.size(), std::uint64_t{1} << 32U);
  set.subtract(set_of<Ipv4Address>({range(0, 0), range(0xffffffffU, 0xffffffffU)}));
  EXPECT_EQ(ranges_of(set), std::vector{range(1, 0xfffffffeU)});
  set.subtract(set_of<Ipv4Address>({range(0, 0xffffffffU)}));
  EXPECT_TRUE(set.empty());
}

TEST(IntervalSet, HoldsTheWholeIpv6Space) {
  constexpr Uint128 kTop = ~Uint128{0};
  Ipv6Set set = set_of<Ipv6Address>({Range6{Ipv6Address{0}, Ipv6Address{kTop}}});
  EXPECT_TRUE(set.size() == kTop);  // Documented: 2^128 counts as one less.
  set.subtract(set_of<Ipv6Address>({Range6{Ipv6Address{kTop}, Ipv6Address{kTop}}}));
  EXPECT_TRUE(set.size() == kTop);
  EXPECT_FALSE(set.contains(Ipv6Address{kTop}));
  EXPECT_TRUE(set.contains(Ipv6Address{kTop - 1}));
  set.subtract(set_of<Ipv6Address>({Range6{Ipv6Address{0}, Ipv6Address{0}}}));
  EXPECT_TRUE(set.size() == kTop - 1);
}

TEST(IntervalSet, WorksOnItself) {
  Ipv4Set set = set_of<Ipv4Address>({range(1, 5), range(9, 12)});
  const auto before = ranges_of(set);
  set.add(set);
  EXPECT_EQ(ranges_of(set), before);
  set.intersect(set);
  EXPECT_EQ(ranges_of(set), before);
  set.subtract(set);
  EXPECT_TRUE(set.empty());
}

TEST(IntervalSet, TakesAdditionsAfterQuestions) {
  Ipv4Set set = set_of<Ipv4Address>({range(1, 5)});
  EXPECT_FALSE(set.contains(Ipv4Address{7}));
  set.add(range(6, 7));
  EXPECT_TRUE(set.contains(Ipv4Address{7}));
  set.subtract(set_of<Ipv4Address>({range(2, 2)}));
  set.add(range(2, 2));
  EXPECT_EQ(ranges_of(set), std::vector{range(1, 7)});
}

TEST(IntervalSet, AddsPrefixes) {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("10.0.0.0/9"));
  set.add(*Ipv4Prefix::parse("10.128.0.0/9"));
  EXPECT_EQ(ranges_of(set), std::vector{range(0x0a000000U, 0x0affffffU)});
  set.add(*Ipv4Prefix::parse("0.0.0.0/0"));
  EXPECT_EQ(set.size(), std::uint64_t{1} << 32U);
}

// The model: one bit for each of 256 addresses, laid somewhere in the address space.
constexpr unsigned kModel = 256;
using Bits = std::bitset<kModel>;

template <typename Address>
class Modelled {
 public:
  explicit Modelled(typename Address::Value origin) : origin_{origin} {}

  void add(unsigned first, unsigned last) {
    set.add(Interval<Address>{at(first), at(last)});
    for (unsigned i = first; i <= last; ++i) bits.set(i);
  }
  void add(const Modelled& other) {
    set.add(other.set);
    bits |= other.bits;
  }
  void subtract(const Modelled& other) {
    set.subtract(other.set);
    bits &= ~other.bits;
  }
  void intersect(const Modelled& other) {
    set.intersect(other.set);
    bits &= other.bits;
  }
  void check() const {
    ASSERT_EQ(static_cast<std::size_t>(set.size()), bits.count());
    ASSERT_EQ(set.empty(), bits.none());
    for (unsigned i = 0; i < kModel; ++i) ASSERT_EQ(set.contains(at(i)), bits.test(i)) << i;
    const auto intervals = set.intervals();
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      ASSERT_LE(intervals[i].first, intervals[i].last);
      if (i > 0) {
        ASSERT_GT(intervals[i].first.value() - intervals[i - 1].last.value(), 1U);
      }
    }
  }

  IntervalSet<Address> set;
  Bits bits;

 private:
  [[nodiscard]] Address at(unsigned i) const {
    return Address{static_cast<typename Address::Value>(origin_ + i)};
  }
  typename Address::Value origin_;
};

template <typename Address>
void agree_with_model(typename Address::Value origin, unsigned seed) {
  std::mt19937 random{seed};
  const auto below = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int round = 0; round < 60; ++round) {
    std::array<Modelled<Address>, 3> sets{Modelled<Address>{origin}, Modelled<Address>{origin},
                                          Modelled<Address>{origin}};
    for (int step = 0; step < 40; ++step) {
      auto& into = sets[below(3)];
      const auto& other = sets[below(3)];
      switch (below(8)) {
        case 0: into.subtract(other); break;
        case 1: into.intersect(other); break;
        case 2: into.add(other); break;
        case 3: into.add(0, below(4)); break;
        case 4: into.add(kModel - 1 - below(4), kModel - 1); break;
        default: {
          const unsigned first = below(kModel);
          into.add(first, std::min(kModel - 1, first + below(12)));
        }
      }
      into.check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(IntervalSet, AgreesWithABitmapAtTheBottom) { agree_with_model<Ipv4Address>(0, 1); }
TEST(IntervalSet, AgreesWithABitmapInTheMiddle) { agree_with_model<Ipv4Address>(0x7fffff80U, 2); }
TEST(IntervalSet, AgreesWithABitmapAtTheTop) { agree_with_model<Ipv4Address>(0xffffff00U, 3); }
TEST(IntervalSet, AgreesWithABitmapInIpv6) {
  agree_with_model<Ipv6Address>(0, 4);
  agree_with_model<Ipv6Address>((Uint128{1} << 64U) - 128, 5);
  agree_with_model<Ipv6Address>(~Uint128{0} - 255, 6);
}

}  // namespace
}  // namespace trawl
