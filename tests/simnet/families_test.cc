#include "bench/simnet/families.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/hash.h"
#include "bench/simnet/frame.h"
#include "bench/simnet/frame6.h"
#include "bench/simnet/host_style.h"
#include "osfp/passive/signature_index.h"
#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

osfp::SignatureFile ours() {
  return osfp::SignatureFile::parse(osfp::builtin_signature_text(), "os-signatures").value();
}

// The SYN-ACK as a scanner reads it.
osfp::SynAckFacts syn_ack_of(const StackReply& stack, std::uint64_t draw) {
  HostStyle style;
  style.ttl = stack.ttl;
  style.window = stack.window;
  style.has_df = stack.stack->has_df;
  style.ip_id = stack.stack->has_id ? 7 : 0;
  style.timestamp = static_cast<std::uint32_t>(draw) | 1U;
  style.stack = &stack;
  TcpSegment syn;
  syn.seq = 1;
  syn.timestamp = 5;
  Ipv4Frame probe;
  std::array<std::byte, 128> buffer{};
  const std::size_t size = write_syn_ack(buffer, probe, syn, 77, style);
  const auto facts = osfp::read_syn_ack(std::span{buffer}.first(size).subspan(14));
  EXPECT_TRUE(facts.has_value());
  return facts.value_or(osfp::SynAckFacts{});
}

TEST(Families, SynAcksAreRecognisedBySignaturesOfTheSameFile) {
  const Families families{ours(), 0};
  const osfp::SignatureIndex index{ours()};
  std::map<std::string, int> seen;
  constexpr int kHosts = 20'000;
  int right = 0;
  for (int i = 0; i < kHosts; ++i) {
    const std::uint64_t draw = mix64(static_cast<std::uint64_t>(i));
    const StackReply stack = families.choose(draw, 80, Families::Syn::Full, false);
    ASSERT_NE(stack.stack, nullptr);
    const std::string family{families.family(draw, 80)};
    ++seen[family];
    const auto hint = index.find(syn_ack_of(stack, draw));
    ASSERT_TRUE(hint.has_value()) << family;
    if (hint->label->family == family) ++right;
  }
  EXPECT_GT(right, kHosts * 95 / 100);
  EXPECT_GE(seen.size(), 6U);
  for (const auto& [family, hosts] : seen) EXPECT_GT(hosts, kHosts / 20) << family;
}

TEST(Families, AForwardedHostHasPortsOfTwoMachines) {
  const Families families{ours(), 0.5};
  int forwarded = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::uint64_t draw = mix64(i);
    bool differs = false;
    const StackReply first = families.choose(draw, 1, Families::Syn::Full, false);
    for (std::uint16_t port = 2; port < 40; ++port) {
      const StackReply other = families.choose(draw, port, Families::Syn::Full, false);
      differs |= other.stack != first.stack || other.ttl != first.ttl;
    }
    if (!families.is_forwarded(draw)) EXPECT_FALSE(differs);
    forwarded += families.is_forwarded(draw) ? 1 : 0;
  }
  EXPECT_NEAR(forwarded, 500, 80);
}

TEST(Families, WhatNoStackHasOnPurposeIsLeftOut) {
  const auto file = osfp::SignatureFile::parse(
      "[tcp:response]\nlabel = s:other:Odd:\nsig = *:64:0:*:1,0:mss:bad:0\nsig = "
      "*:64:4:*:1,0:mss:df:0\nsig = *:64:0:*:1,0:mss:df:+\n",
      "own.fp");
  ASSERT_TRUE(file);
  EXPECT_TRUE((Families{*file, 0}.empty()));
}

}  // namespace
}  // namespace trawl::simnet
