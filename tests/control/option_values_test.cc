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

}  // namespace
}  // namespace trawl::control
