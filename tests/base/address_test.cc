#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"

namespace trawl {
namespace {

TEST(Ipv4Address, ParsesFourDecimalOctets) {
  EXPECT_EQ(Ipv4Address::parse("0.0.0.0")->value(), 0U);
  EXPECT_EQ(Ipv4Address::parse("198.18.0.1")->value(), 0xc6120001U);
  EXPECT_EQ(Ipv4Address::parse("255.255.255.255")->value(), 0xffffffffU);
}

TEST(Ipv4Address, RejectsEverythingElse) {
  const std::vector<std::string_view> bad{"",          " ",
                                          "1",         "1.2",
                                          "1.2.3",     "1.2.3.",
                                          "1.2.3.4.",  "1.2.3.4.5",
                                          ".1.2.3.4",  "1..3.4",
                                          "256.0.0.1", "1.2.3.256",
                                          "01.2.3.4",  "1.2.3.04",
                                          "1.2.3.4 ",  " 1.2.3.4",
                                          "-1.2.3.4",  "+1.2.3.4",
                                          "0x1.2.3.4", "1.2.3.4/8",
                                          "1,2,3,4",   "1.2.3.4294967296",
                                          "1.2.3.4\n", "::1",
                                          "a.b.c.d",   "1.2.3.00",
                                          "1.2.3.٤"};
  for (const std::string_view text : bad) EXPECT_FALSE(Ipv4Address::parse(text)) << text;
  EXPECT_FALSE(Ipv4Address::parse(std::string_view{"1.2.3.4\0", 8}));
  EXPECT_FALSE(Ipv4Address::parse(std::string_view{"1.2.3.4\0.5", 10}));
}

TEST(Ipv4Address, ReadsNoFurtherThanItsView) {
  const std::string text = "10.0.0.123";
  EXPECT_EQ(Ipv4Address::parse(std::string_view{text}.substr(0, 8))->to_string(), "10.0.0.1");
}

TEST(Ipv4Address, TextRoundTrips) {
  std::mt19937 random{1};
  for (int i = 0; i < 20000; ++i) {
    const Ipv4Address address{static_cast<std::uint32_t>(random())};
    EXPECT_EQ(Ipv4Address::parse(address.to_string()), address);
  }
}

TEST(Ipv6Address, ParsesRfc4291Forms) {
  struct Case {
    std::string_view text;
    std::string_view canonical;
  };
  const std::vector<Case> cases{
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
      {"2001:db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // RFC 5952 4.2.2: a single 0 stays.
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          // 4.2.3: the longest run.
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    // 4.2.3: of two alike, the first.
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
  for (const auto& [text, canonical] : cases) {
    const auto parsed = Ipv6Address::parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->to_string(), canonical);
    EXPECT_EQ(Ipv6Address::parse(parsed->to_string()), parsed);
  }
}

TEST(Ipv6Address, RejectsEverythingElse) {
  const std::vector<std::string_view> bad{"",
                                          ":",
                                          ":::",
                                          "1::2::3",
                                          "1:2:3:4:5:6:7",
                                          "1:2:3:4:5:6:7:8:9",
                                          "1:2:3:4:5:6:7:",
                                          ":1:2:3:4:5:6:7:8",
                                          "12345::",
                                          "g::1",
                                          "fe80::1%eth0",
                                          "[::1]",
                                          "::1 ",
                                          "::1/64",
                                          "::1.2.3",
                                          "::1.2.3.256",
                                          "1.2.3.4",
                                          "0000:0000:0000:0000:0000:0000:0000:0000:0000"};
  for (const std::string_view text : bad) EXPECT_FALSE(Ipv6Address::parse(text)) << text;
}

TEST(Ipv6Address, TextRoundTrips) {
  std::mt19937_64 random{2};
  for (int i = 0; i < 20000; ++i) {
    // Blanked groups give every pattern of zero runs.
    Uint128 value = (Uint128{random()} << 64U) | random();
    const std::uint64_t blank = random();
    for (unsigned group = 0; group < 8; ++group) {
      if (((blank >> group) & 1U) != 0) value &= ~(Uint128{0xffff} << (16U * group));
    }
    const Ipv6Address address{value};
    EXPECT_EQ(Ipv6Address::parse(address.to_string()), address) << address.to_string();
  }
}

TEST(Ipv6Address, ComparesAllBits) {
  const Ipv6Address low{Uint128{1}};
  const Ipv6Address high{Uint128{1} << 100U};
  EXPECT_LT(low, high);
  EXPECT_NE(low, high);
  EXPECT_GT(high, low);
}

TEST(Prefix, ClearsHostBits) {
  EXPECT_EQ(Ipv4Prefix::parse("198.18.3.4/15")->to_string(), "198.18.0.0/15");
  EXPECT_EQ(Ipv4Prefix::parse("255.255.255.255/0")->to_string(), "0.0.0.0/0");
  EXPECT_EQ(Ipv4Prefix::parse("10.1.2.3")->to_string(), "10.1.2.3/32");
  EXPECT_EQ(Ipv6Prefix::parse("2001:db8::ffff/32")->to_string(), "2001:db8::/32");
  EXPECT_EQ(Ipv6Prefix::parse("::1")->to_string(), "::1/128");
  EXPECT_EQ(Ipv6Prefix::parse("ffff::/0")->to_string(), "::/0");
}

TEST(Prefix, RejectsBadLengths) {
  for (const std::string_view text :
       {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/ 8",
        "10.0.0.0/8/8", "/8", "10/8", "10.0.0.0/4294967304", "10.0.0.0/0x8", "::/64"}) {
    EXPECT_FALSE(Ipv4Prefix::parse(text)) << text;
  }
  EXPECT_FALSE(Ipv6Prefix::parse("::/129"));
  EXPECT_FALSE(Ipv6Prefix::parse("10.0.0.0/8"));
}

TEST(Prefix, HoldsFirstToLastAndNothingBeside) {
  for (unsigned length = 0; length <= 32; ++length) {
    const Ipv4Prefix prefix{Ipv4Address{0xc6120304U}, length};
    const std::uint64_t size = std::uint64_t{prefix.last().value()} - prefix.first().value() + 1;
    EXPECT_EQ(size, std::uint64_t{1} << (32U - length));
    EXPECT_EQ(prefix.first().value() & (size - 1), 0U);
    EXPECT_TRUE(prefix.contains(Ipv4Address{0xc6120304U}));
    EXPECT_TRUE(prefix.contains(prefix.first()));
    EXPECT_TRUE(prefix.contains(prefix.last()));
    if (length > 0) {
      EXPECT_FALSE(prefix.contains(Ipv4Address{prefix.first().value() - 1}));
      EXPECT_FALSE(prefix.contains(Ipv4Address{prefix.last().value() + 1}));
    }
    EXPECT_EQ(Ipv4Prefix::parse(prefix.to_string()), prefix);
  }
  const Ipv6Prefix all{Ipv6Address{}, 0};
  EXPECT_TRUE(all.contains(Ipv6Address{~Uint128{0}}));
}

TEST(MacAddress, ParsesColonsAndDashes) {
  EXPECT_EQ(MacAddress::parse("02:00:c6:12:AB:cd")->to_string(), "02:00:c6:12:ab:cd");
  EXPECT_EQ(MacAddress::parse("02-00-c6-12-ab-cd")->to_integer(), 0x0200c612abcdU);
  EXPECT_EQ(MacAddress::parse("ff:ff:ff:ff:ff:ff"), MacAddress::broadcast());
}

TEST(MacAddress, RejectsEverythingElse) {
  for (const std::string_view text :
       {"", "02:00:c6:12:ab", "02:00:c6:12:ab:cd:ef", "02:00:c6:12:ab:c", "2:00:c6:12:ab:cd0",
        "02-00:c6:12:ab:cd", "02:00:c6:12:ab-cd", "02.00.c6.12.ab.cd", "0200.c612.abcd",
        "02:00:c6:12:ab:cg", "02:00:c6:12:ab:-1", "02:00:c6:12:ab: 1", "02:00:c6:12:ab:+1",
        "0x:00:c6:12:ab:cd", "02:00:c6:12:ab:cd "}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(MacAddress, IntegerAndTextRoundTrip) {
  std::mt19937_64 random{3};
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t value = random() & 0xffffffffffffU;
    const MacAddress mac = MacAddress::from_integer(value);
    EXPECT_EQ(mac.to_integer(), value);
    EXPECT_EQ(MacAddress::parse(mac.to_string()), mac);
  }
}

TEST(IpAddress, HoldsEitherFamilyAndTellsThemApart) {
  const Ipv4Address v4 = *Ipv4Address::parse("198.18.0.1");
  const Ipv6Address v6 = *Ipv6Address::parse("2001:db8::198.18.0.1");
  EXPECT_TRUE(IpAddress{v4}.is_v4());
  EXPECT_EQ(IpAddress{v4}.v4(), v4);
  EXPECT_EQ(IpAddress{v4}.to_string(), "198.18.0.1");
  EXPECT_FALSE(IpAddress{v6}.is_v4());
  EXPECT_EQ(IpAddress{v6}.v6(), v6);
  EXPECT_EQ(IpAddress{v6}.to_string(), "2001:db8::c612:1");
  EXPECT_EQ(IpAddress{}, IpAddress{Ipv4Address{}});
  EXPECT_NE(IpAddress{v4}, IpAddress{v6});
  EXPECT_FALSE(IpAddress{Ipv6Address{}}.is_v4());
  EXPECT_FALSE(IpAddress{*Ipv6Address::parse("::198.18.0.1")}.is_v4());
}

TEST(IpAddress, ParsesAndOrdersAsItsFamilyDoes) {
  EXPECT_EQ(IpAddress::parse("198.18.0.1"), IpAddress{*Ipv4Address::parse("198.18.0.1")});
  EXPECT_EQ(IpAddress::parse("2001:db8::1"), IpAddress{*Ipv6Address::parse("2001:db8::1")});
  EXPECT_FALSE(IpAddress::parse("198.18.0"));
  EXPECT_FALSE(IpAddress::parse("2001:db8:::1"));
  EXPECT_LT(*IpAddress::parse("9.0.0.1"), *IpAddress::parse("198.18.0.1"));
  EXPECT_LT(*IpAddress::parse("2001:db8::ffff"), *IpAddress::parse("2001:db8:0:1::"));
}

}  // namespace
}  // namespace trawl
