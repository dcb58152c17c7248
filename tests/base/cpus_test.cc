#include "base/cpus.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace trawl {
namespace {

using Cpus = std::vector<unsigned>;

TEST(Cpus, BesideAreThoseWhereNobodyPolls) {
  const Cpus all = allowed_cpus();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(cpus_beside({}), all);
  EXPECT_EQ(cpus_beside(all), Cpus{});
  Cpus others{all.begin() + 1, all.end()};
  EXPECT_EQ(cpus_beside(Cpus{all.front(), all.front()}), others);
}

TEST(Cpus, AThreadStaysWhereItIsPut) {
  const Cpus all = allowed_cpus();
  Cpus there;
  std::thread{[&] {
    run_on(Cpus{all.back()});
    there = allowed_cpus();
  }}.join();
  EXPECT_EQ(there, Cpus{all.back()});
  EXPECT_EQ(allowed_cpus(), all);
}

TEST(Cpus, NoneAndThoseThatAreNotThereChangeNothing) {
  const Cpus all = allowed_cpus();
  Cpus none;
  Cpus strange;
  std::thread{[&] {
    run_on({});
    none = allowed_cpus();
    run_on(Cpus{100'000});
    strange = allowed_cpus();
  }}.join();
  EXPECT_EQ(none, all);
  EXPECT_EQ(strange, all);
}

}  // namespace
}  // namespace trawl
