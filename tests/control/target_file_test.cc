#include "control/audit/target_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/control/temp_file.h"

namespace trawl::control {
namespace {

using testing::ElementsAre;

std::vector<std::string> words_of(const std::string& path) {
  const auto file = TargetFile::open(path);
  std::vector<std::string> words;
  if (!file) return {"cannot be opened"};
  for (std::string word = file->next(); !word.empty(); word = file->next()) words.push_back(word);
  return words;
}

// "text|ports|ports"
std::string split(std::string_view word, bool ipv6) {
  const TargetWord parts = split_ports(word, ipv6);
  std::string text = parts.text;
  for (const std::string& ports : parts.ports) text += "|" + ports;
  return text;
}

TEST(TargetFile, WordsAreApartByWhiteSpaceAndComments) {
  const TempFile file{"a b\tc\r\nd#e f\n#g\n  h", ".txt"};
  EXPECT_THAT(words_of(file.path()), ElementsAre("a", "b", "c", "d", "h"));
  const TempFile empty{"\n# only\n", "2.txt"};
  EXPECT_TRUE(words_of(empty.path()).empty());
}

TEST(TargetFile, AWordIsCutWhereItIsTooLong) {
  const TempFile file{std::string(3 * TargetFile::kLongestWord, 'x') + " y", ".txt"};
  const auto words = words_of(file.path());
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0].size(), TargetFile::kLongestWord + 1);
  EXPECT_EQ(words[1], "y");
}

TEST(TargetFile, WhatCannotBeReadIsNoFile) {
  EXPECT_EQ(TargetFile::open("/nowhere/at/all"), nullptr);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(TargetFile::open("/tmp"), nullptr);
  EXPECT_EQ(errno, EISDIR);
}

TEST(TargetFile, APipeHasAWordWhenItsEndIsThere) {
  const TempFile name{".fifo"};
  ASSERT_EQ(::mkfifo(name.path().c_str(), 0600), 0);
  const int writer = ::open(name.path().c_str(), O_RDWR);
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  const auto file = TargetFile::open(name.path(), stop);
  ASSERT_NE(file, nullptr);
  EXPECT_FALSE(file->has_word_soon());
  ASSERT_EQ(::write(writer, "one two", 7), 7);
  EXPECT_TRUE(file->has_word_soon());
  EXPECT_EQ(file->next(), "one");
  // "two" may go on.
  EXPECT_FALSE(file->has_word_soon());
  std::thread stopper{[&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    *stop = true;
  }};
  EXPECT_EQ(file->next(), "two");
  EXPECT_EQ(file->next(), "");
  stopper.join();
  ::close(writer);
}

TEST(SplitPorts, PortsStandBehindTheFirstColon) {
  EXPECT_EQ(split("198.18.0.1:22,80", false), "198.18.0.1|22,80");
  EXPECT_EQ(split("198.18.0.0/24:T:22,U:53", false), "198.18.0.0/24|T:22,U:53");
  EXPECT_EQ(split("198.18.0-3.1,2:-", false), "198.18.0-3.1,2|-");
  EXPECT_EQ(split("example.org:http*", false), "example.org|http*");
  EXPECT_EQ(split("198.18.0.1:", false), "198.18.0.1|");
  EXPECT_EQ(split("198.18.0.1", false), "198.18.0.1");
  // Those are told of as what they are.
  EXPECT_EQ(split("2001:db8::1", false), "2001:db8::1");
  EXPECT_EQ(split("fe80::1/64", false), "fe80::1/64");
  EXPECT_EQ(split("[::1]:80", false), "[::1]:80");
}

TEST(SplitPorts, AddressesOfIpv6AreInBrackets) {
  EXPECT_EQ(split("[2001:db8::1]:443", true), "2001:db8::1|443");
  EXPECT_EQ(split("[2001:db8::]/120:U:53", true), "2001:db8::/120|U:53");
  EXPECT_EQ(split("[2001:db8::/120]:22", true), "2001:db8::/120|22");
  EXPECT_EQ(split("[2001:db8::1]", true), "[2001:db8::1]");
  EXPECT_EQ(split("2001:db8::1", true), "2001:db8::1");
  EXPECT_EQ(split("2001:db8::/64", true), "2001:db8::/64");
  EXPECT_EQ(split("example.org:443", true), "example.org|443");
  EXPECT_EQ(split("example.org", true), "example.org");
  // Neither an address nor a name.
  EXPECT_EQ(split("2001:db8:::1", true), "2001:db8:::1");
  EXPECT_EQ(split("[::1", true), "[::1");
  EXPECT_EQ(split("[::1]x:80", true), "[::1]x:80");
}

TEST(MergeWords, PortsOfAHostComeTogether) {
  std::vector<TargetWord> words;
  for (const char* word : {"a:1", "b", "c:2,3", "a:4", "b", "a", "c:5"}) {
    words.push_back(split_ports(word, false));
  }
  std::string merged;
  for (const TargetWord& word : merge_words(std::move(words))) {
    merged += word.text;
    for (const std::string& ports : word.ports) merged += "|" + ports;
    merged += ' ';
  }
  EXPECT_EQ(merged, "a|1|4 b c|2,3|5 b a ");
}

}  // namespace
}  // namespace trawl::control
