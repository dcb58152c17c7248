#include "control/audit/target_block.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <variant>

namespace trawl::control {
namespace {

// The addresses, "name NAME/LENGTH", or the reason.
std::string meaning(std::string_view text, AddressFamily family = AddressFamily::V4) {
  const auto parsed = parse_target_expression(text, family);
  if (const auto* const reason = std::get_if<std::string>(&parsed)) return *reason;
  const auto& expression = std::get<TargetExpression>(parsed);
  std::string out = expression.warning;
  if (const auto* const named = std::get_if<NamedTarget>(&expression.what)) {
    return out + fmt::format("name {}/{}", named->name, named->length);
  }
  const auto& block = std::get<TargetBlock>(expression.what);
  for (Uint128 i = 0; i < block.size() && i < 9; ++i) {
    EXPECT_TRUE(block.contains(block.at(i)));
    out += (out.empty() ? "" : " ") + block.at(i).to_string();
  }
  return out;
}

TEST(TargetExpression, OctetsCombine) {
  EXPECT_EQ(meaning("198.18.0-1.3,1"), "198.18.0.1 198.18.0.3 198.18.1.1 198.18.1.3");
  EXPECT_EQ(meaning("198.18.0.-2"), "198.18.0.0 198.18.0.1 198.18.0.2");
  EXPECT_EQ(meaning("198.18.0.254-"), "198.18.0.254 198.18.0.255");
  EXPECT_EQ(meaning("198.18.0.00005"), "198.18.0.5");
  EXPECT_EQ(meaning("198.18.0.3,1,2,1"), "198.18.0.1 198.18.0.2 198.18.0.3");
  const auto all = parse_target_expression("198.18.*.-", AddressFamily::V4);
  EXPECT_TRUE(std::get<TargetBlock>(std::get<TargetExpression>(all).what).size() == 65536);
}

TEST(TargetExpression, PrefixesWidenWhatIsThere) {
  EXPECT_EQ(meaning("198.18.0.5/31"), "198.18.0.4 198.18.0.5");
  EXPECT_EQ(meaning("198.18.0.1,2/31"), "198.18.0.0 198.18.0.1 198.18.0.2 198.18.0.3");
  EXPECT_EQ(meaning("0-1.0.0.0/31"), "0.0.0.0 0.0.0.1 1.0.0.0 1.0.0.1");
  const auto all = parse_target_expression("1.2.3.4/0", AddressFamily::V4);
  const auto& block = std::get<TargetBlock>(std::get<TargetExpression>(all).what);
  EXPECT_TRUE(block.size() == Uint128{1} << 32U);
  EXPECT_EQ(block.at(block.size() - 1), IpAddress{Ipv4Address{0xffffffff}});
}

TEST(TargetExpression, AddressesOfIpv6MayHaveAZone) {
  for (const auto& [text, addresses, zone] :
       {std::array<const char*, 3>{"fe80::1%eth1", "fe80::1", "eth1"},
        {"fe80::1%eth1/127", "fe80:: fe80::1", "eth1"},
        {"fe80::1", "fe80::1", ""}}) {
    EXPECT_EQ(meaning(text, AddressFamily::V6), addresses);
    const auto parsed = parse_target_expression(text, AddressFamily::V6);
    EXPECT_EQ(std::get<TargetExpression>(parsed).zone, zone);
  }
  EXPECT_EQ(meaning("fe80::1%", AddressFamily::V6), "Failed to resolve \"fe80::1%\".");
}

TEST(TargetExpression, WhatIsNoAddressIsAName) {
  for (const char* text : {"198.18.0.1,", "198.18.0.,1", "198.18.0.5-3", "198.18.0.1-256", "1.2.3",
                           "1.2.3.4.5", "example", ""}) {
    EXPECT_EQ(meaning(text), fmt::format("name {}/32", text));
  }
  EXPECT_EQ(meaning("example.org/24"), "name example.org/24");
  EXPECT_EQ(meaning("1.2.3.4", AddressFamily::V6), "name 1.2.3.4/128");
}

TEST(TargetExpression, BadMasksAreToldOf) {
  EXPECT_EQ(meaning("1.2.3.4/33"),
            "Illegal netmask in \"1.2.3.4/33\". Assuming /32 (one host) 1.2.3.4");
  for (const char* text : {"1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/0x1", "1.2.3.4/x"}) {
    EXPECT_EQ(meaning(text),
              fmt::format("Unable to split netmask from target expression: \"{}\"", text));
  }
}

TEST(TargetExpression, Ipv6IsByPrefix) {
  EXPECT_EQ(meaning("2001:db8::5/127", AddressFamily::V6), "2001:db8::4 2001:db8::5");
  EXPECT_EQ(meaning("::1", AddressFamily::V6), "::1");
  EXPECT_EQ(meaning("::ffff:198.18.0.1", AddressFamily::V6),
            "::ffff:198.18.0.1 means an IPv4 address -- name that, without the -6 option.");
  EXPECT_EQ(meaning("::1"),
            "::1 looks like an IPv6 target specification -- you have to use the -6 option.");
}

TEST(TargetBlock, HoldsNoAddressOfTheOtherFamily) {
  const TargetBlock v6{*Ipv6Prefix::parse("::/0")};
  EXPECT_FALSE(v6.contains(*IpAddress::parse("1.2.3.4")));
  EXPECT_TRUE(v6.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_EQ(block_around(*IpAddress::parse("198.18.0.77"), 31).at(0),
            *IpAddress::parse("198.18.0.76"));
}

}  // namespace
}  // namespace trawl::control
