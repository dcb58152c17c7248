#include "control/steward/address_list.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "control/steward/sha256.h"
#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

AddressList parsed(std::string_view content) {
  AddressList list;
  const auto done = parse_address_list(content, "list.txt", list);
  EXPECT_TRUE(done) << done.error().message;
  return list;
}

std::string refused(std::string_view content) {
  AddressList list;
  const auto done = parse_address_list(content, "list.txt", list);
  if (done) return "accepted";
  EXPECT_EQ(done.error().code, ExitCode::BadInput);
  return done.error().message;
}

TEST(AddressList, TakesBothFamiliesInEveryForm) {
  const AddressList list = parsed(
      "\xef\xbb\xbf# never\r\n"
      "8.8.8.0/24, 9.9.9.9-9.9.9.10\t1.1.1.1,3\r\n"
      "2a00::1,2a00:1::/32 2a00:2::5-2a00:2::9 # and these\n"
      "\n"
      "7.7.7.7,2a00:3::,6.6.6.6");
  EXPECT_EQ(
      list.to_text(),
      "1.1.1.1/32\n1.1.1.3/32\n6.6.6.6/32\n7.7.7.7/32\n8.8.8.0/24\n9.9.9.9/32\n9.9.9.10/32\n"
      "2a00::1/128\n2a00:1::/32\n2a00:2::5/128\n2a00:2::6/127\n2a00:2::8/127\n2a00:3::/128\n");
}

TEST(AddressList, MistakesNameFileAndLine) {
  EXPECT_TRUE(refused("1.1.1.1\n\n8.8.8.0/40\n").starts_with("list.txt:3: \"8.8.8.0/40\" has the"));
  EXPECT_TRUE(refused("example.net").starts_with("list.txt:1: \"example.net\" is not an address"));
  EXPECT_EQ(refused("1.1.1.1\n2a00::/129"),
            "list.txt:2: \"2a00::/129\" is none; expected an IPv6 address, a prefix such as "
            "2001:db8::/32 or a range such as 2001:db8::1-2001:db8::9");
  EXPECT_TRUE(refused("2a00::9-2a00::1").starts_with("list.txt:1: \"2a00::9-2a00::1\" runs back"));
  EXPECT_TRUE(refused("fe80::1%eth0").starts_with("list.txt:1: \"fe80::1%eth0\" is none"));
  EXPECT_TRUE(refused(std::string_view{"1.1.1.1\n\0", 9}).starts_with("list.txt:2: the byte 0x00"));
  EXPECT_TRUE(refused("\x1f\x8b\x08").starts_with("list.txt:1: the byte 0x1f is not text"));
  EXPECT_TRUE(refused(std::string(2U << 20U, ' ')).starts_with("list.txt:1: the line is longer"));
}

TEST(AddressList, TextHasTheFewestPrefixesAndDigestsToTheSame) {
  EXPECT_EQ(parsed("0.0.0.0/1 128.0.0.0/1").to_text(), "0.0.0.0/0\n");
  EXPECT_EQ(parsed("255.255.255.254-255.255.255.255").to_text(), "255.255.255.254/31\n");
  EXPECT_EQ(parsed("8000::/1 ::/1").to_text(), "::/0\n");
  EXPECT_EQ(parsed("10.0.0.1-10.0.0.6").to_text(),
            "10.0.0.1/32\n10.0.0.2/31\n10.0.0.4/31\n10.0.0.6/32\n");
  const AddressList list = parsed("10.0.0.1-10.9.0.6 2a00::1");
  EXPECT_EQ(list.digest(), sha256_hex(list.to_text()));
  EXPECT_EQ(parsed("10.0.0.0/9 10.128.0.0/9").digest(), parsed("10.0.0.0/8").digest());
  EXPECT_NE(parsed("10.0.0.0/8").digest(), parsed("10.0.0.0/7").digest());
}

TEST(AddressList, TextParsesBackToTheSameSet) {
  std::mt19937_64 random{5};
  for (int round = 0; round < 50; ++round) {
    AddressList list;
    for (int i = 0; i < 40; ++i) {
      const auto first = static_cast<std::uint32_t>(random());
      const auto length = static_cast<std::uint32_t>(random()) >> (random() % 32);
      list.v4.add({Ipv4Address{first}, Ipv4Address{std::max(first, first + length)}});
      const Uint128 high = Uint128{random()} << 64U;
      list.v6.add({Ipv6Address{high}, Ipv6Address{high | (random() >> (random() % 64))}});
    }
    const AddressList again = parsed(list.to_text());
    ASSERT_TRUE(std::ranges::equal(again.v4.intervals(), list.v4.intervals()));
    ASSERT_TRUE(std::ranges::equal(again.v6.intervals(), list.v6.intervals()));
  }
}

TEST(AddressList, FindsTheFirstEntryThatHoldsAnAddress) {
  const std::array addresses{*parse_any_address("8.8.8.9"), *parse_any_address("2a00::1"),
                             *parse_any_address("1.1.1.1")};
  const auto found =
      find_entries("# a\n9.9.9.9 8.8.8.0/24\n8.8.8.9\n2a00::/16\n", "list.txt", addresses);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE((*found)[0] && (*found)[1]);
  EXPECT_EQ((*found)[0]->line, 2U);
  EXPECT_EQ((*found)[0]->text, "8.8.8.0/24");
  EXPECT_EQ((*found)[1]->line, 4U);
  EXPECT_FALSE((*found)[2]);
  EXPECT_FALSE(find_entries("8.8.8.9\noops\n", "list.txt", addresses));
}

TEST(AddressList, AnyAddressIsOneOfBothFamilies) {
  EXPECT_EQ(to_string(*parse_any_address("198.18.0.1")), "198.18.0.1");
  EXPECT_EQ(to_string(*parse_any_address("2001:0db8:0::1")), "2001:db8::1");
  for (const char* text : {"", "8.8.8.0/24", "8.8.8", "::g", "fe80::1%lo"}) {
    EXPECT_FALSE(parse_any_address(text)) << text;
  }
}

TEST(ReadWholeFile, TakesRegularFilesUpToALimit) {
  const TempFile file{"12345", ".list"};
  EXPECT_EQ(read_whole_file(file.path(), 5).value_or("?"), "12345");
  const auto large = read_whole_file(file.path(), 4);
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().message.starts_with(file.path() + ": holds more than 4 bytes"));
  for (const std::string& path : {file.path() + ".none", std::string{"/"}}) {
    const auto content = read_whole_file(path, 100);
    ASSERT_FALSE(content) << path;
    EXPECT_EQ(content.error().code, ExitCode::BadInput);
    EXPECT_TRUE(content.error().message.starts_with(path + ": cannot be read: "));
  }
}

TEST(ReadWholeFile, DoesNotWaitForAFifo) {
  const TempFile fifo{".fifo"};
  ASSERT_EQ(::mkfifo(fifo.path().c_str(), 0600), 0);
  const auto content = read_whole_file(fifo.path(), 100);
  ASSERT_FALSE(content);
  EXPECT_NE(content.error().message.find("not a regular file"), std::string::npos);
}

}  // namespace
}  // namespace trawl::control
