#include "control/survey/scan_order.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

constexpr Uint128 kSeed = (Uint128{0x0123456789abcdef} << 64U) | 0xfedcba9876543210;

SurveyPlan make_plan() {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.18.0.0/22"));
  set.add(*Ipv4Prefix::parse("9.10.100.255"));
  return {.addresses = RankedSet<Ipv4Address>{set}, .ports = {1, 80, 65535}, .blocked = {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> printed(const SurveyOptions& options) {
  const TempFile file;
  SurveyOptions to_file = options;
  to_file.outputs.front().path = file.path();
  const auto done = print_targets(to_file, make_plan());
  EXPECT_TRUE(done) << done.error().message;
  return lines_of(file.content());
}

SurveyOptions with_seed(Uint128 seed) {
  SurveyOptions options;
  options.seed = seed;
  return options;
}

TEST(ScanOrder, DryRunListsEveryTargetOnce) {
  const auto lines = printed(with_seed(kSeed));
  std::set<std::string> expected;
  const SurveyPlan plan = make_plan();
  for (std::uint32_t rank = 0; rank < plan.addresses.size(); ++rank) {
    for (const std::uint16_t port : plan.ports) {
      expected.insert(fmt::format("{}:{}", plan.addresses.select(rank).to_string(), port));
    }
  }
  ASSERT_EQ(lines.size(), 1025U * 3);
  EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()), expected);
}

TEST(ScanOrder, DryRunGoesInTheOrderOfTheSurvey) {
  const auto lines = printed(with_seed(kSeed));
  const SurveyPlan plan = make_plan();
  const dataplane::TargetSpace space{plan.addresses, plan.ports};
  const dataplane::Permutation order = scan_order(space.size(), kSeed);
  ASSERT_EQ(lines.size(), space.size());
  for (std::uint64_t i = 0; i < lines.size(); ++i) {
    const dataplane::Target target = space.at(order.forward(i));
    ASSERT_EQ(lines[i], fmt::format("{}:{}", target.ip.to_string(), target.port)) << i;
  }
}

TEST(ScanOrder, MaxTargetsCutsTheSameListShort) {
  const auto all = printed(with_seed(kSeed));
  for (const std::uint64_t most : {1U, 511U, 512U, 513U, 3075U, 9999U}) {
    SurveyOptions options = with_seed(kSeed);
    options.max_targets = TargetLimit::count(most);
    const auto some = printed(options);
    ASSERT_EQ(some.size(), std::min<std::uint64_t>(most, all.size()));
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin())) << most;
  }
}

TEST(ScanOrder, SeedDecidesTheOrder) {
  EXPECT_EQ(printed(with_seed(kSeed)), printed(with_seed(kSeed)));
  EXPECT_NE(printed(with_seed(kSeed)), printed(with_seed(kSeed + 1)));
  EXPECT_NE(printed(with_seed(kSeed)), printed(with_seed(kSeed + (Uint128{1} << 64U))));
}

TEST(ScanOrder, UnwritableOutputIsAnOutputError) {
  SurveyOptions options = with_seed(kSeed);
  options.outputs.front().path = "/nonexistent/folder/targets";
  const auto done = print_targets(options, make_plan());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ExitCode::Output);
}

TEST(ScanOrder, FullDiskIsAnOutputError) {
  SurveyOptions options = with_seed(kSeed);
  options.outputs.front().path = "/dev/full";
  const auto done = print_targets(options, make_plan());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ExitCode::Output);
}

TEST(ScanOrder, GivenSeedIsTakenAndOthersAreDrawn) {
  EXPECT_TRUE(draw_seed(with_seed(kSeed)) == kSeed);
  EXPECT_TRUE(draw_seed(with_seed(0)) == 0);
  EXPECT_FALSE(draw_seed(SurveyOptions{}) == draw_seed(SurveyOptions{}));
}

TEST(ScanOrder, KeyIsTheSeedMostSignificantByteFirst) {
  const dataplane::ScanKey expected{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                    0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
  EXPECT_EQ(scan_key(kSeed), expected);
  EXPECT_EQ(scan_key(1)[15], 1);
}

}  // namespace
}  // namespace trawl::control
