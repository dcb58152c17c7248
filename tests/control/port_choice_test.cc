#include "control/audit/ports/port_choice.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "control/audit/ports/port_list.h"

namespace trawl::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kDuplicates =
    "WARNING: Duplicate port number(s) specified.  Are you alert enough to be using Nmap?  Have "
    "some coffee or Jolt(tm).";
constexpr std::string_view kNoPorts =
    "No ports specified -- If you really don't want to scan any ports use ping scan...";

const ServiceTable& services() {
  static const ServiceTable table = ServiceTable::parse(std::make_shared<const std::string>(
      "ftp 21/tcp 0.2\nssh 22/tcp 0.18\nssh 22/udp 0.004\nssh 22/sctp 0\ntelnet 23/tcp 0.22\n"
      "domain 53/tcp 0.05\ndomain 53/udp 0.21\ntftp 69/udp 0.1\nhttp 80/tcp 0.48\n"
      "https 443/tcp 0.2\nx11:1 6001/tcp 0.01\nhttp 8008/tcp 0.001\nhttp-proxy 8080/tcp 0.04\n"));
  return table;
}

const ProtocolTable& protocols() {
  static const ProtocolTable table = ProtocolTable::parse(
      std::make_shared<const std::string>("icmp 1\nigmp 2\ntcp 6\nudp 17\nsctp 132\n"));
  return table;
}

std::string ranges(const std::vector<std::uint16_t>& ports) {
  std::string out;
  for (std::size_t i = 0; i < ports.size();) {
    std::size_t end = i;
    while (end + 1 < ports.size() && ports[end + 1] == ports[end] + 1) ++end;
    if (!out.empty()) out += ',';
    out += end == i ? fmt::format("{}", ports[i]) : fmt::format("{}-{}", ports[i], ports[end]);
    i = end + 1;
  }
  return out;
}

// The warnings, a line each, then the ports of what is scanned; or the error.
std::string meaning(const PortRequest& request) {
  const auto choice = choose_ports(request, services(), protocols());
  if (!choice) return choice.error().message;
  std::string out;
  for (const std::string& warning : choice->warnings) out += warning + "\n";
  if (request.tcp) out += "T:" + ranges(choice->of(PortProtocol::Tcp));
  if (request.udp) out += "U:" + ranges(choice->of(PortProtocol::Udp));
  if (request.sctp) out += "S:" + ranges(choice->of(PortProtocol::Sctp));
  if (request.ip) out += "P:" + ranges(choice->of(PortProtocol::Ip));
  return out;
}

std::string tcp(const std::string& ports) { return meaning({.ports = ports, .tcp = true}); }
std::string both(const std::string& ports) {
  return meaning({.ports = ports, .tcp = true, .udp = true});
}
std::string ip(const std::string& ports) { return meaning({.ports = ports, .ip = true}); }

std::string fault(int number) {
  return fmt::format(
      "Error #{}: Your port specifications are illegal.  Example of proper form: "
      "\"-100,200-1024,T:3000-4000,U:60000-\"",
      number);
}

TEST(PortChoice, NumbersAndRanges) {
  EXPECT_EQ(tcp("22"), "T:22");
  EXPECT_EQ(tcp("80,22"), "T:22,80");
  EXPECT_EQ(tcp("00000000000000000000022"), "T:22");
  EXPECT_EQ(tcp("0-3"), "T:0-3");
  EXPECT_EQ(tcp("-5"), "T:1-5");
  EXPECT_EQ(tcp("65530-"), "T:65530-65535");
  EXPECT_EQ(tcp("-"), "T:1-65535");
  EXPECT_EQ(tcp("5-,3"), "T:3,5-65535");
  EXPECT_EQ(tcp("63-64,127-128,191"), "T:63-64,127-128,191");
}

TEST(PortChoice, BlanksAreAllowedWhereNmapAllowsThem) {
  EXPECT_EQ(tcp(" 22"), "T:22");
  EXPECT_EQ(tcp("22 , 80"), "T:22,80");
  EXPECT_EQ(tcp("22 -25"), "T:22-25");
  EXPECT_EQ(tcp("20 -"), "T:20-65535");
  EXPECT_EQ(tcp("22 "), "T:22");
  EXPECT_EQ(tcp("ssh\ntelnet"), "T:22-23");
  EXPECT_EQ(tcp("[ ]22"), "T:22");
  EXPECT_EQ(tcp("22, "), fault(485));
  EXPECT_EQ(tcp("22- 25"), fault(486));
  EXPECT_EQ(tcp("22 23"), fault(487));
  EXPECT_EQ(tcp("20-25 80"), fault(488));
  EXPECT_EQ(tcp("ssh  "), fault(485));
  EXPECT_EQ(tcp("T: "), fault(485));
}

TEST(PortChoice, WhatIsWrongIsSaidInNmapsWords) {
  EXPECT_EQ(tcp(""), fault(485));
  EXPECT_EQ(tcp(","), fault(485));
  EXPECT_EQ(tcp("22,,80"), fault(485));
  EXPECT_EQ(tcp("HTTP"), fault(485));
  EXPECT_EQ(tcp("+22"), fault(485));
  EXPECT_EQ(tcp("80-http"), fault(486));
  EXPECT_EQ(tcp("22x"), fault(487));
  EXPECT_EQ(tcp("1-2-3"), fault(488));
  EXPECT_EQ(tcp("65536"), "Ports specified must be between 0 and 65535 inclusive");
  EXPECT_EQ(tcp("99999999999999999999"), "Ports specified must be between 0 and 65535 inclusive");
  EXPECT_EQ(tcp("1-65536"), "Ports specified must be between 0 and 65535 inclusive");
  EXPECT_EQ(tcp("65536x"), "Ports specified must be between 0 and 65535 inclusive");
  EXPECT_EQ(tcp("5-3x"), "Your port range 5-3 is backwards. Did you mean 3-5?");
  EXPECT_EQ(tcp("-0"), "Your port range 1-0 is backwards. Did you mean 0-1?");
  EXPECT_EQ(tcp("abc"), "Found no matches for the service mask 'abc' and your specified protocols");
  EXPECT_EQ(tcp("t:22"), "Error parsing port list: Unknown protocol specifier 't'.");
  EXPECT_EQ(tcp(",:22"), "Error parsing port list: Unknown protocol specifier ','.");
  EXPECT_EQ(tcp("T:"), kNoPorts);
  const std::string too_long =
      "A service mask in the port/protocol specification is either malformed or too long";
  EXPECT_EQ(tcp(std::string(127, 'a')), too_long);
  EXPECT_NE(tcp(std::string(126, 'a')), too_long);
}

TEST(PortChoice, NamesMatchWhateverTheCase) {
  EXPECT_EQ(tcp("http"), "T:80,8008");
  EXPECT_EQ(tcp("hTTP*"), "T:80,443,8008,8080");
  EXPECT_EQ(tcp("*sh,telnet"), "T:22-23");
  EXPECT_EQ(tcp("ht??"), "T:80,8008");
  EXPECT_EQ(tcp("x11:1"), "T:6001");
  EXPECT_EQ(tcp("tftp"),
            "Found no matches for the service mask 'tftp' and your specified protocols");
  EXPECT_EQ(both("tftp,ssh"), "T:22U:22,69");
}

TEST(PortChoice, BracketsKeepWhatHasAnEntry) {
  EXPECT_EQ(tcp("[-100]"), "T:21-23,53,80");
  EXPECT_EQ(tcp("[8000-]"), "T:8008,8080");
  EXPECT_EQ(tcp("30,[22-25],26"), "T:22-23,26,30");
  EXPECT_EQ(tcp("[http*,21]25"), "T:21,25,80,443,8008,8080");
  EXPECT_EQ(tcp("[22"), "T:22");
  EXPECT_EQ(tcp("[24]"), kNoPorts);
  EXPECT_EQ(tcp("[]"), kNoPorts);
  EXPECT_EQ(tcp("["), fault(485));
  EXPECT_EQ(tcp("[22] "), fault(485));
  EXPECT_EQ(tcp("22]"), "Unexpected ] character in port/protocol specification");
  EXPECT_EQ(tcp("[[22]]"), "Can't nest [] brackets in port/protocol specification");
  EXPECT_EQ(tcp("22[80]"), fault(487));
}

TEST(PortChoice, SpecifiersHoldUntilTheNext) {
  EXPECT_EQ(both("22,U:53,80,T:21"), "T:21-22U:22,53,80");
  EXPECT_EQ(both("T:U:53,T:1"), "T:1U:53");
  EXPECT_EQ(both("[T:22,U:53],80"), "T:22,80U:53,80");
  EXPECT_EQ(both("U:[T:22],80"), "T:22U:80");
  EXPECT_EQ(
      tcp("22,U:53"),
      "WARNING: Your ports include \"U:\" but you haven't specified UDP scan with -sU.\nT:22");
  EXPECT_EQ(meaning({.ports = "T:1,S:7,P:6,U:9", .udp = true}),
            "WARNING: Your ports include \"T:\" but you haven't specified any TCP scan type.\n"
            "WARNING: Your ports include \"S:\" but you haven't specified any SCTP scan type.\n"
            "WARNING: Your ports include \"P:\" but you haven't specified IP Protocol scan with "
            "-sO.\nU:9");
  EXPECT_EQ(both("T:22"),
            "WARNING: UDP scan was requested, but no udp ports were specified.  Skipping this scan "
            "type.\nT:22U:");
  EXPECT_EQ(tcp("22,P:256"), "Protocols specified must be between 0 and 255 inclusive");
}

TEST(PortChoice, DuplicatesAreWarnedOfOnce) {
  const std::string warning = fmt::format("{}\n", kDuplicates);
  EXPECT_EQ(tcp("22,80,22,80"), warning + "T:22,80");
  EXPECT_EQ(tcp("ssh,22"), warning + "T:22");
  EXPECT_EQ(tcp("22,ssh"), "T:22");
  EXPECT_EQ(tcp("24,[24]"), warning + "T:24");
  EXPECT_EQ(tcp("[24],24"), "T:24");
  EXPECT_EQ(both("T:22,U:22"), "T:22U:22");
  EXPECT_EQ(meaning({.ports = "1,1", .exclude = "2,2", .tcp = true}), warning + warning + "T:1");
}

TEST(PortChoice, ProtocolsAreNumberedTo255) {
  EXPECT_EQ(meaning({.ip = true}), "P:0-255");
  EXPECT_EQ(meaning({.fast = true, .ip = true}), "P:1-2,6,17,132");
  EXPECT_EQ(meaning({.top = 2, .ip = true}), "P:0-255");
  EXPECT_EQ(ip("-3"), "P:0-3");
  EXPECT_EQ(ip("-"), "P:0-255");
  EXPECT_EQ(ip("[-]"), "P:1-2,6,17,132");
  EXPECT_EQ(ip("i*,P:udp"), "P:1-2,17");
  EXPECT_EQ(ip("256"), "Protocols specified must be between 0 and 255 inclusive");
  EXPECT_EQ(ip("6,T:1000"), "P:6");
  EXPECT_EQ(meaning({.exclude = "0-5,7-", .ip = true}), "P:6");
}

TEST(PortChoice, TheMostFrequentPorts) {
  EXPECT_EQ(meaning({.tcp = true}), "T:21-23,53,80,443,6001,8008,8080");
  EXPECT_EQ(meaning({.top = 3, .tcp = true}), "T:21,23,80");
  EXPECT_EQ(meaning({.ratio = 0.2, .tcp = true, .udp = true}), "T:21,23,80,443U:53");
  EXPECT_EQ(meaning({.sctp = true}), "S:22");
  EXPECT_EQ(meaning({.ports = "50-9000", .top = 2, .tcp = true}), "T:80,443");
  EXPECT_EQ(meaning({.ports = "22-100", .ratio = 0.2, .tcp = true}), "T:23,80");
  // What is excluded makes room for the next.
  EXPECT_EQ(meaning({.exclude = "80", .top = 3, .tcp = true}), "T:21,23,443");
  EXPECT_EQ(meaning({.top = 65537, .tcp = true}),
            "Level argument to gettoppts (65537) is too large");
  EXPECT_EQ(meaning({.top = 0, .tcp = true}), "--top-ports should be an integer 1 or greater");
  EXPECT_EQ(meaning({.ratio = 1, .tcp = true}), "--port-ratio should be between [0 and 1)");
  EXPECT_EQ(meaning({.ratio = -0.1, .tcp = true}), "--port-ratio should be between [0 and 1)");
}

TEST(PortChoice, FastIsAHundredAndExcludesAList) {
  const ServiceTable builtin = ServiceTable::builtin();
  const auto fast = choose_ports({.fast = true, .tcp = true, .udp = true}, builtin, protocols());
  EXPECT_THAT(fast->of(PortProtocol::Tcp), SizeIs(100));
  EXPECT_THAT(fast->of(PortProtocol::Udp), SizeIs(100));
  EXPECT_THAT(fast->of(PortProtocol::Sctp), IsEmpty());
  EXPECT_EQ(meaning({.ports = "22", .fast = true, .tcp = true}),
            "You cannot use -F (fast scan) with -p (explicit port selection) but see --top-ports "
            "and --port-ratio to fast scan a range of ports");
}

TEST(PortChoice, DefaultIsAThousandOfEach) {
  std::string text;
  for (int port = 1; port <= 1500; ++port) text += fmt::format("a {}/tcp 0.1\n", port);
  const ServiceTable table =
      ServiceTable::parse(std::make_shared<const std::string>(std::move(text)));
  const auto choice = choose_ports({.tcp = true}, table, protocols());
  EXPECT_EQ(ranges(choice->of(PortProtocol::Tcp)), "1-1000");
}

TEST(PortChoice, ExcludedPortsAreLeftOut) {
  EXPECT_EQ(meaning({.ports = "20-25", .exclude = "22,T:24", .tcp = true}), "T:20-21,23,25");
  EXPECT_EQ(meaning({.ports = "20-25", .exclude = "U:22", .tcp = true}), "T:20-25");
  EXPECT_EQ(meaning({.ports = "20-25", .exclude = "[20-30]", .tcp = true}), "T:20,24-25");
  EXPECT_EQ(meaning({.ports = "22", .exclude = "22", .tcp = true}),
            "WARNING: a TCP scan type was requested, but no tcp ports were specified.  Skipping "
            "this scan type.\nT:");
  EXPECT_EQ(meaning({.ports = "5-3", .exclude = "abc", .tcp = true}),
            "Your port range 5-3 is backwards. Did you mean 3-5?");
  EXPECT_EQ(meaning({.ports = "22", .exclude = "", .tcp = true}), fault(485));
  EXPECT_EQ(meaning({.ports = "22", .exclude = "T:", .tcp = true}), kNoPorts);
}

TEST(PortChoice, AnEmptyTableHasNoPorts) {
  const ServiceTable empty = ServiceTable::parse(std::make_shared<const std::string>());
  EXPECT_EQ(choose_ports({.tcp = true}, empty, protocols()).error().message, kNoPorts);
  EXPECT_TRUE(choose_ports({.ports = "22", .tcp = true}, empty, protocols()).has_value());
}

std::string discovery(std::string_view text, PortProtocol protocol, PortChoice& chosen) {
  const auto ports = parse_discovery_ports(text, protocol, "-PS", services(), protocols(), chosen);
  return ports ? ranges(*ports) : ports.error().message;
}

TEST(DiscoveryPorts, HaveNoSpecifiers) {
  PortChoice chosen;
  EXPECT_EQ(discovery("80,22-25", PortProtocol::Tcp, chosen), "22-25,80");
  EXPECT_EQ(discovery("tftp", PortProtocol::Udp, chosen), "69");
  EXPECT_EQ(discovery("icmp,6", PortProtocol::Ip, chosen), "1,6");
  EXPECT_EQ(discovery("T:22", PortProtocol::Tcp, chosen),
            "Error #485: Your port specifications are illegal.  Example of proper form: "
            "\"-100,200-1024,3000-4000,60000-\"");
  EXPECT_EQ(discovery("256", PortProtocol::Ip, chosen),
            "Protocols specified must be between 0 and 255 inclusive");
  EXPECT_EQ(discovery("[24]", PortProtocol::Tcp, chosen), "Bogus argument to -PS: [24]");
  EXPECT_THAT(chosen.warnings, IsEmpty());
  EXPECT_EQ(discovery("22,22", PortProtocol::Tcp, chosen), "22");
  EXPECT_THAT(chosen.warnings, ElementsAre(kDuplicates));
}

TEST(DiscoveryPorts, HeedExclusionsOfProtocolsThatAreNotScanned) {
  auto chosen = choose_ports({.exclude = "53,T:60", .tcp = true}, services(), protocols());
  ASSERT_TRUE(chosen.has_value());
  EXPECT_EQ(discovery("53,60", PortProtocol::Udp, *chosen), "60");
  EXPECT_EQ(discovery("53,60,61", PortProtocol::Tcp, *chosen), "61");
}

}  // namespace
}  // namespace trawl::control
