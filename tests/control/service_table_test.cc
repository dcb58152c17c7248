#include "control/audit/ports/service_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "control/audit/ports/protocol_table.h"
#include "control/audit/ports/vendor_table.h"

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SharedText shared(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

ServiceTable services(std::string text) { return ServiceTable::parse(shared(std::move(text))); }

// A folder that is gone with the test.
class DataFolder {
 public:
  DataFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "service_table_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  ~DataFolder() { std::filesystem::remove_all(path_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{path_ + "/" + name} << text;
    return path_ + "/" + name;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(ServiceTable, NamesArePerProtocol) {
  const ServiceTable table = services("ssh\t22/tcp\t0.2\t# Secure Shell\ndns 53/udp 0.1\n");
  EXPECT_EQ(table.name(PortProtocol::Tcp, 22), "ssh");
  EXPECT_EQ(table.name(PortProtocol::Udp, 22), "");
  EXPECT_EQ(table.name(PortProtocol::Udp, 53), "dns");
  EXPECT_EQ(table.name(PortProtocol::Ip, 53), "");
  EXPECT_EQ(table.name(PortProtocol::Sctp, 65535), "");
}

TEST(ServiceTable, NamesOutliveMovesAndCopies) {
  auto first = std::make_unique<ServiceTable>(services("ssh 22/tcp 0.2\n"));
  const ServiceTable copy = *first;
  const ServiceTable moved = std::move(*first);
  first.reset();
  EXPECT_EQ(copy.name(PortProtocol::Tcp, 22), "ssh");
  EXPECT_EQ(moved.name(PortProtocol::Tcp, 22), "ssh");
}

TEST(ServiceTable, RanksByFrequencyThenAsWritten) {
  const ServiceTable table = services(
      "d 40/tcp 0.5\na 10/tcp 0.5\ne 50/tcp 1/4\nc 30/tcp 0.5\nf 45/tcp 0.25\nh 2/tcp 0.9#c\n");
  EXPECT_THAT(table.ranked(PortProtocol::Tcp), ElementsAre(2, 40, 10, 30, 50, 45));
  EXPECT_THAT(table.top(PortProtocol::Tcp, 3), ElementsAre(2, 40, 10));
  EXPECT_THAT(table.top(PortProtocol::Udp, 3), IsEmpty());
  EXPECT_THAT(table.by_ratio(PortProtocol::Tcp, 0.5), ElementsAre(2, 10, 30, 40));
  EXPECT_THAT(table.by_ratio(PortProtocol::Tcp, 0.26), ElementsAre(2, 10, 30, 40));
  EXPECT_THAT(table.by_ratio(PortProtocol::Tcp, 0.25), ElementsAre(2, 10, 30, 40, 45, 50));
}

TEST(ServiceTable, PassesOverBadLinesAndLaterOnes) {
  const ServiceTable table = services(
      "# head\n\n  \nnone\nno-protocol 14\nbig 70000/tcp 0.9\nother 13/foo 0.9\nTCP 18/TCP 0.3\n"
      "two words 17/tcp 0.3\n/tcp\nx /tcp\nx 1x/tcp\nx -1/tcp\n#gone 5/tcp 0.3\n"
      "\t tab\t21/tcp\t0.35\r\nfirst 20/tcp 0.1\nsecond 20/tcp 0.9\nlast 23/tcp");
  EXPECT_THAT(table.all(PortProtocol::Tcp), ElementsAre(20, 21, 23));
  EXPECT_EQ(table.name(PortProtocol::Tcp, 20), "first");
  EXPECT_EQ(table.name(PortProtocol::Tcp, 21), "tab");
  EXPECT_THAT(table.by_ratio(PortProtocol::Tcp, 0.2), ElementsAre(21));
}

TEST(ServiceTable, WrongFrequenciesAreNone) {
  const ServiceTable table = services(
      "a 1/tcp abc\nb 2/tcp 2\nc 3/tcp -1\nd 4/tcp 1/0\ne 5/tcp 3/2\nf 6/tcp nan\ng 7/tcp inf\n"
      "h 8/tcp /\ni 9/tcp 0.1\n");
  EXPECT_THAT(table.ranked(PortProtocol::Tcp), ElementsAre(9, 1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(table.by_ratio(PortProtocol::Tcp, 0.000001), ElementsAre(9));
  EXPECT_EQ(table.by_ratio(PortProtocol::Tcp, 0).size(), 9U);
}

TEST(ServiceTable, FindsByPatternAndRange) {
  const ServiceTable table =
      services("http 80/tcp 0.5\nhttps 443/tcp 0.3\nHTTP-alt 8080/tcp 0.1\nssh 22/tcp 0.2\n");
  EXPECT_THAT(table.matching(PortProtocol::Tcp, "http"), ElementsAre(80));
  EXPECT_THAT(table.matching(PortProtocol::Tcp, "http*"), ElementsAre(80, 443, 8080));
  EXPECT_THAT(table.matching(PortProtocol::Tcp, "?SH"), ElementsAre(22));
  EXPECT_THAT(table.matching(PortProtocol::Udp, "*"), IsEmpty());
  EXPECT_THAT(table.all(PortProtocol::Tcp, 80, 443), ElementsAre(80, 443));
}

TEST(MatchesPattern, StarsTakeWhatTheyMust) {
  EXPECT_TRUE(matches_pattern("", ""));
  EXPECT_TRUE(matches_pattern("", "**"));
  EXPECT_FALSE(matches_pattern("", "?"));
  EXPECT_TRUE(matches_pattern("abcabd", "*ab?"));
  EXPECT_FALSE(matches_pattern("abcabd", "*ab"));
  EXPECT_TRUE(matches_pattern("xayabzc", "*a*b*c"));
  EXPECT_FALSE(matches_pattern("ssh", "s[sh"));
  EXPECT_FALSE(matches_pattern("ssh", "sshd"));
  EXPECT_FALSE(matches_pattern("sshd", "ssh"));
  // Quick even where naive backtracking is not.
  EXPECT_FALSE(matches_pattern(std::string(2000, 'a'), "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"));
}

TEST(ServiceTable, ServicedbComesBeforeDatadir) {
  const DataFolder folder;
  folder.write("nmap-services", "from-datadir 1/tcp 0.1\n");
  const std::string servicedb = folder.write("mine", "from-servicedb 1/tcp 0.1\n");
  EXPECT_EQ(ServiceTable::load(folder.path(), servicedb)->name(PortProtocol::Tcp, 1),
            "from-servicedb");
  EXPECT_EQ(ServiceTable::load(folder.path(), "")->name(PortProtocol::Tcp, 1), "from-datadir");
}

TEST(ServiceTable, DatadirComesBeforeTheEnvironment) {
  const DataFolder given;
  const DataFolder named;
  named.write("nmap-services", "from-environment 1/tcp 0.1\n");
  ASSERT_EQ(::setenv("NMAPDIR", named.path().c_str(), 1), 0);
  EXPECT_EQ(ServiceTable::load(given.path(), "")->name(PortProtocol::Tcp, 1), "from-environment");
  given.write("nmap-services", "from-datadir 1/tcp 0.1\n");
  EXPECT_EQ(ServiceTable::load(given.path(), "")->name(PortProtocol::Tcp, 1), "from-datadir");
  ::unsetenv("NMAPDIR");
}

TEST(ServiceTable, ServicedbMustBeReadable) {
  const DataFolder folder;
  const std::string missing = folder.path() + "/missing";
  const auto table = ServiceTable::load("", missing);
  ASSERT_FALSE(table.has_value());
  EXPECT_EQ(table.error().kind, AuditError::Kind::Value);
  EXPECT_EQ(table.error().message, "Unable to open " + missing +
                                       " for reading service information: No such file or "
                                       "directory (2)");
  const auto directory = ServiceTable::load("", folder.path());
  ASSERT_FALSE(directory.has_value());
  EXPECT_THAT(directory.error().message, HasSubstr("Is a directory"));
}

TEST(ServiceTable, BuiltinKnowsTheCommonPorts) {
  const ServiceTable table = ServiceTable::builtin();
  EXPECT_EQ(table.name(PortProtocol::Tcp, 22), "ssh");
  EXPECT_EQ(table.name(PortProtocol::Tcp, 443), "https");
  EXPECT_EQ(table.name(PortProtocol::Udp, 53), "domain");
  EXPECT_EQ(table.name(PortProtocol::Sctp, 2905), "m3ua");
  EXPECT_THAT(table.top(PortProtocol::Tcp, 2), ElementsAre(80, 443));
  EXPECT_GE(table.all(PortProtocol::Tcp).size(), 200U);
  EXPECT_GE(table.all(PortProtocol::Udp).size(), 100U);
  EXPECT_GE(table.all(PortProtocol::Sctp).size(), 40U);
  // Every line says how often: a forgotten column would rank last unseen.
  for (const PortProtocol protocol : {PortProtocol::Tcp, PortProtocol::Udp, PortProtocol::Sctp}) {
    EXPECT_EQ(table.by_ratio(protocol, 0.00001), table.all(protocol));
  }
}

TEST(ServiceTable, ReadsWhatNmapInstalls) {
  if (!std::filesystem::exists("/usr/share/nmap/nmap-services")) GTEST_SKIP();
  const auto table = ServiceTable::load("", "/usr/share/nmap/nmap-services");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->name(PortProtocol::Tcp, 80), "http");
  EXPECT_THAT(table->top(PortProtocol::Tcp, 1), ElementsAre(80));
  EXPECT_GT(table->all(PortProtocol::Tcp).size(), 5000U);
  EXPECT_GT(table->all(PortProtocol::Sctp).size(), 10U);
}

TEST(ProtocolTable, NamesAndNumbers) {
  const ProtocolTable table = ProtocolTable::parse(
      shared("# x\nicmp 1 ICMP # c\nigmp 2\nicmp2 1\nbig 256\nminus -1\nword x\ntcp 6#\nalone\n"));
  EXPECT_EQ(table.name(1), "icmp");
  EXPECT_EQ(table.name(6), "tcp");
  EXPECT_EQ(table.name(0), "");
  EXPECT_EQ(table.name(255), "");
  EXPECT_THAT(table.matching("i*"), ElementsAre(1, 2));
  EXPECT_THAT(table.matching("TCP"), ElementsAre(6));
  EXPECT_THAT(table.all(), ElementsAre(1, 2, 6));
}

TEST(ProtocolTable, BuiltinFollowsTheRegistry) {
  const ProtocolTable table = ProtocolTable::builtin();
  EXPECT_EQ(table.name(0), "hopopt");
  EXPECT_EQ(table.name(1), "icmp");
  EXPECT_EQ(table.name(6), "tcp");
  EXPECT_EQ(table.name(17), "udp");
  EXPECT_EQ(table.name(41), "ipv6");
  EXPECT_EQ(table.name(47), "gre");
  EXPECT_EQ(table.name(50), "esp");
  EXPECT_EQ(table.name(58), "ipv6-icmp");
  EXPECT_EQ(table.name(103), "pim");
  EXPECT_EQ(table.name(112), "vrrp");
  EXPECT_EQ(table.name(132), "sctp");
  EXPECT_EQ(table.name(139), "hip");
  EXPECT_EQ(table.name(143), "ethernet");
  EXPECT_EQ(table.name(200), "");
  EXPECT_EQ(table.name(255), "");
}

MacAddress mac(std::string_view text) { return *MacAddress::parse(text); }

TEST(VendorTable, LongestPrefixWins) {
  const VendorTable table{shared(
      "# head\n001122 Cimsys\n0011223 Cimsys Medium\n001122334 Small One\nAABBCC  Wide Name Inc. \n"
      "00112 Short\n00XX22 Not Hex\n334455\n")};
  EXPECT_EQ(table.vendor(mac("00:11:22:00:00:00")), "Cimsys");
  EXPECT_EQ(table.vendor(mac("00:11:22:3f:00:00")), "Cimsys Medium");
  EXPECT_EQ(table.vendor(mac("00:11:22:33:4f:ff")), "Small One");
  EXPECT_EQ(table.vendor(mac("aa:bb:cc:00:00:01")), "Wide Name Inc.");
  EXPECT_EQ(table.vendor(mac("33:44:55:00:00:01")), "");
  EXPECT_EQ(table.vendor(mac("00:11:21:ff:ff:ff")), "");
}

TEST(VendorTable, FindsTheLowestPrefixOfAName) {
  const VendorTable table{
      shared("BB0000 Apple\nAA0000 Big APPLE\nA900001 Pineapple\nCC0000 Pear #9\n")};
  EXPECT_EQ(table.first_prefix_of_vendor("apple"), (MacPrefix{0xa900001, 7}));
  EXPECT_EQ(table.first_prefix_of_vendor("BIG"), (MacPrefix{0xaa0000, 6}));
  EXPECT_EQ(table.first_prefix_of_vendor("#9"), (MacPrefix{0xcc0000, 6}));
  EXPECT_EQ(table.first_prefix_of_vendor("plum"), std::nullopt);
  EXPECT_EQ(table.first_prefix_of_vendor(""), std::nullopt);
  // Out of order in the text, found all the same.
  EXPECT_EQ(table.vendor(mac("aa:00:00:01:02:03")), "Big APPLE");
}

TEST(VendorTable, ReadsItsFileWhenAsked) {
  const DataFolder folder;
  const VendorTable table{folder.path()};
  folder.write("nmap-mac-prefixes", "020001 Late\n");
  EXPECT_EQ(table.vendor(mac("02:00:01:00:00:00")), "Late");
}

}  // namespace
}  // namespace trawl::control
