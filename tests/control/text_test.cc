#include "control/survey/text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace trawl::control {
namespace {

using namespace std::string_literals;

TEST(Quote, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(quote("plain"), "\"plain\"");
  EXPECT_EQ(quote("\x1b[31m"), "\"\\x1b[31m\"");
  EXPECT_EQ(quote("a\0b"s), "\"a\\x00b\"");
  EXPECT_EQ(quote("say \"hi\" \\"), R"("say \"hi\" \\")");
  EXPECT_EQ(quote("\xc3\xa9"), "\"\\xc3\\xa9\"");
  EXPECT_EQ(quote("\x7f"), "\"\\x7f\"");
}

TEST(Quote, CutsLongText) {
  EXPECT_EQ(quote(std::string(48, 'a')).size(), 50U);
  const std::string cut = quote(std::string(49, 'a'));
  EXPECT_EQ(cut.size(), 53U);
  EXPECT_TRUE(cut.ends_with("a...\""));
}

TEST(Nearest, FindsTyposAndNothingFarAway) {
  constexpr std::array<std::string_view, 4> kWords{"--rate", "--ports", "--link", "--lcores"};
  EXPECT_EQ(nearest("--rte", kWords), "--rate");
  EXPECT_EQ(nearest("--raet", kWords), "--rate");
  EXPECT_EQ(nearest("--port", kWords), "--ports");
  EXPECT_EQ(nearest("--lcoers", kWords), "--lcores");
  // A swap is one edit; as two it would be too far in a word this short.
  EXPECT_EQ(nearest("pi", std::array<std::string_view, 1>{"ip"}), "ip");
  EXPECT_EQ(nearest("--something-else", kWords), std::nullopt);
  EXPECT_EQ(nearest(std::string(1000, 'x'), kWords), std::nullopt);
  EXPECT_EQ(nearest("", kWords), std::nullopt);
}

TEST(DidYouMean, IsEmptyWhenNothingIsNear) {
  constexpr std::array<std::string_view, 1> kWords{"open"};
  EXPECT_EQ(did_you_mean("opne", kWords), " (did you mean open?)");
  EXPECT_EQ(did_you_mean("zzzzzzzz", kWords), "");
}

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonString, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(json("plain"), R"("plain")");
  EXPECT_EQ(json("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json("\n\t\x01"), R"("\u000a\u0009\u0001")");
  EXPECT_EQ(json("\0"s), R"("\u0000")");
}

TEST(JsonString, KeepsUtf8AndReplacesWhatIsNot) {
  EXPECT_EQ(json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xa3"),
            "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xa3\"");
  // Each of these is one bad byte, then 'x'.
  for (const std::string bad : {"\x80", "\xff", "\xc3", "\xc1"}) {
    EXPECT_EQ(json(bad + "x"), "\"\xef\xbf\xbdx\"");
  }
  constexpr std::string_view kReplaced = "\xef\xbf\xbd";
  // Overlong, surrogate and beyond U+10FFFF: every byte is replaced.
  for (const std::string bad :
       {"\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80"}) {
    std::string want;
    want += '"';
    for (std::size_t i = 0; i < bad.size(); ++i) want += kReplaced;
    want += '"';
    EXPECT_EQ(json(bad), want);
  }
}

}  // namespace
}  // namespace trawl::control
