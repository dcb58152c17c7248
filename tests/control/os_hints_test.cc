#include "control/survey/os_hints.h"

#include <gtest/gtest.h>


#include "tests/control/temp_file.h"
#include "tests/osfp/passive/packets.h"

namespace trawl::control {
namespace {

using dataplane::SynOptions;

constexpr std::string_view kFile =
    "[tcp:response]\n"
    "label = s:unix:Linux:6.x\n"
    "sig = *:64:0:*:65160,7:mss,sok,ts,nop,ws:df,flow:0\n"
    "label = s:unix:A \"quoted\" name:\n"
    "sig = *:64:0:*:1,0::df:0\n";

OsHints hints_of(std::string_view text) {
  return {osfp::SignatureFile::parse(text, "own.fp").value(), SynOptions::Linux};
}

osfp::SynAckFacts facts_of(const osfp::TestSynAck& from) {
  return osfp::read_syn_ack(osfp::ipv4_packet(from)).value();
}

TEST(OsHints, CountsPortsByFamily) {
  OsHints hints = hints_of(kFile);
  const osfp::SynAckFacts linux_facts = facts_of({.ttl = 60, .options = osfp::linux_options()});
  const SystemHint hint = hints.count(linux_facts);
  ASSERT_NE(hint.name, nullptr);
  EXPECT_EQ(hint.name->family, "Linux");
  EXPECT_EQ(hint.name->version, "6.x");
  EXPECT_EQ(hint.confidence, 95);
  EXPECT_EQ(hint.hops, 4);
  EXPECT_EQ(hints.count(linux_facts).name, hint.name);
  EXPECT_EQ(hints.count(facts_of({.window = 1})).name->family, "A 'quoted' name");
  EXPECT_EQ(hints.count(facts_of({.window = 2})).name, nullptr);
  EXPECT_EQ(hints.find(linux_facts).name, hint.name) << "is not counted";
  const auto families = hints.families();
  ASSERT_EQ(families.size(), 2U);
  EXPECT_EQ(families[0].family, "Linux");
  EXPECT_EQ(families[0].ports, 2U);
  EXPECT_EQ(families[1].ports, 1U);
  EXPECT_EQ(hints.unknown(), 1U);
}

// What a checkpoint keeps of a name says nothing about another file.
TEST(OsHints, KnowsANameAgainOnlyInItsFile) {
  const OsHints hints = hints_of(kFile);
  const SystemName known = *hints.find(facts_of({.options = osfp::linux_options()})).name;
  EXPECT_EQ(hints.name(known.number, known.digest)->family, "Linux");
  EXPECT_EQ(hints.name(known.number, known.digest + 1), nullptr);
  EXPECT_EQ(hints.name(1, known.digest), nullptr);
  EXPECT_EQ(hints.name(2, known.digest), nullptr);
  const OsHints other = hints_of("[tcp:response]\nlabel = s:unix:Linux:5.x\n");
  EXPECT_EQ(other.name(known.number, known.digest), nullptr);
}

TEST(OsHints, OursHasSignaturesForBothSyns) {
  EXPECT_TRUE(OsHints::open({}, SynOptions::Linux));
  const auto bare = OsHints::open({}, SynOptions::Mss);
  ASSERT_TRUE(bare);
  // As Linux 6.18 answers a SYN with the MSS alone; measured.
  const auto hint = (*bare)->find(facts_of({.window = 64240, .options = {2, 4, 5, 0xb4}}));
  ASSERT_NE(hint.name, nullptr);
  EXPECT_EQ(hint.name->family, "Linux");
  EXPECT_EQ(hint.confidence, 95);
}

TEST(OsHints, AFileWithoutSuchSignaturesIsRefused) {
  const TempFile file{kFile, ".fp"};
  EXPECT_TRUE(OsHints::open({.is_wanted = true, .signatures = file.path()}, SynOptions::Linux));
  const auto none = OsHints::open({.is_wanted = true, .signatures = file.path()}, SynOptions::Mss);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ExitCode::BadInput);
  EXPECT_NE(none.error().message.find("[tcp:response:mss]"), std::string::npos);
}

}  // namespace
}  // namespace trawl::control
