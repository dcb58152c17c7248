#include "osfp/active/scan_text.h"

#include <gtest/gtest.h>

namespace trawl::osfp {
namespace {

ScanConditions conditions() {
  return {.version = "7.93",
          .month = 11,
          .day = 22,
          .open_port = 80,
          .closed_port = 81,
          .udp_port = 30173,
          .distance = ScanConditions::Distance{.hops = 0, .source = DistanceSource::Localhost},
          .is_good = true,
          .mac_vendor = {},
          .time = 0x6B0371CA,
          .platform = "x86_64-pc-linux-gnu"};
}

Fingerprint fingerprint_of(const char* text) { return Fingerprint::parse(text).value(); }

TEST(ScanText, ScanLineIsAsNmapPrintsIt) {
  EXPECT_EQ(print_scan_line(conditions()),
            "SCAN(V=7.93%E=4%D=11/22%OT=80%CT=81%CU=30173%PV=N%DS=0%DC=L%G=Y%TM=6B0371CA"
            "%P=x86_64-pc-linux-gnu)");
  ScanConditions poor = conditions();
  poor.open_port.reset();
  poor.udp_port.reset();
  poor.is_good = false;
  poor.is_private = true;
  poor.distance = ScanConditions::Distance{.hops = 1, .source = DistanceSource::Direct};
  poor.mac_vendor = 0x020CA5;
  EXPECT_EQ(print_scan_line(poor),
            "SCAN(V=7.93%E=4%D=11/22%OT=%CT=81%CU=%PV=Y%DS=1%DC=D%G=N%M=020CA5%TM=6B0371CA"
            "%P=x86_64-pc-linux-gnu)");
}

TEST(ScanText, LinesThatDifferInTheirTestsAreAllPrinted) {
  const Fingerprint rounds[] = {fingerprint_of("SEQ(SP=FB)T2(R=N)IE(R=Y%CD=S)"),
                                fingerprint_of("SEQ(SP=FC)T2(R=N)"),
                                fingerprint_of("SEQ(SP=FB%II=I)T2(R=N)IE(R=N)"),
                                fingerprint_of("SEQ(SP=F0%II=Z)T2(R=N)IE(R=Y%CD=Z)")};
  const std::string text = print_rounds(conditions(), rounds);
  EXPECT_EQ(text.substr(text.find('\n') + 1),
            "SEQ(SP=FB)\nSEQ(SP=FB%II=I)\nT2(R=N)\nIE(R=Y%CD=S)\nIE(R=N)\n");
}

TEST(ScanText, SubmissionsAreCutIntoEqualPieces) {
  const Fingerprint rounds[] = {
      fingerprint_of("SEQ(SP=FB%GCD=1%ISR=FF%TI=Z%CI=Z%II=I%TS=21)T2(R=N)")};
  const std::string text = wrap_for_submission(print_rounds(conditions(), rounds));
  EXPECT_EQ(text,
            "OS:SCAN(V=7.93%E=4%D=11/22%OT=80%CT=81%CU=30173%PV=N%DS=0%DC=L%G=Y%TM=6B037\n"
            "OS:1CA%P=x86_64-pc-linux-gnu)SEQ(SP=FB%GCD=1%ISR=FF%TI=Z%CI=Z%II=I%TS=21)T2\n"
            "OS:(R=N)\n");
  EXPECT_EQ(Fingerprint::parse(text).value(), rounds[0]);
}

}  // namespace
}  // namespace trawl::osfp
