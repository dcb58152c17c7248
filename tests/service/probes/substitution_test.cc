#include "service/probes/substitution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

// What is expected here is what Nmap 7.93 printed for the same template and the same bytes.
namespace trawl::service {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// With `first` in the first group.
std::string put(std::string_view text, const std::string& first) {
  const std::vector<std::string_view> captures{first, first};
  return substitute(text, captures);
}

std::string put_cpe(std::string_view text, const std::string& first) {
  const std::vector<std::string_view> captures{first, first};
  return substitute_cpe(text, captures);
}

TEST(Substitution, GroupsArePutIn) {
  const std::vector<std::string_view> captures{"all", "a", "b", "c", "d", "e",
                                               "f",   "g", "h", "i", "j"};
  EXPECT_EQ(substitute("<$1 $2$9>", captures), "<a bi>");
  EXPECT_EQ(substitute("$9$10", captures), "ia0");
  EXPECT_EQ(substitute("$P(10)", captures), "");
  EXPECT_EQ(substitute("\\$1", captures), "\\a");
  EXPECT_EQ(substitute("plain", captures), "plain");
  EXPECT_EQ(substitute("", captures), "");
}

TEST(Substitution, AbsentGroupsTakeTheFieldWithThem) {
  const std::string empty;
  const std::vector<std::string_view> captures{"A", "A", {}, empty};
  EXPECT_EQ(substitute("[$1]", captures), "[A]");
  EXPECT_EQ(substitute("[$2]", captures), "");
  EXPECT_EQ(substitute("[$3]", captures), "[]");
  EXPECT_EQ(substitute("[$4]", captures), "");
  EXPECT_EQ(substitute("[$P(2)]", captures), "");
  EXPECT_EQ(substitute("[$SUBST(2,\"a\",\"b\")]", captures), "");
  EXPECT_EQ(substitute("[$I(2,\">\")]", captures), "");
}

TEST(Substitution, UnprintableBytesBecomeDots) {
  EXPECT_EQ(put("[$1]", "\x01\x02z"), "[..z]");
  EXPECT_EQ(put("[$1]", "\xffz\xe9"), "[.z.]");
  EXPECT_EQ(put("[$1]", "a\tb\nc\rd"), "[a.b.c.d]");
  EXPECT_EQ(put("[$1]",
                "a\x1b"
                "b"),
            "[a.b]");
  EXPECT_EQ(put("[$1]",
                "a\x7f"
                "b"),
            "[a.b]");
  EXPECT_EQ(put("lit\xe9", ""), "lit.");
  EXPECT_EQ(put("[$1]", "a\0b"s), "[a]");
}

TEST(Substitution, BlanksAtTheEndAreDropped) {
  EXPECT_EQ(put("$1", "ab-c_d "), "ab-c_d");
  EXPECT_EQ(put("$1", "\n\t a \r\n"), ".. a");
  EXPECT_EQ(put("$P(1)", "\n\t a \r\n"), " a");
  EXPECT_EQ(put("$1", "\x01 a \x01"), ". a .");
  EXPECT_EQ(put("  a  b $1  ", " "), "  a  b");
}

TEST(Substitution, PrintableDropsTheOthers) {
  EXPECT_EQ(put("[$P(1)]", "a\0b\0c"s), "[abc]");
  EXPECT_EQ(put("[$P(1)]", "\xff\xe9z"), "[z]");
  EXPECT_EQ(put("[$P(1)]", "\x1b[2Jz\x7f~ !"), "[[2Jz~ !]");
  EXPECT_EQ(put("[$P(1)]", ""), "[]");
  for (const char* const good : {"$P( 1)", "$P(1 )", "$P(01)", "$P(+1)", "$P(1,)", "$P(1x)"}) {
    EXPECT_EQ(put(good, "aa"), "aa") << good;
  }
}

TEST(Substitution, SubstReplacesAll) {
  EXPECT_EQ(put("$SUBST(1,\"a\",\"b\")", "ab-c_d "), "bb-c_d");
  EXPECT_EQ(put("$SUBST(1 , \"a\" ,\"b\" )]", "aaa"), "bbb]");
  EXPECT_EQ(put("$SUBST(1,\"ab\",\"\")", "ab-c_d"), "-c_d");
  EXPECT_EQ(put("$SUBST(1,\"a\",\"aa\")", "ab"), "aab");
  EXPECT_EQ(put("$SUBST(1,\"aa\",\"b\")]", "aaaaa"), "bba]");
  EXPECT_EQ(put("$SUBST(1,\"(\",\")\")", "ab"), "ab");
  EXPECT_EQ(put("$SUBST(1,\"a\",\"$1\")", "ab"), "$1b");
  EXPECT_EQ(put("[$SUBST(1,\"b\",\"Q\")]",
                "\xff"
                "b\xe9z"),
            "[.Q.z]");
  EXPECT_EQ(put("[$SUBST(1,\"b\",\"Q\")]", "a\0b\0c"s), "[a]");
  EXPECT_EQ(put("x $P(1) $SUBST(1,\"-\",\"+\") $1 y", "ab-c_d "), "x ab-c_d  ab+c_d  ab-c_d  y");
}

TEST(Substitution, SubstKnowsEscapes) {
  EXPECT_EQ(put("$SUBST(1,\"\\x61\",\"b\")", "ab"), "bb");
  EXPECT_EQ(put("$SUBST(1,\"a\",\"\\x62\")", "ab"), "bb");
  EXPECT_EQ(put("$SUBST(1,\"a\",\"\\\"\")", "ab"), "\"b");
  EXPECT_EQ(put("$SUBST(1,\"a\",\"\\n\")]", "xax"), "x.x]");
  EXPECT_EQ(put("$SUBST(1,\"\\\\\",\"/\")]", "x\\x"), "x/x]");
  EXPECT_EQ(put("$SUBST(1,\"\\q\",\"/\")]", "x\\qx"), "");
  EXPECT_EQ(put("$SUBST(1,\"a\",\"\\x\")]", "aba"), "");
}

TEST(Substitution, NumbersHaveUpToEightBytes) {
  EXPECT_EQ(put("[$I(1,\">\")]", "\x01"), "[1]");
  EXPECT_EQ(put("[$I(1, \">\")]", "\x01\x02\x03"), "[66051]");
  EXPECT_EQ(put("[$I(1,\">\")]", std::string(8, '\xff')), "[18446744073709551615]");
  EXPECT_EQ(put("[$I(1,\"<\")]", "\1\2\3\4\5\6\7\x88"), "[9801809732607083009]");
  EXPECT_EQ(put("[$I(1,\">\")]", "12"), "[12594]");
  EXPECT_EQ(put("[$I(1,\"<\")]", "12"), "[12849]");
  EXPECT_EQ(put("[$I(1,\">\")]", std::string(9, '\1')), "");
  EXPECT_EQ(put("[$I(1,\">\")]", ""), "[0]");
}

TEST(Substitution, MalformedHelpersTakeTheFieldWithThem) {
  for (const char* const text : {"$",
                                 "x$",
                                 "$$",
                                 "$0",
                                 "$a",
                                 "$1$",
                                 "$P",
                                 "$P(",
                                 "$P()",
                                 "$P(1",
                                 "$P(12)",
                                 "$P(a)",
                                 "$P(0)",
                                 "$P(1,2)",
                                 "$P(\"1\")",
                                 "$P()1)",
                                 "$P (1)",
                                 "$PX(1)",
                                 "$p(1)",
                                 "$FOO(1)",
                                 "$(1)",
                                 "$ 1",
                                 "$S(1)",
                                 "$subst(1,\"a\",\"b\")",
                                 "$SUBST(1,\"a\")",
                                 "$SUBST(1,\"a\",\"b\"",
                                 "$SUBST(1,a,b)",
                                 "$SUBST(1,\"\",\"b\")",
                                 "$SUBST(\"1\",\"a\",\"aa\")",
                                 "$SUBST(1,\"a\",\"b\",\"c\")",
                                 "$SUBST(2,\"a\",\"b\")",
                                 "$I",
                                 "$I(1)",
                                 "$I(1,\"x\")",
                                 "$I(1,>)",
                                 "$I(1,\"><\")",
                                 "$I(1,\"\">)",
                                 "$I(1,\">\",1)",
                                 "$SUBST(1,\"\\",
                                 "$P(99999999999999999999999)"}) {
    EXPECT_EQ(put(text, "ab-c_d "), "") << text;
  }
}

TEST(Substitution, CpesAreEscaped) {
  EXPECT_EQ(put_cpe("cpe:/a:ven:$1", "Ab Cd_e-f.g~h"), "cpe:/a:ven:ab_cd_e-f.g~h");
  EXPECT_EQ(put_cpe("cpe:/a:b:$1", "!\"#$%&"), "cpe:/a:b:%21%22%23%24%25%26");
  EXPECT_EQ(put_cpe("cpe:/a:b:$1", "'()*+,/"), "cpe:/a:b:%27%28%29%2A%2B%2C%2F");
  EXPECT_EQ(put_cpe("cpe:/a:b:$1", ":;<=>?@"), "cpe:/a:b:%3A%3B%3C%3D%3E%3F%40");
  EXPECT_EQ(put_cpe("cpe:/a:b:$1", "[\\]^{|}`"), "cpe:/a:b:%5B\\%5D^{|}`");
  EXPECT_EQ(put_cpe("cpe:/a:b:$1",
                    "a\xff\xe9"
                    "b"),
            "cpe:/a:b:a..b");
  EXPECT_EQ(put_cpe("cpe:/a:b:$1", "a\tb\nc"), "cpe:/a:b:a_b_c");
  EXPECT_EQ(put_cpe("cpe:/a:b:$P(1)", "A b\xff/c"), "cpe:/a:b:a_b%2Fc");
  EXPECT_EQ(put_cpe("cpe:/a:b:$SUBST(1,\"A\",\" /\")", "A b"), "cpe:/a:b:_%2F_b");
  EXPECT_EQ(put_cpe("cpe:/a:b:$I(1,\">\")", "\1\2"), "cpe:/a:b:258");
  EXPECT_EQ(put_cpe("cpe:/a:Ven Dor: $1 :c ", " a "), "cpe:/a:Ven Dor: _a_ :c");
  EXPECT_EQ(put_cpe("cpe:/a:b:$1", ""), "cpe:/a:b:");
  EXPECT_EQ(put_cpe("cpe:/a:b:$2", ""), "");
}

TEST(Substitution, TooLongIsNothing) {
  const std::vector<std::string_view> captures{"abcd", "abcd"};
  EXPECT_EQ(substitute("$1", captures, 4), "abcd");
  EXPECT_EQ(substitute("$1", captures, 3), "");
  EXPECT_EQ(substitute("abcd", captures, 3), "");
  EXPECT_EQ(substitute("$1 ", captures, 4), "");
  EXPECT_EQ(substitute("$P(1)", captures, 3), "");
  EXPECT_EQ(substitute("$SUBST(1,\"a\",\"xy\")", captures, 4), "");
  EXPECT_EQ(substitute("$SUBST(1,\"a\",\"xy\")", captures, 5), "xybcd");
  EXPECT_EQ(substitute("$I(1,\">\")", captures, 9), "");
}

MatchLine match(std::string line) {
  std::string text = "Probe TCP One q|1|\nmatch x m/x/ ";
  text += line;
  const ProbeFile file = parse_probe_file(text, "test");
  EXPECT_TRUE(file.problems.empty()) << line;
  return file.probes.at(0).matches.at(0);
}

TEST(Substitution, FieldsAreAsLongAsNmapsMayBe) {
  const std::array<std::size_t, MatchLine::kFields> longest{78, 78, 254, 78, 30, 30};
  const MatchLine line = match("p/$1/ v/$1/ i/$1/ h/$1/ o/$1/ d/$1/");
  for (std::size_t field = 0; field < MatchLine::kFields; ++field) {
    for (const bool is_more : {false, true}) {
      const std::string text(longest[field] + (is_more ? 1 : 0), 'x');
      const std::vector<std::string_view> captures{text, text};
      EXPECT_EQ(substitute_line(line, captures).fields[field], is_more ? "" : text) << field;
    }
  }
  const std::string text(34, 'x');
  const std::vector<std::string_view> captures{text, text};
  EXPECT_EQ(substitute_line(match("cpe:/a:b:$1:$1/"), captures).cpes.size(), 1U);
  EXPECT_EQ(substitute_line(match("cpe:/a:bb:$1:$1/"), captures).cpes.size(), 0U);
}

TEST(Substitution, EachPartHasOneCpe) {
  const std::vector<std::string_view> captures{"a", "a"};
  EXPECT_THAT(substitute_line(match("cpe:|h:b:c|a cpe:/h:b:d/ cpe:/h:z:z/ cpe:/o:l:l/ cpe:/a:q:q/"),
                              captures)
                  .cpes,
              ElementsAre("cpe:/a:q:q", "cpe:/h:z:z", "cpe:/o:l:l"));
  EXPECT_THAT(substitute_line(match("cpe:/a:$2/ cpe:/a:$1/ cpe:/h:$1/ cpe:/h:$2/"), captures).cpes,
              ElementsAre("cpe:/a:a"));
  EXPECT_THAT(substitute_line(match("p/x/"), captures).cpes, IsEmpty());
}

}  // namespace
}  // namespace trawl::service
