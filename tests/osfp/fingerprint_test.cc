#include "osfp/fingerprint.h"

#include <gtest/gtest.h>

namespace trawl::osfp {
namespace {

constexpr const char* kWhole =
    "SEQ(SP=FB%GCD=1%ISR=FF%TI=Z%CI=Z%II=I%TS=21)\n"
    "OPS(O1=MFFD7ST11NWA%O2=MFFD7ST11NWA%O3=MFFD7NNT11NWA%O4=MFFD7ST11NWA%O5=MFFD7ST11NWA%"
    "O6=MFFD7ST11)\n"
    "WIN(W1=FFCB%W2=FFCB%W3=FFCB%W4=FFCB%W5=FFCB%W6=FFCB)\n"
    "ECN(R=Y%DF=Y%T=40%W=FFD7%O=MFFD7NNSNWA%CC=Y%Q=)\n"
    "T1(R=Y%DF=Y%T=40%S=O%A=S+%F=AS%RD=0%Q=)\n"
    "T2(R=N)\n"
    "T3(R=N)\n"
    "T4(R=Y%DF=Y%T=40%W=0%S=A%A=Z%F=R%O=%RD=0%Q=)\n"
    "T5(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)\n"
    "T6(R=Y%DF=Y%T=40%W=0%S=A%A=Z%F=R%O=%RD=0%Q=)\n"
    "T7(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)\n"
    "U1(R=Y%DF=N%T=40%IPL=164%UN=0%RIPL=G%RID=G%RIPCK=G%RUCK=G%RUD=G)\n"
    "IE(R=Y%DFI=N%T=40%CD=S)\n";

TEST(Fingerprint, PrintsWhatItRead) {
  const auto read = Fingerprint::parse(kWhole);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->print(), kWhole);
  EXPECT_EQ(*read->find(FingerprintLine::U1, FingerprintTest::IPL), "164");
}

TEST(Fingerprint, ReadsWrappedTextWithAScanLine) {
  const auto read = Fingerprint::parse(
      "OS:SCAN(V=7.93%E=4)SEQ(SP=1\r\nOS:0%GCD=1)T2(R=\nOS:N)EC\nOS:N(R=Y%O=%CC=N)\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->print(), "SEQ(SP=10%GCD=1)\nECN(R=Y%O=%CC=N)\nT2(R=N)\n");
}

TEST(Fingerprint, KeepsEmptyApartFromAbsent) {
  const auto read = Fingerprint::parse("T4(R=Y%O=)");
  ASSERT_TRUE(read);
  ASSERT_NE(read->find(FingerprintLine::T4, FingerprintTest::O), nullptr);
  EXPECT_EQ(*read->find(FingerprintLine::T4, FingerprintTest::O), "");
  EXPECT_EQ(read->find(FingerprintLine::T4, FingerprintTest::W), nullptr);
  EXPECT_FALSE(read->has(FingerprintLine::T5));
}

TEST(Fingerprint, ClearsOneLine) {
  auto read = Fingerprint::parse("T4(R=Y%O=)T5(R=N)");
  ASSERT_TRUE(read);
  read->clear(FingerprintLine::T4);
  EXPECT_EQ(read->print(), "T5(R=N)\n");
}

TEST(Fingerprint, SaysWhatIsWrong) {
  const auto reason = [](const std::string& text) {
    return Fingerprint::parse(text).error().message;
  };
  EXPECT_EQ(reason("T8(R=N)"), "no such line in a fingerprint: 'T8'");
  EXPECT_EQ(reason("T2(R=N"), "a line without its parentheses in a fingerprint: 'T2(R=N'");
  EXPECT_EQ(reason("T1(W=1)"), "no such test on its line in a fingerprint: 'W=1'");
  EXPECT_EQ(reason("T2(R)"), "a test without a value in a fingerprint: 'R'");
  EXPECT_EQ(reason("T2(R=N%R=N)"), "a test that is there twice in a fingerprint: 'R=N'");
  EXPECT_EQ(reason("T2(R=N)T2(R=N)"), "a line that is there twice in a fingerprint: 'T2'");
  EXPECT_EQ(reason("T2(R=\x1b[0m)"), "a value that cannot be printed in a fingerprint: 'R=?[0m'");
  EXPECT_FALSE(Fingerprint::parse(std::string(70000, 'x')));
}

TEST(Fingerprint, NumbersPlacesInPrintingOrder) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    for (const FingerprintTest test : tests_of(line_at(i))) {
      EXPECT_EQ(place_of(line_at(i), test), next++);
    }
  }
  EXPECT_EQ(next, kFingerprintPlaces);
  EXPECT_EQ(place_of(FingerprintLine::T1, FingerprintTest::W), std::nullopt);
}

TEST(Fingerprint, FindsEveryNameItPrints) {
  for (std::size_t i = 0; i < kFingerprintTests; ++i) {
    const auto test = static_cast<FingerprintTest>(i);
    EXPECT_EQ(find_test(to_string(test)), test);
  }
  for (std::size_t i = 0; i < kFingerprintLines; ++i) {
    EXPECT_EQ(find_line(to_string(line_at(i))), line_at(i));
  }
  EXPECT_EQ(find_test("RUL"), std::nullopt);
}

}  // namespace
}  // namespace trawl::osfp
