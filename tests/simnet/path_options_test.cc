#include "bench/simnet/path_options.h"

#include <gtest/gtest.h>

#include <string>

#include "bench/simnet/options.h"
#include "bench/simnet/population.h"

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;

PopulationOptions parsed(const std::string& text) {
  PopulationOptions options;
  const auto applied = apply_config(options, text, "sim.conf");
  EXPECT_TRUE(applied) << applied.error().message;
  return options;
}

std::string error_of(const std::string& name, const std::string& value) {
  PopulationOptions options;
  const auto applied = apply_option(options, name, value);
  return applied ? "" : applied.error().message;
}

std::string error_of_all(const std::string& text) {
  const auto made = Population::make(parsed(text));
  return made ? "" : made.error().message;
}

TEST(PathOptions, EverythingCanBeSaid) {
  const PopulationOptions options = parsed(
      "loss-bursts-in = 2%,200ms\n"
      "loss-bursts-out = 0.05,1s,bad=0.8,good=0.001,path\n"
      "bottleneck-in = 200k,queue=500,burst=32\n"
      "steps-in = 5s:100k,10s:50k\n"
      "bottleneck-out = 100Mbit\n"
      "network-rate = 1.5k,burst=20\n"
      "network-refusals = 10\n"
      "storm = 0.1%,5000,100us\n"
      "reset-first = 0.01\n"
      "forged = 99%\n");
  EXPECT_DOUBLE_EQ(options.way_in.bursts.bad_share(), 0.02);
  EXPECT_EQ(options.way_in.bursts.bad_spell, 200ms);
  EXPECT_FALSE(options.way_in.bursts.is_one_chain);
  EXPECT_NEAR(options.way_out.bursts.bad_share(), 0.049 / 0.799, 1e-12);
  EXPECT_TRUE(options.way_out.bursts.is_one_chain);
  EXPECT_EQ(options.way_in.bottleneck.per_second, 200'000);
  EXPECT_EQ(options.way_in.bottleneck.queue, 500);
  EXPECT_EQ(options.way_in.bottleneck.burst, 32);
  ASSERT_EQ(options.way_in.bottleneck.steps.size(), 2U);
  EXPECT_EQ(options.way_in.bottleneck.steps[1].at, 10s);
  EXPECT_EQ(options.way_in.bottleneck.steps[1].per_second, 50'000);
  EXPECT_TRUE(options.way_out.bottleneck.counts_bits);
  EXPECT_EQ(options.way_out.bottleneck.per_second, 1e8);
  EXPECT_EQ(options.way_out.bottleneck.queue, 1'500'000);
  EXPECT_EQ(options.network_rate.rate.per_second(), 1500);
  EXPECT_EQ(options.network_rate.burst, 20);
  EXPECT_EQ(options.network_refusals.burst, 1);
  EXPECT_EQ(options.storm.most, 5000U);
  EXPECT_EQ(options.storm.spacing, 100us);
  EXPECT_EQ(options.reset_first.latest, 50ms);
  EXPECT_DOUBLE_EQ(options.forged, 0.99);
  EXPECT_TRUE(Population::make(options));
}

TEST(PathOptions, NonsenseIsRefusedWithTheReason) {
  EXPECT_EQ(error_of("loss-bursts-in", "0.02"),
            "'' is not a time up to a day, like 50us, 200ms, 5s or 2m");
  EXPECT_EQ(error_of("loss-bursts-in", "0.02,10us"),
            "a bad spell cannot be shorter than 1ms; for such loss use a plain share");
  EXPECT_EQ(error_of("loss-bursts-in", "0.5,1s,bad=0.3"),
            "a mean loss of 0.5 does not lie between 0 (good) and 0.3 (bad)");
  EXPECT_EQ(error_of("loss-bursts-in", "0.5,1s,ugly=1"),
            "'ugly=1' is none of bad=SHARE, good=SHARE and path");
  EXPECT_EQ(error_of("bottleneck-in", "fast"),
            "'fast' is not a rate of 1 or more in packets or bits per second, like 200k or "
            "100Mbit");
  EXPECT_EQ(error_of("bottleneck-in", "10k,depth=5"), "'depth=5' is neither queue=N nor burst=N");
  EXPECT_EQ(error_of("steps-in", "5s:10k,5s:20k"),
            "the step at 5s:20k does not come after the one before");
  EXPECT_EQ(error_of("steps-in", "10k"), "'10k' is not TIME:RATE, like 5s:200k");
  EXPECT_EQ(error_of("storm", "0.1,0"), "'0' is not a whole number from 1 to 1000000");
  EXPECT_EQ(error_of("reset-first", "0.1,50-1"),
            "'50-1' is not a time above 0 or a rising MIN-MAX in milliseconds");
  EXPECT_EQ(error_of("forged", "1"), "'1' leaves no genuine replies; at most 0.9999 may be forged");
  EXPECT_EQ(error_of("network-rate", "10,bust=4"), "'bust=4' is not burst=N");
}

TEST(PathOptions, BadValuesAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"bottleneck-in", ""},
      {"bottleneck-in", "0"},
      {"bottleneck-in", "-5"},
      {"bottleneck-in", "1e6"},
      {"bottleneck-in", "inf"},
      {"bottleneck-in", "10Mbyte"},
      {"bottleneck-in", "10k,queue="},
      {"bottleneck-in", "10k,burst=0"},
      {"bottleneck-in", "10k,"},
      {"steps-out", "0s:10k"},
      {"steps-out", "5:10k"},
      {"steps-out", ""},
      {"loss-bursts-out", "nan,1s"},
      {"loss-bursts-out", "0.1,1s,"},
      {"network-rate", "0"},
      {"network-rate", "10,burst=0.5"},
      {"storm", "0.1"},
      {"storm", "2,10"},
      {"storm", "0.1,10,5"},
      {"reset-first", "0.1,0"},
      {"reset-first", "0.1,"},
      {"forged", "-0.1"},
  };
  for (const auto& [name, value] : cases) EXPECT_NE(error_of(name, value), "") << name << value;
}

TEST(PathOptions, ContradictionsAreRefused) {
  EXPECT_EQ(error_of_all("steps-in = 5s:10k"), "--steps-in needs --bottleneck-in");
  EXPECT_EQ(error_of_all("bottleneck-out = 10k\nsteps-out = 5s:10Mbit"),
            "--steps-out and --bottleneck-out count one in packets and the other in bits; give "
            "both the same unit");
  EXPECT_EQ(error_of_all("bottleneck-in = 10k\nsteps-in = 5s:10"),
            "--bottleneck-in: a full queue would take 100 s at the lowest rate; at most 60 may "
            "pass");
}

}  // namespace
}  // namespace trawl::simnet
