#include "osfp/passive/signature_index.h"

#include <gtest/gtest.h>

#include <string>

#include "base/hash.h"
#include "tests/osfp/passive/packets.h"

namespace trawl::osfp {
namespace {

SignatureIndex index_of(std::string_view text) {
  auto file = SignatureFile::parse("[tcp:response]\n" + std::string{text}, "own.fp");
  EXPECT_TRUE(file.has_value()) << (file ? "" : file.error().message);
  return SignatureIndex{file.value_or(SignatureFile{})};
}

SynAckFacts facts_of(const TestSynAck& from) { return read_syn_ack(ipv4_packet(from)).value(); }

constexpr std::string_view kLinux =
    "label = s:unix:Linux:6.x\n"
    "sig = *:64:0:*:65160,7:mss,sok,ts,nop,ws:df,flow:0\n";
constexpr std::string_view kLinuxAtLarge =
    "label = g:unix:Linux:\n"
    "sig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,flow:*\n";

TEST(SignatureIndex, TheMoreExactSignatureWins) {
  const SignatureIndex index = index_of(std::string{kLinuxAtLarge} + std::string{kLinux});
  const auto exact = index.find(facts_of({.ttl = 60, .options = linux_options()}));
  ASSERT_TRUE(exact.has_value());
  EXPECT_EQ(exact->label->version, "6.x");
  EXPECT_EQ(exact->confidence, 95);
  EXPECT_EQ(exact->hops, 4);
  const auto general = index.find(facts_of({.window = 1, .options = linux_options()}));
  ASSERT_TRUE(general.has_value());
  EXPECT_TRUE(general->label->is_generic);
  EXPECT_EQ(general->confidence, 60);
}

TEST(SignatureIndex, DoubtsTakeConfidence) {
  const SignatureIndex index = index_of(kLinux);
  EXPECT_EQ(index.find(facts_of({.ttl = 128, .options = linux_options()}))->confidence, 60);
  EXPECT_EQ(index.find(facts_of({.ttl = 128, .options = linux_options()}))->hops, 0);
  EXPECT_EQ(index.find(facts_of({.fragment = 0, .options = linux_options()}))->confidence, 80);
}

TEST(SignatureIndex, WhatDiffersInLayoutOrQuirksIsUnknown) {
  const SignatureIndex index = index_of(kLinux);
  auto options = linux_options();
  options[19] = 15;
  EXPECT_FALSE(index.find(facts_of({.options = options})));  // exws
  EXPECT_FALSE(index.find(facts_of({.flags = 0x1a, .options = linux_options()})));
  EXPECT_FALSE(index.find(facts_of({})));
  EXPECT_FALSE(index_of("").find(facts_of({})));
}

TEST(SignatureIndex, FlowLabelCountsForIpv6Alone) {
  const SignatureIndex index = index_of(kLinux);
  const TestSynAck packet{.options = linux_options()};
  EXPECT_TRUE(index.find(facts_of(packet)));
  EXPECT_TRUE(index.find(read_syn_ack(ipv6_packet(packet, 5)).value()));
  EXPECT_FALSE(index.find(read_syn_ack(ipv6_packet(packet, 0)).value()));
}

TEST(SignatureIndex, AnotherFamilyThatSuitsAsWellHalvesConfidence) {
  const std::string other =
      "label = s:other:Box:1\nsig = 4:64:0:*:65160,7:mss,sok,ts,nop,ws:df:0\n";
  const SignatureIndex both = index_of(std::string{kLinux} + other);
  const auto tie = both.find(facts_of({.options = linux_options()}));
  EXPECT_EQ(tie->label->family, "Linux");
  EXPECT_EQ(tie->confidence, 48);
  // The same family is no rival.
  std::string twin = other;
  twin.replace(twin.find("Box"), 3, "Linux");
  const auto same =
      index_of(std::string{kLinux} + twin).find(facts_of({.options = linux_options()}));
  EXPECT_EQ(same->confidence, 95);
  // One whose TTL is wrong hardly is.
  std::string far = other;
  far.replace(far.find(":64:"), 4, ":255:");
  const auto clear =
      index_of(std::string{kLinux} + far).find(facts_of({.options = linux_options()}));
  EXPECT_EQ(clear->confidence, 95);
}

// Against looking at every signature in turn.
TEST(SignatureIndex, FindsWhatAPlainSearchFinds) {
  std::string text;
  std::vector<SynAckFacts> packets;
  for (unsigned i = 0; i < 400; ++i) {
    OptionLayout layout;
    const std::uint64_t draw = mix64(i / 4);
    for (unsigned k = 0; k < 1 + draw % 9; ++k) {
      layout.add(static_cast<std::uint8_t>(1 + ((draw >> (4 + 3 * k)) & 3U)));
    }
    text += "label = s:other:F" + std::to_string(i) +
            ":\nsig = *:64:0:*:" + std::to_string(1000 + i) + ",0:" + layout.print() + "::0\n";
    SynAckFacts facts;
    facts.ttl = 60;
    facts.window = static_cast<std::uint16_t>(1000 + i);
    facts.layout = layout;
    packets.push_back(facts);
  }
  const SignatureIndex index = index_of(text);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto hint = index.find(packets[i]);
    ASSERT_TRUE(hint.has_value()) << i;
    EXPECT_EQ(hint->label->family, "F" + std::to_string(i));
    SynAckFacts unknown = packets[i];
    unknown.window = 999;
    EXPECT_FALSE(index.find(unknown));
  }
}

struct Stack {
  std::string_view family;
  TestSynAck packet;
};

TEST(SignatureIndex, OursKnowsCommonStacks) {
  const Stack stacks[] = {
      {"Linux", {.ttl = 50, .options = linux_options()}},
      {"Linux", {.window = 28960, .options = linux_options()}},
      {"Windows",
       {.ttl = 115, .id = 9, .window = 65535, .options = {2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2}}},
      {"FreeBSD", {.ttl = 52, .window = 65535, .options = {2, 4,  5, 0xb4, 1, 3, 3, 6, 4, 2,
                                                           8, 10, 1, 1,    1, 1, 0, 0, 0, 9}}},
      {"macOS", {.ttl = 52, .window = 65535, .options = {2, 4, 5, 0xb4, 1, 3, 3, 6, 1, 1, 8, 10,
                                                         1, 1, 1, 1,    0, 0, 0, 9, 4, 2, 0, 0}}},
      {"lwIP", {.ttl = 250, .fragment = 0, .id = 3, .window = 2144, .options = {2, 4, 2, 0x18}}},
      {"Cisco IOS",
       {.ttl = 250, .fragment = 0, .id = 3, .window = 4128, .options = {2, 4, 2, 0x18}}},
  };
  for (const auto& [family, packet] : stacks) {
    const auto hint = builtin_signatures().find(facts_of(packet));
    ASSERT_TRUE(hint.has_value()) << family;
    EXPECT_EQ(hint->label->family, family);
    EXPECT_GE(hint->confidence, 45) << family;
  }
}

}  // namespace
}  // namespace trawl::osfp
