#include "control/survey/output/nmap_xml_formatter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

#include "tests/control/verdicts.h"

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

std::string record(const Verdict& verdict) {
  NmapXmlFormatter formatter{{}};
  std::string text(RecordFormatter::kLongestRecord, '\0');
  const char* const end = formatter.write(text.data(), verdict, 0);
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

std::string escaped(std::string_view text) {
  std::string out;
  append_xml_attribute(out, text);
  return out;
}

TEST(NmapXml, DescribesTheRunInItsHeader) {
  const RunDescription run{.command_line = {"trawl", "survey", "-o", "a file.xml"},
                           .ports = {80, 443, 444},
                           .started = open_verdict().time};
  const NmapXmlFormatter formatter{run};
  const std::string header = formatter.header();
  EXPECT_TRUE(
      header.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<!DOCTYPE nmaprun>\n"
                         "<nmaprun scanner=\"nmap\" "
                         "args=\"trawl survey -o 'a file.xml'\" start=\"1767323045\" "
                         "startstr=\"Fri Jan  2 03:04:05 2026\" version=\""));
  EXPECT_NE(header.find("<scaninfo type=\"syn\" protocol=\"tcp\" numservices=\"3\" "
                        "services=\"80,443-444\"/>\n"),
            std::string::npos);
}

TEST(NmapXml, HasOneHostForEachVerdict) {
  EXPECT_EQ(record(open_verdict()),
            "<host starttime=\"1767323045\" endtime=\"1767323045\">"
            "<status state=\"up\" reason=\"syn-ack\" reason_ttl=\"57\"/>"
            "<address addr=\"198.18.0.5\" addrtype=\"ipv4\"/><hostnames></hostnames>"
            "<ports><port protocol=\"tcp\" portid=\"443\">"
            "<state state=\"open\" reason=\"syn-ack\" reason_ttl=\"57\"/></port></ports>"
            "<times srtt=\"8123\" rttvar=\"8123\" to=\"100000\"/></host>\n");
}

TEST(NmapXml, SaysWhoCalledAPortUnreachable) {
  EXPECT_EQ(record(unreachable_verdict()),
            "<host starttime=\"1767323045\" endtime=\"1767323045\">"
            "<status state=\"unknown\" reason=\"host-unreach\" reason_ttl=\"57\"/>"
            "<address addr=\"198.18.0.5\" addrtype=\"ipv4\"/><hostnames></hostnames>"
            "<ports><port protocol=\"tcp\" portid=\"443\">"
            "<state state=\"filtered\" reason=\"host-unreach\" reason_ttl=\"57\" "
            "reason_ip=\"198.18.0.254\"/></port></ports></host>\n");
}

TEST(NmapXml, SaysWhichProbesWereSent) {
  const auto header = [](dataplane::ProbeKind probe) {
    return NmapXmlFormatter{{.command_line = {}, .probe = probe, .ports = {53}, .started = {}}}
        .header();
  };
  EXPECT_NE(header(dataplane::ProbeKind::TcpAck).find("type=\"ack\" protocol=\"tcp\""),
            std::string::npos);
  EXPECT_NE(header(dataplane::ProbeKind::Udp).find("type=\"udp\" protocol=\"udp\""),
            std::string::npos);
  EXPECT_EQ(header(dataplane::ProbeKind::IcmpEcho).find("scaninfo"), std::string::npos);
}

TEST(NmapXml, AnAddressThatIsUpIsAHostWithoutPorts) {
  EXPECT_EQ(record(up_verdict()),
            "<host starttime=\"1767323045\" endtime=\"1767323045\">"
            "<status state=\"up\" reason=\"echo-reply\" reason_ttl=\"57\"/>"
            "<address addr=\"198.18.0.5\" addrtype=\"ipv4\"/><hostnames></hostnames>"
            "<times srtt=\"8123\" rttvar=\"8123\" to=\"100000\"/></host>\n");
}

TEST(NmapXml, PortsHaveTheProtocolAndTheStateOfTheProbe) {
  EXPECT_NE(record(udp_verdict())
                .find("<port protocol=\"udp\" portid=\"443\"><state "
                      "state=\"open\" reason=\"udp-response\""),
            std::string::npos);
  EXPECT_NE(record(unfiltered_verdict()).find("<state state=\"unfiltered\" reason=\"reset\""),
            std::string::npos);
}

TEST(NmapXml, ClosesWithTheTimeAndTheCount) {
  const NmapXmlFormatter formatter{
      {.command_line = {}, .ports = {}, .started = open_verdict().time},
      [] { return open_verdict().time + 1500ms; }};
  EXPECT_EQ(formatter.footer(7),
            "<runstats><finished time=\"1767323046\" timestr=\"Fri Jan  2 03:04:06 2026\" "
            "summary=\"trawl survey: 7 findings in 1.50 seconds\" elapsed=\"1.50\"/>"
            "<hosts up=\"7\" down=\"0\" total=\"7\"/>\n</runstats>\n</nmaprun>\n");
}

TEST(NmapXml, LongestValuesFitTheBuffer) {
  Verdict verdict = unreachable_verdict();
  verdict.ip = Ipv4Address{0xffffffffU};
  verdict.from = Ipv4Address{0xfffffffeU};
  verdict.port = std::numeric_limits<std::uint16_t>::max();
  verdict.ttl = std::numeric_limits<std::uint8_t>::max();
  verdict.rtt_us = std::numeric_limits<std::uint32_t>::max();
  verdict.reason = Reason::AdminProhibited;
  EXPECT_LT(record(verdict).size() + 16, RecordFormatter::kLongestRecord);
}

TEST(XmlAttribute, EscapesMarkupAndWhatXmlDoesNotAllow) {
  EXPECT_EQ(escaped("a<b>&\"c\" --d---e"), "a&lt;b&gt;&amp;&quot;c&quot; -&#45;d-&#45;-e");
  EXPECT_EQ(escaped("\n\r\t"), "&#xa;&#xd;&#x9;");
  EXPECT_EQ(escaped(std::string_view{"\0\x01\x1b", 3}), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(escaped("\xc3\xa9\xff\xef\xbf\xbf"), "\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace trawl::control
