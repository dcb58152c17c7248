#include "osfp/active/tcp_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace trawl::osfp {
namespace {

std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)));
  }
  return bytes;
}

std::string signature(std::string_view hex) {
  return TcpOptions{bytes_of(hex)}.signature().value_or("unreadable");
}

TEST(TcpOptions, WritesOrderAndValues) {
  EXPECT_EQ(signature("020405b40402080a09a39fc5ffffffff0103030a"), "M5B4ST11NWA");
  EXPECT_EQ(signature("0101080a00000000000000010101"), "NNT01NN");
  EXPECT_EQ(signature("080a0000000100000000"), "T10");
  EXPECT_EQ(signature("02040000010303ff"), "M0NWFF");
  EXPECT_EQ(signature(""), "");
}

TEST(TcpOptions, ReadsOnBehindTheEndOfTheList) {
  EXPECT_EQ(signature("020405b40003030a01010101"), "M5B4LWANNNN");
  EXPECT_EQ(signature("00000000"), "LLLL");
}

TEST(TcpOptions, GivesOtherKindsNoLetter) {
  EXPECT_EQ(signature("fd040102020405b401010303070101"), "M5B4NNW7NN");
  EXPECT_EQ(signature("0101050a0000000100000002"), "NN");  // Selective acknowledgments.
}

TEST(TcpOptions, DoesNotReadWrongLengths) {
  for (const char* const hex : {"01010102", "020405", "0203050101010101", "0200050101010101",
                                "0304050101010101", "0808000000010000", "040300010101", "1e010102",
                                "05020204ffff0101", "1e000102", "1e0a0102"}) {
    EXPECT_EQ(signature(hex), "unreadable") << hex;
  }
}

TEST(TcpOptions, FindsTimestamps) {
  const auto stamps = TcpOptions{bytes_of("020405b40402080a09a39fc5ffffffff0103030a")}.stamps();
  ASSERT_TRUE(stamps);
  EXPECT_EQ(stamps->value, 0x09a39fc5U);
  EXPECT_EQ(stamps->echo, 0xffffffffU);
  EXPECT_FALSE(TcpOptions{bytes_of("020405b4")}.stamps());
  EXPECT_FALSE(TcpOptions{bytes_of("080a0000")}.stamps());
}

TEST(TcpOptions, KeepsAtMostWhatAHeaderHolds) {
  const std::vector<std::byte> many(60, std::byte{1});
  EXPECT_EQ(TcpOptions{many}.bytes().size(), 40U);
}

}  // namespace
}  // namespace trawl::osfp
