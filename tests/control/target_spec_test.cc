#include "control/survey/target_spec.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

// A file of IPv4 targets alone.
Result<void> read_target_file(const std::string& path, Ipv4Set& into) {
  Ipv6Set v6;
  auto read = control::read_target_file(path, into, v6);
  EXPECT_TRUE(v6.empty());
  return read;
}

using namespace std::string_literals;

// The intervals as "first-last" texts, which a failed comparison shows.
std::vector<std::string> shown(const Ipv4Set& set) {
  std::vector<std::string> texts;
  for (const auto& range : set.intervals()) {
    texts.push_back(range.first.to_string() + "-" + range.last.to_string());
  }
  return texts;
}

using Shown = std::vector<std::string>;

Shown parsed(std::string_view text) {
  Ipv4Set set;
  const auto got = parse_targets(text, "target", set);
  if (!got) return {"error: " + got.error().message};
  return shown(set);
}

Shown parsed_lines(std::string_view text) {
  Ipv4Set set;
  const auto got = parse_target_lines(text, "list", set);
  if (!got) return {"error: " + got.error().message};
  return shown(set);
}

TEST(TargetSpec, TakesAddressesPrefixesAndRanges) {
  EXPECT_EQ(parsed("198.18.0.5"), Shown{"198.18.0.5-198.18.0.5"});
  EXPECT_EQ(parsed("0.0.0.0"), Shown{"0.0.0.0-0.0.0.0"});
  EXPECT_EQ(parsed("255.255.255.255"), Shown{"255.255.255.255-255.255.255.255"});
  EXPECT_EQ(parsed("198.18.0.0/15"), Shown{"198.18.0.0-198.19.255.255"});
  EXPECT_EQ(parsed("0.0.0.0/0"), Shown{"0.0.0.0-255.255.255.255"});
  EXPECT_EQ(parsed("198.18.0.7/32"), Shown{"198.18.0.7-198.18.0.7"});
  EXPECT_EQ(parsed("198.18.0.1-198.18.1.9"), Shown{"198.18.0.1-198.18.1.9"});
  EXPECT_EQ(parsed("198.18.0.1-198.18.0.1"), Shown{"198.18.0.1-198.18.0.1"});
}

TEST(TargetSpec, ClearsHostBits) {
  EXPECT_EQ(parsed("198.18.0.77/24"), Shown{"198.18.0.0-198.18.0.255"});
  EXPECT_EQ(parsed("198.18.0.77/0"), Shown{"0.0.0.0-255.255.255.255"});
}

TEST(TargetSpec, CombinesOctetRanges) {
  EXPECT_EQ(parsed("198.18.0.1-3"), Shown{"198.18.0.1-198.18.0.3"});
  EXPECT_EQ(parsed("198.18.0-1.1,5,9-10"),
            (Shown{"198.18.0.1-198.18.0.1", "198.18.0.5-198.18.0.5", "198.18.0.9-198.18.0.10",
                   "198.18.1.1-198.18.1.1", "198.18.1.5-198.18.1.5", "198.18.1.9-198.18.1.10"}));
  EXPECT_EQ(parsed("198.18.4-5.*"), Shown{"198.18.4.0-198.18.5.255"});
  EXPECT_EQ(parsed("198.18,20.-.-"),
            (Shown{"198.18.0.0-198.18.255.255", "198.20.0.0-198.20.255.255"}));
  EXPECT_EQ(parsed("198.18.0.250-"), Shown{"198.18.0.250-198.18.0.255"});
  EXPECT_EQ(parsed("198.18.0.-3"), Shown{"198.18.0.0-198.18.0.3"});
  EXPECT_EQ(parsed("*.*.*.*"), Shown{"0.0.0.0-255.255.255.255"});
  EXPECT_EQ(parsed("-.-.-.-"), Shown{"0.0.0.0-255.255.255.255"});
  EXPECT_EQ(parsed("1,1,1.1.1.1"), Shown{"1.1.1.1-1.1.1.1"});
}

TEST(TargetSpec, CommaGoesOnWithTheLastOctetUnlessADotFollows) {
  EXPECT_EQ(parsed("1.1.1.1,5"), (Shown{"1.1.1.1-1.1.1.1", "1.1.1.5-1.1.1.5"}));
  EXPECT_EQ(parsed("1.1.1.1,2.2.2.2"), (Shown{"1.1.1.1-1.1.1.1", "2.2.2.2-2.2.2.2"}));
  EXPECT_EQ(parsed("1.1.1.1,5,2.2.2.2"),
            (Shown{"1.1.1.1-1.1.1.1", "1.1.1.5-1.1.1.5", "2.2.2.2-2.2.2.2"}));
  EXPECT_EQ(parsed("1.1.1.1,2.2.2.0/24,3.3.3.3-3.3.3.4"),
            (Shown{"1.1.1.1-1.1.1.1", "2.2.2.0-2.2.2.255", "3.3.3.3-3.3.3.4"}));
  EXPECT_EQ(parsed("1.1.1.1,*"), Shown{"1.1.1.0-1.1.1.255"});
  EXPECT_EQ(parsed("1.1.1.1,-2"), Shown{"1.1.1.0-1.1.1.2"});
  EXPECT_EQ(parsed("1.1.1.1,5-6.2.2.2"),
            (Shown{"1.1.1.1-1.1.1.1", "5.2.2.2-5.2.2.2", "6.2.2.2-6.2.2.2"}));
  // Lines take a faster path, which must cut at the same places.
  for (const char* text : {"1.1.1.1,5", "1.1.1.1,2.2.2.2", "1.1.1.1,5,2.2.2.2", "1.1.1.1,*",
                           "1.1.1.1,-2", "1.1.1.1,5-6.2.2.2", "1.1.1.1,,2.2.2.2", "1.1.1.0/24,5",
                           "1.1.1.1,5/24", "1.1.1.1,", ",1.1.1.1", "1.1.1.1,2.2"}) {
    const Shown one = parsed(text);
    const Shown line = parsed_lines(text);
    EXPECT_EQ(one[0].starts_with("error"), line[0].starts_with("error")) << text;
    const bool both_fail = one[0].starts_with("error");
    EXPECT_TRUE(both_fail || one == line) << text;
  }
}

TEST(TargetSpec, SeparatesByWhitespaceAndCommas) {
  EXPECT_EQ(parsed(" 1.1.1.1\t2.2.2.2 , 3.3.3.3,"),
            (Shown{"1.1.1.1-1.1.1.1", "2.2.2.2-2.2.2.2", "3.3.3.3-3.3.3.3"}));
}

TEST(TargetSpec, RefusesEachMistakeWithItsReason) {
  const std::pair<std::string, const char*> cases[] = {
      {"198.18.0.300", "octet over 255, \"300\""},
      {"198.18.0.1-300", "octet over 255, \"300\""},
      {"198.18.0.99999999999999999999", "octet over 255"},
      {"198.18.0.9-3", "runs backwards, \"9-3\""},
      {"198.18.0.9-198.18.0.3", "runs backwards"},
      {"198.18.0.0/33", "prefix length \"33\""},
      {"198.18.0.0/", "prefix length \"\""},
      {"198.18.0.0/-1", "prefix length \"-1\""},
      {"198.18.0.0/24/24", "prefix length \"24/24\""},
      {"198.18.0.0/024", "prefix length \"024\""},
      {"198.18.0-3.0/24", "not a plain address"},
      {"198.18/16", "not a plain address"},
      {"010.0.0.1", "leading zero, \"010\""},
      {"198.18.0", "fewer than four octets"},
      {"198", "fewer than four octets"},
      {"198.18.0.1.5", "more than four octets"},
      {"198..0.1", "is not an address"},
      {"198.18.0.1-5-9", "is not an address"},
      {"198.18.0.**", "is not an address"},
      {"198.18.0.1-198.18.0.256", "not a range from one address to another"},
      {"1.1.1.1-2.2.2.2.", "more than four octets"},
      {"fe80::1", "only IPv4 addresses are taken here"},
      {"2001:db8::/32", "only IPv4 addresses are taken here"},
      {"example.com", "looks up no host names"},
      {"198.18.0.l", "looks up no host names"},
      {"\xff", "holds the byte 0xff"},
      {"", "nothing is named"},
      {" , ", "nothing is named"}};
  for (const auto& [text, why] : cases) {
    Ipv4Set set;
    const auto got = parse_targets(text, "--exclude", set);
    if (text == " , ") continue;
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, ExitCode::BadInput) << text;
    EXPECT_TRUE(got.error().message.starts_with("--exclude: ")) << got.error().message;
    EXPECT_NE(got.error().message.find(why), std::string::npos) << got.error().message;
  }
}

TEST(TargetSpec, QuotesTheSpecAtFaultEscapedAndCut) {
  EXPECT_TRUE(parsed("1.1.1.1,2.2.2.2,3.3.3.333,4.4.4.4")[0].starts_with(
      "error: target: \"3.3.3.333\" has"));
  EXPECT_TRUE(parsed("\x1b[2J")[0].starts_with("error: target: \"\\x1b[2J\""));
  EXPECT_TRUE(parsed(std::string(1000, 'a'))[0].starts_with("error: target: \"" +
                                                            std::string(48, 'a') + "...\""));
}

TEST(TargetSpec, BoundsWhatOneSpecComesApartInto) {
  Ipv4Set set;
  const auto got = parse_targets("*.*.*.1,3", "target", set);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("33554432 ranges"), std::string::npos);
}

TEST(TargetLines, TolerateCommentsBlankLinesCrLfAndAByteOrderMark) {
  EXPECT_EQ(parsed_lines("\xef\xbb\xbf# list\r\n\r\n1.1.1.1\r\n"
                         "2.2.2.0/24 # r\xc3\xa9seau\n"
                         "3.3.3.3#tight\n"
                         "  4.4.4.4 ,\t5.5.5.5-6  \n"
                         "\n"
                         "6.6.6.6-6.6.6.7"),
            (Shown{"1.1.1.1-1.1.1.1", "2.2.2.0-2.2.2.255", "3.3.3.3-3.3.3.3", "4.4.4.4-4.4.4.4",
                   "5.5.5.5-5.5.5.6", "6.6.6.6-6.6.6.7"}));
  EXPECT_EQ(parsed_lines(""), Shown{});
  EXPECT_EQ(parsed_lines("# nothing\n"), Shown{});
}

TEST(TargetLines, NameTheLineOfTheMistake) {
  EXPECT_TRUE(parsed_lines("1.1.1.1\n\n# c\n1.1.1.256\n")[0].starts_with(
      "error: list:4: \"1.1.1.256\" has an octet over 255"));
  EXPECT_TRUE(parsed_lines("x")[0].starts_with("error: list:1: \"x\""));
  EXPECT_TRUE(parsed_lines("1.1.1.1 2.2.2.2 ::1\r\n")[0].starts_with("error: list:1: \"::1\""));
}

TEST(TargetLines, DetectBinaryWithItsLine) {
  const std::pair<std::string, const char*> cases[] = {
      {"1.1.1.1\n\0\0\0"s, "list:2: the byte 0x00 is not text"},
      {"1.1.1.1\n1.1.1.2\0\n"s, "list:2: the byte 0x00 is not text"},
      {"# comment \0\n"s, "list:1: the byte 0x00 is not text"},
      {"\x7f"s + "ELF", "list:1: the byte 0x7f is not text"},
      {"\x1f\x8b\x08", "list:1: the byte 0x1f is not text"},
      {"\n\xff\xfe"
       "1\0"s,
       "list:2: the byte 0xff is not text"},
      {"1.1.1.1\x01", "list:1: the byte 0x01 is not text"}};
  for (const auto& [text, want] : cases) {
    Ipv4Set set;
    const auto got = parse_target_lines(text, "list", set);
    ASSERT_FALSE(got) << want;
    EXPECT_EQ(got.error().code, ExitCode::BadInput);
    EXPECT_TRUE(got.error().message.starts_with(want)) << got.error().message;
  }
}

TEST(TargetLines, AreBoundedInLength) {
  const std::string longest = std::string(kLongestLine - 7, ' ') + "1.1.1.1";
  EXPECT_EQ(parsed_lines(longest + "\n2.2.2.2\n"), (Shown{"1.1.1.1-1.1.1.1", "2.2.2.2-2.2.2.2"}));
  EXPECT_TRUE(parsed_lines("\n " + longest + "\n")[0].starts_with("error: list:2: the line is"));
  EXPECT_TRUE(parsed_lines(" " + longest)[0].starts_with("error: list:1: the line is longer"));
}

TEST(TargetFile, ReadsPastTheEndOfItsBufferWithoutLosingALine) {
  std::string lines;
  constexpr std::uint32_t kAddresses = 300'000;  // Some four buffers.
  for (std::uint32_t i = 0; i < kAddresses; ++i) {
    lines += Ipv4Address{0x10000000U + 2 * i}.to_string() + (i % 3 == 0 ? "\r\n" : "\n");
  }
  const TempFile file{lines, ".txt"};
  Ipv4Set set;
  ASSERT_TRUE(read_target_file(file.path(), set));
  EXPECT_EQ(set.size(), kAddresses);
  EXPECT_EQ(set.intervals().size(), kAddresses);
  const TempFile bad{lines + "oops", ".bad"};
  const auto got = read_target_file(bad.path(), set);
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().message.starts_with(bad.path() + ":300001: \"oops\""));
}

TEST(TargetFile, MayStartWithAByteOrderMarkButHoldNoOther) {
  const TempFile marked{
      "\xef\xbb\xbf"
      "1.1.1.1\n",
      ".marked"};
  Ipv4Set set;
  ASSERT_TRUE(read_target_file(marked.path(), set));
  EXPECT_EQ(shown(set), Shown{"1.1.1.1-1.1.1.1"});
  const TempFile later{
      "1.1.1.1\n\xef\xbb\xbf"
      "1.1.1.1\n",
      ".later"};
  const auto got = read_target_file(later.path(), set);
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().message.starts_with(later.path() + ":2: the byte 0xef is not text"));
}

TEST(TargetFile, LineLimitIsTheSameAsInMemory) {
  const std::string longest = std::string(kLongestLine - 7, ' ') + "1.1.1.1";
  for (const std::string& end : {"\n"s, ""s, "\n2.2.2.2"s}) {
    const TempFile fits{longest + end, ".fits"};
    Ipv4Set set;
    EXPECT_TRUE(read_target_file(fits.path(), set)) << end.size();
    const TempFile over{" " + longest + end, ".over"};
    const auto got = read_target_file(over.path(), set);
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().message.starts_with(over.path() + ":1: the line is longer than"));
  }
}

TEST(TargetFile, RefusesAnEndlessStreamOfZeros) {
  Ipv4Set set;
  const auto got = read_target_file("/dev/zero", set);
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().message.starts_with("/dev/zero:1: the byte 0x00 is not text"));
}

TEST(TargetFile, UnreadableFilesAreBadInputWithTheSystemsReason) {
  Ipv4Set set;
  const auto missing = read_target_file("no/such/file", set);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ExitCode::BadInput);
  EXPECT_TRUE(missing.error().message.starts_with(
      "no/such/file: cannot be read: No such file or directory"));
  const auto directory = read_target_file("/", set);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ExitCode::BadInput);
  EXPECT_TRUE(directory.error().message.starts_with("/: cannot be read: Is a directory"));
}

TEST(TargetFile, DashIsStandardInput) {
  const TempFile file{"1.1.1.1\nbad\n", ".txt"};
  const int saved = dup(STDIN_FILENO);
  const int fd = open(file.path().c_str(), O_RDONLY);
  ASSERT_GE(dup2(fd, STDIN_FILENO), 0);
  Ipv4Set set;
  const auto got = read_target_file("-", set);
  dup2(saved, STDIN_FILENO);
  close(saved);
  close(fd);
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().message.starts_with("standard input:2: \"bad\""));
  EXPECT_EQ(set.size(), 1U);
}

TEST(TargetSpec, TakesIpv6AddressesPrefixesAndRanges) {
  Ipv4Set v4;
  Ipv6Set v6;
  ASSERT_TRUE(parse_targets("2001:db8::1,2001:db8:1::/112 198.18.0.1 2001:db8:2::5-2001:db8:2::9",
                            "target", v4, v6));
  EXPECT_EQ(v4.size(), 1U);
  ASSERT_EQ(v6.intervals().size(), 3U);
  EXPECT_EQ(v6.intervals()[0].first.to_string(), "2001:db8::1");
  EXPECT_EQ(v6.intervals()[1].last.to_string(), "2001:db8:1::ffff");
  EXPECT_EQ(v6.intervals()[2].last.to_string(), "2001:db8:2::9");
  ASSERT_TRUE(parse_target_lines("# list\n2a00::1 # one\r\n2a00::2\n", "list.txt", v4, v6));
  EXPECT_TRUE(v6.contains(*Ipv6Address::parse("2a00::1")));
  EXPECT_TRUE(v6.contains(*Ipv6Address::parse("2a00::2")));
}

TEST(TargetSpec, SaysWhatIsWrongWithAnIpv6Spec) {
  Ipv4Set v4;
  Ipv6Set v6;
  EXPECT_EQ(parse_target_lines("2a00::1\n2a00::/129\n", "list.txt", v4, v6).error().message,
            "list.txt:2: \"2a00::/129\" is none; expected an IPv6 address, a prefix such as "
            "2001:db8::/32 or a range such as 2001:db8::1-2001:db8::9");
  EXPECT_EQ(parse_targets("2a00::9-2a00::1", "target", v4, v6).error().message,
            "target: \"2a00::9-2a00::1\" runs backwards; write the lower address first");
  EXPECT_FALSE(parse_targets("2a00:::1", "target", v4, v6));
  EXPECT_FALSE(parse_targets("[2a00::1]", "target", v4, v6));
}

}  // namespace
}  // namespace trawl::control
