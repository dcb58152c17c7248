#include <gtest/gtest.h>

#include <array>
#include <string>

#include "control/audit/audit_options.h"
#include "control/audit/engine/rtt_estimator.h"

namespace trawl::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

AuditOptions parsed(std::vector<const char*> words) {
  auto options = parse_audit_options(words, "trawl");
  return options ? std::get<AuditOptions>(*options) : AuditOptions{};
}

// The words' timing; an error's text for none.
std::string refusal(std::vector<const char*> words) {
  const auto options = parse_audit_options(words, "trawl");
  if (!options) return options.error().message;
  const auto timing = timing_of(std::get<AuditOptions>(*options));
  return timing ? "" : timing.error().message;
}

Timing timing(std::vector<const char*> words) {
  return timing_of(parsed(std::move(words))).value();
}

// Nmap book, "Timing Templates": initial, least and most timeout, retries, delays, parallelism.
struct TemplateRow {
  int level;
  Moment initial, least, most;
  unsigned retries;
  Moment delay, tcp_delay, udp_delay, host_timeout;
  unsigned parallelism;
};

TEST(Timing, TemplatesAreNmaps) {
  const std::array<TemplateRow, 6> rows{{
      {0, minutes{5}, milliseconds{100}, minutes{5}, 10, minutes{5}, minutes{5}, minutes{5},
       seconds{0}, 1},
      {1, seconds{15}, milliseconds{100}, seconds{15}, 10, seconds{15}, seconds{15}, seconds{15},
       seconds{0}, 1},
      {2, seconds{1}, milliseconds{100}, seconds{10}, 10, milliseconds{400}, seconds{1}, seconds{1},
       seconds{0}, 1},
      {3, seconds{1}, milliseconds{100}, seconds{10}, 10, seconds{0}, seconds{1}, seconds{1},
       seconds{0}, 0},
      {4, milliseconds{500}, milliseconds{100}, milliseconds{1250}, 6, seconds{0}, milliseconds{10},
       seconds{1}, seconds{0}, 0},
      {5, milliseconds{250}, milliseconds{50}, milliseconds{300}, 2, seconds{0}, milliseconds{5},
       seconds{1}, minutes{15}, 0},
  }};
  for (const TemplateRow& row : rows) {
    const Timing made = timing_template(row.level);
    EXPECT_EQ(made.level, row.level);
    EXPECT_EQ(made.initial_rtt, row.initial) << row.level;
    EXPECT_EQ(made.min_rtt, row.least) << row.level;
    EXPECT_EQ(made.max_rtt, row.most) << row.level;
    EXPECT_EQ(made.max_retries, row.retries) << row.level;
    EXPECT_EQ(made.scan_delay, row.delay) << row.level;
    EXPECT_EQ(made.max_tcp_delay, row.tcp_delay) << row.level;
    EXPECT_EQ(made.max_udp_delay, row.udp_delay) << row.level;
    EXPECT_EQ(made.host_timeout, row.host_timeout) << row.level;
    EXPECT_EQ(made.max_parallelism, row.parallelism) << row.level;
  }
}

TEST(Timing, LevelsHaveNamesAndNumbers) {
  EXPECT_EQ(parse_timing_level("0"), 0);
  EXPECT_EQ(parse_timing_level("5"), 5);
  EXPECT_EQ(parse_timing_level("paranoid"), 0);
  EXPECT_EQ(parse_timing_level("Sneaky"), 1);
  EXPECT_EQ(parse_timing_level("POLITE"), 2);
  EXPECT_EQ(parse_timing_level("normal"), 3);
  EXPECT_EQ(parse_timing_level("aggressive"), 4);
  EXPECT_EQ(parse_timing_level("insane"), 5);
  for (const char* text : {"", "6", "-1", "44", "4 ", "insan", "insanely"}) {
    EXPECT_EQ(parse_timing_level(text), std::nullopt) << text;
  }
}

TEST(Timing, TimesAreSecondsUnlessTheySayOtherwise) {
  EXPECT_EQ(parse_nmap_time("30"), seconds{30});
  EXPECT_EQ(parse_nmap_time("1.5s"), milliseconds{1500});
  EXPECT_EQ(parse_nmap_time("200ms"), milliseconds{200});
  EXPECT_EQ(parse_nmap_time("200MS"), milliseconds{200});
  EXPECT_EQ(parse_nmap_time("2m"), minutes{2});
  EXPECT_EQ(parse_nmap_time("1h"), minutes{60});
  EXPECT_EQ(parse_nmap_time("0"), seconds{0});
  EXPECT_EQ(parse_nmap_time(".25s"), milliseconds{250});
}

TEST(Timing, WhatIsNoTimeIsRefused) {
  for (const char* text : {"", "s", "ms", "-1", "1 s", "1d", "1sec", "s1", "nan", "inf", "0x10",
                           "1e400", "1e30", "999999999h", "1,5s"}) {
    EXPECT_EQ(parse_nmap_time(text), std::nullopt) << text;
  }
}

TEST(Timing, WordsCountMoreThanTheTemplateWhereverItStands) {
  for (const auto& words : {std::vector<const char*>{"-T4", "--max-retries", "3", "h"},
                            std::vector<const char*>{"--max-retries", "3", "h", "-T4"}}) {
    const Timing made = timing(words);
    EXPECT_EQ(made.max_retries, 3U);
    EXPECT_TRUE(made.retries_given);
    EXPECT_EQ(made.max_rtt, milliseconds{1250});
  }
  EXPECT_FALSE(timing({"-T4", "h"}).retries_given);
  EXPECT_EQ(timing({"-T5", "--host-timeout", "0", "h"}).host_timeout, Moment{0});
}

TEST(Timing, AGivenTimeoutMovesTheOthers) {
  const Timing least = timing({"-T4", "--min-rtt-timeout", "2s", "h"});
  EXPECT_EQ(least.max_rtt, seconds{2});
  EXPECT_EQ(least.initial_rtt, seconds{2});
  const Timing most = timing({"--max-rtt-timeout", "50ms", "h"});
  EXPECT_EQ(most.min_rtt, milliseconds{50});
  EXPECT_EQ(most.initial_rtt, milliseconds{50});
  EXPECT_EQ(timing({"--initial-rtt-timeout", "20s", "h"}).max_rtt, seconds{20});
}

TEST(Timing, ContradictionsAreRefused) {
  EXPECT_NE(refusal({"--min-rtt-timeout", "2s", "--max-rtt-timeout", "1s", "h"}), "");
  EXPECT_NE(refusal({"--initial-rtt-timeout", "2s", "--max-rtt-timeout", "1s", "h"}), "");
  EXPECT_NE(refusal({"--initial-rtt-timeout", "1s", "--min-rtt-timeout", "2s", "h"}), "");
  EXPECT_EQ(refusal({"--min-parallelism", "20", "--max-parallelism", "10", "h"}),
            "--min-parallelism=20 must be less than or equal to --max-parallelism=10");
  EXPECT_EQ(refusal({"--min-rate", "100", "--max-rate", "50.5", "h"}),
            "--min-rate=100 must be less than or equal to --max-rate=50.5");
  EXPECT_EQ(refusal({"--min-rate", "100", "--max-rate", "100", "h"}), "");
  EXPECT_EQ(refusal({"--min-parallelism", "20", "h"}), "");
}

TEST(Timing, BogusValuesAreRefused) {
  EXPECT_EQ(refusal({"--max-rtt-timeout", "4ms", "h"}),
            "Bogus --max-rtt-timeout argument specified, must be at least 5ms");
  EXPECT_EQ(refusal({"--max-rtt-timeout", "5ms", "h"}), "");
  EXPECT_EQ(refusal({"--initial-rtt-timeout", "0", "h"}),
            "Bogus --initial-rtt-timeout argument specified.  Must be positive");
  EXPECT_EQ(refusal({"--max-retries", "-1", "h"}), "max-retries must be positive");
  EXPECT_EQ(refusal({"--max-retries", "0", "h"}), "");
  EXPECT_NE(refusal({"--min-rate", "0", "h"}), "");
  EXPECT_NE(refusal({"--max-rate", "1e", "h"}), "");
  EXPECT_NE(refusal({"--min-hostgroup", "0", "h"}), "");
}

TEST(RttEstimator, FollowsRfc6298WithinItsBounds) {
  RttEstimator rtt{timing_template(3)};
  EXPECT_EQ(rtt.timeout(), seconds{1});
  EXPECT_FALSE(rtt.has_sample());
  rtt.add(milliseconds{80});
  EXPECT_EQ(rtt.timeout(), milliseconds{400});  // srtt + 4 rttvar, both the first sample.
  rtt.add(milliseconds{160});
  EXPECT_EQ(rtt.srtt(), milliseconds{90});
  EXPECT_EQ(rtt.rttvar(), milliseconds{80});
  EXPECT_EQ(rtt.least(), milliseconds{80});
  for (int i = 0; i < 100; ++i) rtt.add(milliseconds{1});
  EXPECT_EQ(rtt.timeout(), milliseconds{100});
  for (int i = 0; i < 100; ++i) rtt.add(seconds{30});
  EXPECT_EQ(rtt.timeout(), seconds{10});
}

}  // namespace
}  // namespace trawl::control
