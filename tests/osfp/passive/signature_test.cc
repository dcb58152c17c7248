#include "osfp/passive/signature.h"

#include <gtest/gtest.h>

#include "tests/osfp/passive/packets.h"

namespace trawl::osfp {
namespace {

Signature signature(std::string_view text) {
  auto read = Signature::parse(text);
  EXPECT_TRUE(read.has_value()) << text << ": " << (read ? "" : read.error().message);
  return read.value_or(Signature{});
}

SynAckFacts facts_of(const TestSynAck& from) { return read_syn_ack(ipv4_packet(from)).value(); }

TEST(Signature, IsPrintedAsItWasRead) {
  for (const std::string_view text :
       {"*:64:0:*:seg<65535,7:mss,sok,ts,nop,ws:df,flow:0", "4:128:0:1460:65535,8::df,id+:+",
        "6:255:4:*:*,*:mss,?76,eol+3:seq-,ack-,opt+,bad:*", "4:64-:0:*:mss*20,0:mss:id-:0",
        "4:64:0:*:mtu*4,0:mss::0", "4:64:0:*:%8192,14:ts,sack::0", "4:64:0:*:seg*10,2:nop:ecn:0"}) {
    EXPECT_EQ(signature(text).print(), text);
  }
}

TEST(Signature, TtlMayBeToldAsArrivedAndHops) {
  EXPECT_EQ(signature("4:57+7:0:*:*,*:::0").initial_ttl, 64);
}

TEST(Signature, SaysWhatIsWrong) {
  const auto problem = [](std::string_view text) {
    const auto read = Signature::parse(text);
    return read ? std::string{"fine"} : read.error().message;
  };
  EXPECT_EQ(problem("5:64:0:*:*,*:::0"), "version '5' is not 4, 6 or *");
  EXPECT_EQ(problem("4:0:0:*:*,*:::0"), "initial TTL '0' is not 1 to 255, as 64, 57+7 or 64-");
  EXPECT_EQ(problem("4:250+7:0:*:*,*:::0"),
            "initial TTL '250+7' is not 1 to 255, as 64, 57+7 or 64-");
  EXPECT_EQ(problem("4:64:x:*:*,*:::0"), "length of IP options 'x' is not 0 to 255");
  EXPECT_EQ(problem("4:64:0:70000:*,*:::0"), "MSS '70000' is not 0 to 65535 or *");
  EXPECT_EQ(problem("4:64:0:*:%0,*:::0"),
            "window '%0' is not a number, *, %N, mss*N, mtu*N, seg*N or seg<N");
  EXPECT_EQ(problem("4:64:0:*:1:::0"), "window scale '' is not 0 to 255 or *");
  EXPECT_EQ(problem("4:64:0:*:*,*:mss,,ws::0"),
            "option '' is not one of nop, mss, ws, sok, sack, ts, ?N and, last, eol+N");
  EXPECT_EQ(problem("4:64:0:*:*,*:eol+1,mss::0"),
            "option 'eol+1' is not one of nop, mss, ws, sok, sack, ts, ?N and, last, eol+N");
  EXPECT_EQ(problem("4:64:0:*:*,*::df,odd:0"), "quirk 'odd' is not known");
  EXPECT_EQ(problem("4:64:0:*:*,*:::1"), "payload class '1' is not 0, + or *");
  EXPECT_EQ(problem("4:64:0:*:*,*::0"),
            "a signature has 8 fields, ver:ittl:olen:mss:wsize,scale:olayout:quirks:pclass; "
            "this one has 7");
}

// Windows that Linux was seen to send with these MSS.
TEST(Signature, WindowsOfWholeSegmentsFitEveryMss) {
  const Signature whole = signature("4:64:0:*:seg<65535,*:mss,sok,ts,nop,ws:df:0");
  struct Seen {
    int mss;
    std::uint16_t window;
  };
  for (const auto& [mss, window] : {Seen{1460, 65160}, Seen{8960, 62636}, Seen{1452, 64800},
                                    Seen{1410, 64308}, Seen{1380, 64296}, Seen{1240, 65084}}) {
    auto options = linux_options();
    options[2] = mss >> 8;
    options[3] = mss & 0xff;
    EXPECT_TRUE(whole.fit(facts_of({.window = window, .options = options}))) << mss;
    const auto other = static_cast<std::uint16_t>(window - 1);
    EXPECT_FALSE(whole.fit(facts_of({.window = other, .options = options}))) << mss;
  }
  EXPECT_FALSE(whole.fit(facts_of({.window = 65535, .options = {}})));  // No MSS, no segments.
}

TEST(Signature, OtherRulesForWindows) {
  const std::vector<int> options{2, 4, 5, 0xb4};
  const auto fits = [&](std::string_view rule, std::uint16_t window) {
    const std::string text = "4:64:0:*:" + std::string{rule} + ",*:mss:df:0";
    return signature(text).fit(facts_of({.window = window, .options = options})).has_value();
  };
  EXPECT_TRUE(fits("mss*4", 5840));
  EXPECT_FALSE(fits("mss*4", 5841));
  EXPECT_TRUE(fits("mtu*4", 6000));
  EXPECT_FALSE(fits("mtu*4", 5840));
  EXPECT_TRUE(fits("seg*4", 5840));  // No timestamps: the whole MSS.
  EXPECT_TRUE(fits("%8192", 16384));
  EXPECT_FALSE(fits("%8192", 16385));
  EXPECT_TRUE(fits("*", 1));
  EXPECT_FALSE(fits("2", 1));
}

TEST(Signature, EachFieldTells) {
  const Signature own = signature("4:64:0:1460:65160,7:mss,sok,ts,nop,ws:df:0");
  const TestSynAck base{.options = linux_options()};
  ASSERT_TRUE(own.fit(facts_of(base)));
  EXPECT_TRUE(own.fit(facts_of(base))->is_ttl_right);
  EXPECT_TRUE(own.fit(facts_of(base))->is_path_right);
  EXPECT_FALSE(own.fit(read_syn_ack(ipv6_packet(base, 0)).value()));
  TestSynAck other = base;
  other.data = "x";
  EXPECT_FALSE(own.fit(facts_of(other)));
  other = base;
  other.options[19] = 8;
  EXPECT_FALSE(own.fit(facts_of(other)));
  other = base;
  other.options[3] = 0xb5;
  EXPECT_FALSE(own.fit(facts_of(other)));
  SynAckFacts with_ip_options = facts_of(base);
  with_ip_options.ip_options_size = 4;
  EXPECT_FALSE(own.fit(with_ip_options));
}

TEST(Signature, TtlAndPathAreDoubtsOnly) {
  const Signature own = signature("*:64:0:*:*,*:mss,sok,ts,nop,ws:df:0");
  const auto fit = [&](std::uint8_t ttl, std::uint16_t fragment) {
    return own.fit(facts_of({.ttl = ttl, .fragment = fragment, .options = linux_options()}))
        .value();
  };
  EXPECT_FALSE(fit(65, 0x4000).is_ttl_right);
  EXPECT_TRUE(fit(24, 0x4000).is_ttl_right);
  EXPECT_FALSE(fit(23, 0x4000).is_ttl_right);
  EXPECT_FALSE(fit(64, 0).is_path_right);
  const auto six = read_syn_ack(ipv6_packet({.options = linux_options()}, 0)).value();
  EXPECT_TRUE(own.fit(six)->is_path_right);
  EXPECT_TRUE(signature("4:64-:0:*:*,*:mss,sok,ts,nop,ws:df:0")
                  .fit(facts_of({.ttl = 200, .options = linux_options()}))
                  ->is_ttl_right);
}

}  // namespace
}  // namespace trawl::osfp
