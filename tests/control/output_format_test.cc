#include "control/survey/output/output_format.h"

#include <gtest/gtest.h>

#include <string>

#include "control/survey/output/state_set.h"

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
            "port, proto, state, reason, ttl, rtt_us, attempt, from, type, class, source, service, "
            "tls, product, version, info, hostname, os, device, cpe, probe, line, banner, "
            "truncated, fingerprint, trouble, evidence, systems, os_family, os_version, "
            "os_confidence, hops");
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
  EXPECT_EQ(format_for_path("results.csv.zst"), OutputFormat::Csv);
  EXPECT_EQ(format_for_path("results.xml"), OutputFormat::NmapXml);
  EXPECT_EQ(format_for_path("replies.pcap"), OutputFormat::Pcap);
  EXPECT_EQ(format_for_path("replies.pcap.zst"), OutputFormat::Pcap);
  EXPECT_EQ(format_for_path("results.zst"), OutputFormat::Jsonl);
}

TEST(OutputFormat, RefusesWhatIsNotOne) {
  EXPECT_EQ(parse_output_format("csv", "--format"), OutputFormat::Csv);
  EXPECT_EQ(parse_output_format("jsonl", "--format"), OutputFormat::Jsonl);
  EXPECT_NE(parse_output_format("json", "--format").error().message.find("did you mean jsonl?"),
            std::string::npos);
  EXPECT_FALSE(parse_output_format("", "--format"));
  for (unsigned i = 0; i < kOutputFormats; ++i) {
    const auto format = static_cast<OutputFormat>(i);
    EXPECT_EQ(parse_output_format(to_string(format), "--format"), format);
  }
}

std::vector<OutputSpec> outputs_of(const std::vector<std::string>& values) {
  const auto outputs = parse_outputs(values, std::nullopt);
  if (!outputs) ADD_FAILURE() << outputs.error().message;
  return outputs.value_or(std::vector<OutputSpec>{});
}

TEST(Outputs, TakeTheFormatBeforeTheColonAndLeaveOtherColonsAlone) {
  using enum OutputFormat;
  EXPECT_EQ(outputs_of({"masscan-json:x.csv"}), (std::vector{OutputSpec{"x.csv", MasscanJson}}));
  EXPECT_EQ(outputs_of({"csv:a:b"}), (std::vector{OutputSpec{"a:b", Csv}}));
  EXPECT_EQ(outputs_of({"./csv:a"}), (std::vector{OutputSpec{"./csv:a", Jsonl}}));
  EXPECT_EQ(outputs_of({"12:30.csv"}), (std::vector{OutputSpec{"12:30.csv", Csv}}));
  EXPECT_EQ(outputs_of({":a"}), (std::vector{OutputSpec{":a", Jsonl}}));
  EXPECT_EQ(outputs_of({}), (std::vector{OutputSpec{"-", Jsonl}}));
}

TEST(Outputs, SuggestTheNearestFormatAndHowToNameSuchAFile) {
  const std::vector<std::string> values{"nmapxml:a"};
  EXPECT_EQ(
      parse_outputs(values, std::nullopt).error().message,
      "--output: \"nmapxml\" is not a format (did you mean nmap-xml?); expected jsonl, csv, "
      "zmap, masscan-json, masscan-list, nmap-xml, pcap; a file of that name is written ./nmapxml");
}

TEST(Outputs, RefuseTwoSpellingsOfOneFile) {
  const std::vector<std::string> values{"a/b.csv", "jsonl:./a//b.csv"};
  EXPECT_FALSE(parse_outputs(values, std::nullopt));
}

TEST(OutputFields, BelongToTheOutputsThatKnowThem) {
  const std::vector<OutputSpec> both{{"a", OutputFormat::Csv}, {"b", OutputFormat::Zmap}};
  const std::vector<std::string> shared{"ttl"};
  const auto got = parse_output_fields(shared, both);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->lines, std::vector{ResultField::Ttl});
  EXPECT_EQ(got->zmap, std::vector{ZmapField::Ttl});
  // A list of zmap's means nothing to CSV alone.
  const std::vector<std::string> zmap{"saddr"};
  EXPECT_FALSE(parse_output_fields(zmap, {both.data(), 1}));
  EXPECT_TRUE(parse_output_fields(zmap, {both.data() + 1, 1}));
}

TEST(ZmapFields, TakeBothSpellingsAndNameWhatIsNotKept) {
  using enum ZmapField;
  EXPECT_EQ(parse_zmap_fields("saddr,timestamp_str,daddr-raw", "--fields"),
            (std::vector{Saddr, TimestampStr, DaddrRaw}));
  for (unsigned i = 0; i < kZmapFields; ++i) {
    const auto field = static_cast<ZmapField>(i);
    EXPECT_EQ(parse_zmap_fields(to_string(field), "--fields"), std::vector{field});
  }
  EXPECT_EQ(parse_zmap_fields("saddr,seqnum", "--fields").error().message,
            "--fields: seqnum of a reply is not kept; leave it out");
  EXPECT_NE(parse_zmap_fields("sadr", "--fields").error().message.find("did you mean saddr?"),
            std::string::npos);
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
