// The classifier of OS detection over IPv6, and our model of it.
#include "osfp/classifier/os_model6.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/osfp/active6/recorded.h"

namespace trawl::osfp {
namespace {

const OsModel6& ours() {
  static const OsModel6 model = *OsModel6::parse(builtin_model6_text(), kOwnModel6Path);
  return model;
}

std::string match_of(const Fingerprint6& fingerprint) {
  const auto scores = ours().score(features_of(fingerprint));
  const OsModel6::Score* match = OsModel6::match(scores);
  return match == nullptr ? "" : match->os->name;
}

// Not one of those that the model is made of.
Fingerprint6 recorded_linux() { return *Fingerprint6::parse(recorded::kPrinted); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  std::size_t at = 0;
  while ((at = text.find(from, at)) != std::string::npos) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

TEST(OsModel6, KnowsWhatItHasLearned) {
  EXPECT_EQ(match_of(recorded_linux()), "Linux 6");
  const auto scores = ours().score(features_of(recorded_linux()));
  EXPECT_GT(scores[0].probability, 0.9);
  EXPECT_LT(scores[0].novelty, OsModel6::kMostNovelty);
  EXPECT_GT(scores[1].novelty, OsModel6::kMostNovelty);
}

TEST(OsModel6, KnowsAHostBehindARouterOrAFilter) {
  Fingerprint6 far = recorded_linux();
  far.lines[index_of(Probe6::Neighbour)].reset();
  EXPECT_EQ(match_of(far), "Linux 6");
  for (const Probe6 probe : {Probe6::T5, Probe6::T6, Probe6::T7, Probe6::Udp}) {
    far.lines[index_of(probe)].reset();
  }
  EXPECT_EQ(match_of(far), "Linux 6");
}

TEST(OsModel6, NamesNoneRatherThanAWrongOne) {
  EXPECT_EQ(match_of({}), "");
  // MSS, NOP, scale, NOP, NOP, SACK: an order that neither of the two has.
  const auto other = Fingerprint6::parse(
      replaced(recorded::kPrinted, "020405a00402080a", "020405a00103030801010402"));
  ASSERT_TRUE(other);
  EXPECT_EQ(match_of(*other), "");
  // Answers without a class of their own: SYNs refused, echoes given.
  Fingerprint6 refused = recorded_linux();
  for (std::size_t i = 0; i < kSeqProbes; ++i) refused.lines[i].reset();
  EXPECT_EQ(match_of(refused), "");
  Fingerprint6 mixed = recorded_linux();
  mixed.lines[index_of(Probe6::Echo1)]->packet[0] = std::byte{0x6f};  // Another traffic class...
  mixed.lines[index_of(Probe6::Seq1)]->packet[0] = std::byte{0x6f};   // ...twice.
  EXPECT_EQ(match_of(mixed), "");
}

TEST(OsModel6, NeedsALeadBeforeTheNext) {
  OsModel6::Class os;
  os.weights.resize(kFeatures6);
  const std::vector<OsModel6::Score> close = {{&os, 0.80, 3}, {&os, 0.71, 3}};
  EXPECT_EQ(OsModel6::match(close), nullptr);
  const std::vector<OsModel6::Score> clear = {{&os, 0.80, 3}, {&os, 0.69, 3}};
  EXPECT_EQ(OsModel6::match(clear), &clear[0]);
  const std::vector<OsModel6::Score> novel = {{&os, 0.99, 15}, {&os, 0.01, 3}};
  EXPECT_EQ(OsModel6::match(novel), nullptr);
  EXPECT_EQ(OsModel6::match({}), nullptr);
}

TEST(OsModel6, IsReadAgainAsItWasPrinted) {
  const std::string text = OsModel6::print(ours());
  const auto again = OsModel6::parse(text, "m");
  ASSERT_TRUE(again);
  EXPECT_EQ(OsModel6::print(*again), text);
  EXPECT_EQ(text, builtin_model6_text());
}

TEST(OsModel6, SaysWhichLineIsWrong) {
  const auto complaint = [](const std::string& text) {
    const auto model = OsModel6::parse(text, "m");
    return model ? std::string{} : model.error().message;
  };
  EXPECT_EQ(complaint("OS x\n"), "m:1: it does not begin with Model6 1");
  EXPECT_EQ(complaint("Model6 1\n\nBias 1\n"), "m:3: it belongs to no OS");
  EXPECT_EQ(complaint("Model6 1\nOS x\nClass a | b\n"),
            "m:3: it needs vendor, family, generation and type between bars");
  EXPECT_EQ(complaint("Model6 1\nOS x\nBias nan\n"), "m:3: it needs a number");
  EXPECT_EQ(complaint("Model6 1\nOS x\nScale S1.FOO 0 1\n"), "m:3: there is no such feature");
  EXPECT_EQ(complaint("Model6 1\nOS x\nScale TCP_ISR 0 1\nScale TCP_ISR 0 1\n"),
            "m:4: the feature was there before");
  EXPECT_EQ(complaint("Model6 1\nOS x\nWeigh TCP_ISR 0 0 0 0\n"),
            "m:3: it has more numbers than there are OS lines for");
  EXPECT_EQ(complaint("Model6 1\nOS x\n"), "m:2: features are missing");
}

}  // namespace
}  // namespace trawl::osfp
