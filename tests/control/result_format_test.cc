#include "control/survey/result_format.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::control {
namespace {

TEST(ResultFields, KeepTheOrderAskedFor) {
  using enum ResultField;
  EXPECT_EQ(parse_result_fields("rtt_us,ip", "--fields"), (std::vector{RttUs, Ip}));
  for (unsigned i = 0; i < kResultFields; ++i) {
    const auto field = static_cast<ResultField>(i);
    EXPECT_EQ(parse_result_fields(to_string(field), "--fields"), std::vector{field});
  }
}

TEST(ResultFields, SuggestTheNearestForATypo) {
  const auto got = parse_result_fields("ip,rtt", "--fields");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ExitCode::Usage);
  EXPECT_EQ(parse_result_fields("stat", "--fields").error().message,
            "--fields: \"stat\" is not a field (did you mean state?); expected schema, ts, ip, "
            "port, proto, state, reason, ttl, rtt_us, attempt, from");
}

TEST(ResultFields, RefuseEmptyAndRepeatedNames) {
  for (const char* text : {"", ",", "ip,", "ip,,port", "ip,port,ip", "IP", "ip port"}) {
    EXPECT_FALSE(parse_result_fields(text, "--fields")) << text;
  }
}

TEST(OutputFormat, ComesFromTheNameOfTheFile) {
  EXPECT_EQ(format_for_path("-"), OutputFormat::Jsonl);
  EXPECT_EQ(format_for_path("results.jsonl"), OutputFormat::Jsonl);
  EXPECT_EQ(format_for_path("results"), OutputFormat::Jsonl);
  EXPECT_EQ(format_for_path("dir.csv/results"), OutputFormat::Jsonl);
  EXPECT_EQ(format_for_path("results.csv"), OutputFormat::Csv);
}

TEST(OutputFormat, RefusesWhatIsNotOne) {
  EXPECT_EQ(parse_output_format("csv", "--format"), OutputFormat::Csv);
  EXPECT_EQ(parse_output_format("jsonl", "--format"), OutputFormat::Jsonl);
  EXPECT_NE(parse_output_format("json", "--format").error().message.find("did you mean jsonl?"),
            std::string::npos);
  EXPECT_FALSE(parse_output_format("", "--format"));
}

TEST(StateSet, TakesListsAndAll) {
  const auto some = StateSet::parse("closed,open", "--states");
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->has(PortState::Open));
  EXPECT_TRUE(some->has(PortState::Closed));
  EXPECT_FALSE(some->has(PortState::Unreachable));
  EXPECT_EQ(StateSet::parse("all", "--states"), StateSet::all());
  EXPECT_EQ(StateSet::parse("open", "--states"), StateSet::open_only());
  for (const char* text : {"", "open,", "filtered", "Open", "all open"}) {
    EXPECT_FALSE(StateSet::parse(text, "--states")) << text;
  }
}

}  // namespace
}  // namespace trawl::control
