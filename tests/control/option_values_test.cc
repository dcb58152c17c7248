#include "control/survey/option_values.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::control {
namespace {

Uint128 wide(std::uint64_t high, std::uint64_t low) { return Uint128{high} << 64U | low; }

TEST(Seed, IsADecimalOf64BitsOrHexOf128) {
  EXPECT_TRUE(parse_seed("0", "--seed") == Uint128{0});
  EXPECT_TRUE(parse_seed("18446744073709551615", "--seed") == wide(0, ~std::uint64_t{0}));
  EXPECT_TRUE(parse_seed("0x1f", "--seed") == Uint128{31});
  EXPECT_TRUE(parse_seed("0X1F", "--seed") == Uint128{31});
  EXPECT_TRUE(parse_seed("0x10000000000000000", "--seed") == wide(1, 0));
  EXPECT_TRUE(parse_seed("0x0123456789abcdeffedcba9876543210", "--seed") ==
              wide(0x0123456789abcdefU, 0xfedcba9876543210U));
}

TEST(Seed, PrintsInAFormThatParsesBack) {
  for (const Uint128 seed : {Uint128{0}, wide(0, 7), wide(~std::uint64_t{0}, 5)}) {
    EXPECT_TRUE(parse_seed(format_seed(seed), "--seed") == seed);
  }
  EXPECT_EQ(format_seed(wide(1, 2)), "0x00000000000000010000000000000002");
}

TEST(Seed, RefusesEverythingElse) {
  for (const std::string text : {"", "-1", "18446744073709551616", "0x", "abc", "1.5", "0x1g",
                                 "0x-1", "0x000000000000000000000000000000001", "1 "}) {
    const auto got = parse_seed(text, "--seed");
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, ExitCode::Usage);
    EXPECT_TRUE(got.error().message.starts_with("--seed: \"" + text));
  }
}

TEST(CpuList, KeepsTheOrderWritten) {
  using Cpus = std::vector<unsigned>;
  EXPECT_EQ(parse_cpu_list("0", "--lcores"), Cpus({0}));
  EXPECT_EQ(parse_cpu_list("3,1", "--lcores"), Cpus({3, 1}));
  EXPECT_EQ(parse_cpu_list("2-5,0", "--lcores"), Cpus({2, 3, 4, 5, 0}));
  EXPECT_EQ(parse_cpu_list("0,1,1", "--lcores"), Cpus({0, 1, 1}));
  EXPECT_EQ(parse_cpu_list("0-63", "--lcores")->size(), 64U);
}

TEST(CpuList, RefusesTooManyReversalsAndGarbage) {
  for (const char* text : {"", ",", "0,", "a", "1-", "-1", "5-2", "0-64", "0-63,0", "4096",
                           "0-4294967295", "0-99999999999", "1.5", "0 1"}) {
    const auto got = parse_cpu_list(text, "--lcores");
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, ExitCode::Usage);
    EXPECT_NE(got.error().message.find("such as 0, 0,1 or 2-5"), std::string::npos);
  }
}

TEST(AddressOption, NamesTheOptionInItsError) {
  EXPECT_EQ(parse_address("198.18.0.1", "--gateway"), Ipv4Address{0xc6120001U});
  const auto got = parse_address("198.18.0.999", "--gateway");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ExitCode::Usage);
  EXPECT_TRUE(got.error().message.starts_with("--gateway: \"198.18.0.999\""));
}

TEST(MacOption, NamesTheOptionInItsError) {
  EXPECT_EQ(parse_mac("02:00:00:00:00:01", "--gateway-mac"),
            MacAddress::from_integer(0x020000000001U));
  const auto got = parse_mac("02:00", "--gateway-mac");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ExitCode::Usage);
  EXPECT_TRUE(got.error().message.starts_with("--gateway-mac: \"02:00\""));
}

std::string source_list(std::string_view text) {
  const auto got = parse_source_addresses(text, "--source-ip");
  if (!got) {
    EXPECT_EQ(got.error().code, ExitCode::Usage);
    return got.error().message;
  }
  std::string list;
  for (const IpAddress& address : *got) list += address.to_string() + " ";
  return list;
}

TEST(SourceAddressList, IsWrittenAsTargetsAre) {
  EXPECT_EQ(source_list("198.18.0.1"), "198.18.0.1 ");
  EXPECT_EQ(source_list("198.18.0.5-6,198.18.0.2,198.18.0.2"), "198.18.0.2 198.18.0.5 198.18.0.6 ");
  EXPECT_EQ(source_list("198.18.0.8/30"), "198.18.0.8 198.18.0.9 198.18.0.10 198.18.0.11 ");
  EXPECT_EQ(parse_source_addresses("198.18.0.0/22", "--source-ip")->size(), 1024U);
  EXPECT_EQ(source_list("198.18.0.0/21"),
            "--source-ip: \"198.18.0.0/21\" are 2048 addresses; expected at most 1024");
  EXPECT_NE(source_list("x").find("--source-ip"), std::string::npos);
  EXPECT_NE(source_list("").find("--source-ip"), std::string::npos);
}

TEST(TtlOption, TakesWhatFitsTheField) {
  EXPECT_EQ(parse_ttl("1", "--ttl"), 1);
  EXPECT_EQ(parse_ttl("255", "--ttl"), 255);
  for (const char* text : {"", "0", "256", "-1", "6 4", "x"}) {
    EXPECT_FALSE(parse_ttl(text, "--ttl")) << text;
  }
  EXPECT_EQ(parse_ttl("0", "--ttl").error().message,
            "--ttl: \"0\" is not a number of hops; expected one from 1 to 255");
}

TEST(VlanOption, TakesTheIdsThatExist) {
  EXPECT_EQ(parse_vlan("1", "--vlan")->id(), 1);
  EXPECT_EQ(parse_vlan("4094", "--vlan")->id(), 4094);
  for (const char* text : {"", "0", "4095", "65536", "-1", "7x", " 7"}) {
    EXPECT_FALSE(parse_vlan(text, "--vlan")) << text;
  }
  EXPECT_EQ(parse_vlan("4095", "--vlan").error().message,
            "--vlan: \"4095\" is not a VLAN; expected a number from 1 to 4094");
}

}  // namespace
}  // namespace trawl::control
