#include "service/version/fingerprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

// The texts are Nmap 7.93's for the same responses, with another date.
namespace trawl::service {
namespace {

using namespace std::string_literals;
using testing::EndsWith;
using testing::HasSubstr;

FingerprintHead head() {
  ::setenv("TZ", "UTC", 1);
  // 22 November 2026, 15:35:05 UTC.
  return {.port = 7001,
          .version = "7.93",
          .when = std::chrono::system_clock::time_point{std::chrono::seconds{1795361705}}};
}

// What is between the quotes of a lone response.
std::string shown(std::string_view response) {
  Fingerprint fingerprint{head()};
  fingerprint.add("One", response);
  const std::string text = fingerprint.text();
  const std::size_t begin = text.find('"') + 1;
  return text.substr(begin, text.rfind('"') - begin);
}

TEST(Fingerprint, SaysHowTheScanWas) {
  Fingerprint fingerprint{head()};
  EXPECT_TRUE(fingerprint.empty());
  EXPECT_EQ(fingerprint.text(), "");
  fingerprint.add("NULL", "hello");
  fingerprint.add("Silent", "");
  fingerprint.add("One", "helloxxxxxxxxxx");
  EXPECT_FALSE(fingerprint.empty());
  EXPECT_EQ(fingerprint.text(),
            "SF-Port7001-TCP:V=7.93%I=7%D=11/22%Time=6B030BA9%P=x86_64-pc-linux-gnu"
            "%r(NULL,5,\"hello\")%r(One,F,\"helloxxxxxxxxxx\");");
  auto other = head();
  other.transport = Transport::Udp;
  other.is_tls = true;
  other.intensity = 9;
  Fingerprint second{other};
  second.add("Uno", "resp");
  EXPECT_THAT(second.text(), testing::StartsWith("SF-Port7001-UDP:V=7.93%T=SSL%I=9%D=11/22%"));
}

TEST(Fingerprint, AllBytesAreEscapedAsNmapDoes) {
  std::string low;
  std::string high;
  for (int byte = 0; byte < 128; ++byte) low += static_cast<char>(byte);
  for (int byte = 128; byte < 256; ++byte) high += static_cast<char>(byte);
  EXPECT_EQ(shown(low),
            R"raw(\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14)raw"
            R"raw(\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20!\"#\$%&'\(\)\*\+,-\./)raw"
            R"raw(0123456789:;<=>\?@ABCDEFGHIJKLMNOPQRSTUVWXYZ\[\\\]\^_`)raw"
            R"raw(abcdefghijklmnopqrstuvwxyz{\|}~\x7f)raw");
  const std::string escaped = shown(high);
  EXPECT_EQ(escaped.size(), 4 * high.size());
  EXPECT_EQ(escaped.substr(0, 8), "\\x80\\x81");
  EXPECT_EQ(escaped.substr(escaped.size() - 8), "\\xfe\\xff");
}

TEST(Fingerprint, NulBeforeADigitIsWrittenInFull) {
  EXPECT_EQ(shown("a0\0"
                  "1\0"
                  "2\x01\n1\n2\r3\t4\\5\"6)7%8"s),
            R"(a0\x001\x002\x01\n1\n2\r3\t4\\5\"6\)7%8)");
  EXPECT_EQ(shown("\0\0a\0\t\0"
                  "1"s),
            R"(\0\0a\0\t\x001)");
  EXPECT_EQ(shown(std::string(899, 'x') + "\0"s + "1"), std::string(899, 'x') + "\\0");
}

TEST(Fingerprint, LongResponsesAreCutWithTheirLengthKept) {
  EXPECT_EQ(shown(std::string(900, 'x')).size(), 900U);
  EXPECT_EQ(shown(std::string(901, 'x')).size(), 900U);
  EXPECT_EQ(shown(std::string(5000, '\xff')).size(), 3600U);
  Fingerprint fingerprint{head()};
  fingerprint.add("One", std::string(71680, 'q'));
  EXPECT_THAT(fingerprint.text(), HasSubstr("%r(One,11800,\"qqq"));
}

TEST(Fingerprint, EnoughIsEnough) {
  for (const bool is_more : {false, true}) {
    Fingerprint fingerprint{head()};
    fingerprint.add("P0", std::string(900, 'x'));
    fingerprint.add("P1", std::string(900, 'x'));
    fingerprint.add("P2", std::string(is_more ? 177 : 176, 'x'));
    // Without the ';'.
    EXPECT_EQ(fingerprint.text().size() - 1, is_more ? 2085U : 2084U);
    fingerprint.add("P3", "abc");
    EXPECT_THAT(fingerprint.text(), EndsWith(is_more ? "xxx\");" : "%r(P3,3,\"abc\");"));
  }
}

TEST(Fingerprint, WrapsAsReportsPrintIt) {
  Fingerprint fingerprint{head()};
  fingerprint.add("P0", "\"\"!\"5\"6");
  EXPECT_EQ(wrap_fingerprint(fingerprint.text()),
            "SF-Port7001-TCP:V=7.93%I=7%D=11/22%Time=6B030BA9%P=x86_64-pc-linux-gnu%r(P\n"
            "SF:0,7,\"\\\"\\\"!\\\"5\\\"6\");");
  EXPECT_EQ(wrap_fingerprint(""), "");
  EXPECT_EQ(wrap_fingerprint(std::string(74, 'x')), std::string(74, 'x'));
  const std::string text = wrap_fingerprint(std::string(74 + 71 + 1, 'x'));
  EXPECT_EQ(text, std::string(74, 'x') + "\nSF:" + std::string(71, 'x') + "\nSF:x");
}

}  // namespace
}  // namespace trawl::service
