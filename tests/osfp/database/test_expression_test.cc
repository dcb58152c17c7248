#include "osfp/database/test_expression.h"

#include <gtest/gtest.h>

namespace trawl::osfp {
namespace {

bool match(std::string_view expression, std::string_view value) {
  const auto parsed = TestExpression::parse(expression);
  EXPECT_TRUE(parsed) << expression << ": " << (parsed ? "" : parsed.error());
  return parsed && parsed->matches(value);
}

std::string reason(std::string_view expression) {
  const auto parsed = TestExpression::parse(expression);
  return parsed ? "parsed " + parsed->text() : parsed.error();
}

TEST(TestExpression, ALiteralIsTheVeryText) {
  EXPECT_TRUE(match("M5B4ST11NW0", "M5B4ST11NW0"));
  EXPECT_FALSE(match("M5B4ST11NW0", "M5B4ST11NW00"));
  EXPECT_FALSE(match("FFCB", "ffcb"));
  EXPECT_FALSE(match("0FFCB", "FFCB"));
  EXPECT_FALSE(match("A", "A+"));
}

TEST(TestExpression, AnEmptyOneAsksForTheEmptyValue) {
  EXPECT_TRUE(match("", ""));
  EXPECT_FALSE(match("", "0"));
  EXPECT_TRUE(match("|M5B4", ""));
  EXPECT_TRUE(match("M5B4|", ""));
  EXPECT_FALSE(match("M5B4|", "M"));
  EXPECT_FALSE(match("0-5", ""));
}

TEST(TestExpression, RangesHaveBothEndsAndAreHexadecimal) {
  EXPECT_TRUE(match("FA-104", "FA"));
  EXPECT_TRUE(match("FA-104", "100"));
  EXPECT_TRUE(match("FA-104", "104"));
  EXPECT_FALSE(match("FA-104", "F9"));
  EXPECT_FALSE(match("FA-104", "105"));
  EXPECT_FALSE(match("1-6", "U"));
  EXPECT_FALSE(match("1-6", "2+"));
  EXPECT_TRUE(match("5-5", "5"));
}

TEST(TestExpression, ComparisonsLeaveTheirBoundOut) {
  EXPECT_TRUE(match(">1000000", "1000001"));
  EXPECT_FALSE(match(">1000000", "1000000"));
  EXPECT_FALSE(match(">0", "I"));
  EXPECT_TRUE(match("<10", "F"));
  EXPECT_FALSE(match("<10", "10"));
}

TEST(TestExpression, OneOfTheAlternativesMustHold) {
  // The example of the Nmap book.
  for (const char* const value : {"1", "6", "64", "256", "1025"}) {
    EXPECT_TRUE(match("1-6|64|256|>1024", value)) << value;
  }
  for (const char* const value : {"0", "7", "65", "1024"}) {
    EXPECT_FALSE(match("1-6|64|256|>1024", value)) << value;
  }
}

TEST(TestExpression, SaysWhatIsWrong) {
  EXPECT_EQ(reason("1|9-8"), "a range that ends before it begins in '9-8'");
  EXPECT_EQ(reason("1-"), "no two hexadecimal numbers around the dash in '1-'");
  EXPECT_EQ(reason("G-H"), "no two hexadecimal numbers around the dash in 'G-H'");
  EXPECT_EQ(reason("1-2-3"), "no two hexadecimal numbers around the dash in '1-2-3'");
  EXPECT_EQ(reason(">"), "no hexadecimal number after the comparison in '>'");
  EXPECT_EQ(reason("<12345678123456789"),
            "no hexadecimal number after the comparison in '<12345678123456789'");
  EXPECT_EQ(reason("a=b"), "a byte that no test value has");
  EXPECT_EQ(reason("a\x01"), "a byte that no test value has");
  EXPECT_EQ(reason(std::string(TestExpression::kMostAlternatives, '|')),
            "more than 256 alternatives");
}

}  // namespace
}  // namespace trawl::osfp
