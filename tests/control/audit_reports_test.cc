#include "control/audit/report/audit_reports.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "control/audit/report/calendar.h"
#include "control/audit/report/port_summary.h"
#include "tests/control/temp_file.h"

// Golden texts are what Nmap 7.93 printed of machines in namespaces, but for first and last lines.
namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;
using std::chrono::system_clock;

constexpr std::string_view kHostile =
    "a\"b<c>&'d--e-->\x01\x1b[31m\tf\ng\rh/i,j\x7f\xff\xc3\xa9\xef\xbf\xbe";

class TableOfNames final : public PortNames {
 public:
  std::string_view name(PortProtocol protocol, std::uint16_t number) const override {
    static const std::map<std::pair<PortProtocol, int>, std::string_view> kNames{
        {{PortProtocol::Tcp, 22}, "ssh"},       {{PortProtocol::Tcp, 80}, "http"},
        {{PortProtocol::Tcp, 81}, "hosts2-ns"}, {{PortProtocol::Tcp, 110}, "pop3"},
        {{PortProtocol::Udp, 53}, "domain"},    {{PortProtocol::Udp, 500}, "isakmp"},
        {{PortProtocol::Tcp, 300}, "unknown"},  {{PortProtocol::Ip, 1}, "icmp"},
        {{PortProtocol::Ip, 2}, "igmp"},        {{PortProtocol::Ip, 6}, "tcp"}};
    const auto found = kNames.find({protocol, number});
    return found == kNames.end() ? std::string_view{} : found->second;
  }
};
const TableOfNames kNames;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

system_clock::time_point at(std::int64_t seconds) {
  return system_clock::time_point{std::chrono::seconds{seconds}};
}

Reason reason(std::string_view word, std::uint8_t ttl = 0) {
  return {.word = word, .ttl = ttl, .from = {}};
}

AuditRun run_of(int verbosity = 0) {
  AuditRun run;
  run.program = "trawl";
  run.command_line = {"-p22", "198.18.1.2"};
  run.started = at(1795322410);
  run.verbosity = verbosity;
  run.names_downs = verbosity > 0;
  return run;
}

HostReport host_up() {
  HostReport report;
  report.ip = ip("198.18.1.2");
  report.status = HostStatus::Up;
  report.reason = reason("echo-reply", 63);
  report.ports_scanned = true;
  report.times = {.srtt_us = 14, .rttvar_us = 0, .timeout_us = 100000};
  report.started = at(1795322411);
  report.ended = at(1795322412);
  return report;
}

void add_ports(HostReport& report, PortProtocol protocol, int first, int last, PortState state,
               const Reason& why) {
  for (int port = first; port <= last; ++port) {
    report.ports.push_back({protocol, static_cast<std::uint16_t>(port), state, why});
  }
}

AuditTotals totals_of(std::uint64_t hosts, std::uint64_t up) {
  AuditTotals totals;
  totals.hosts = hosts;
  totals.up = up;
  totals.now = at(1795322412);
  totals.elapsed = std::chrono::duration<double>{1.53};
  return totals;
}

std::string host_text(Format format, const HostReport& report, const AuditRun& run,
                      const PortNames* names = &kNames) {
  return make_report_format(format, run, names)->host(report);
}

HostReport host_with_filters() {
  HostReport report = host_up();
  add_ports(report, PortProtocol::Tcp, 22, 22, PortState::Open, reason("syn-ack", 63));
  add_ports(report, PortProtocol::Tcp, 80, 80, PortState::Open, reason("syn-ack", 63));
  add_ports(report, PortProtocol::Tcp, 100, 104, PortState::Filtered, reason("no-response"));
  add_ports(report, PortProtocol::Tcp, 110, 112, PortState::Filtered,
            {"admin-prohibited", 64, ip("198.18.0.1")});
  add_ports(report, PortProtocol::Tcp, 113, 113, PortState::Filtered,
            {"host-prohibited", 64, ip("198.18.0.1")});
  add_ports(report, PortProtocol::Tcp, 200, 260, PortState::Filtered, reason("no-response"));
  add_ports(report, PortProtocol::Tcp, 300, 309, PortState::Filtered,
            {"admin-prohibited", 64, ip("198.18.0.1")});
  add_ports(report, PortProtocol::Tcp, 310, 340, PortState::Filtered, reason("no-response"));
  add_ports(report, PortProtocol::Tcp, 600, 700, PortState::Closed, reason("reset", 63));
  return report;
}

TEST(AuditReports, NormalTableCollapsesFrequentStatesByReason) {
  AuditRun run = run_of();
  run.shows_reasons = true;
  EXPECT_EQ(host_text(Format::Normal, host_with_filters(), run),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up, received echo-reply ttl 63 (0.000014s latency).\n"
            "Not shown: 97 filtered tcp ports (no-response), 13 filtered tcp ports "
            "(admin-prohibited), 1 filtered tcp ports (host-prohibited), 101 closed tcp ports "
            "(reset)\n"
            "PORT   STATE SERVICE REASON\n"
            "22/tcp open  ssh     syn-ack ttl 63\n"
            "80/tcp open  http    syn-ack ttl 63\n"
            "\n");
}

TEST(AuditReports, XmlHasTheSamePortsAsNmaps) {
  EXPECT_EQ(host_text(Format::Xml, host_with_filters(), run_of()),
            "<host starttime=\"1795322411\" endtime=\"1795322412\"><status state=\"up\" "
            "reason=\"echo-reply\" reason_ttl=\"63\"/>\n"
            "<address addr=\"198.18.1.2\" addrtype=\"ipv4\"/>\n"
            "<hostnames>\n"
            "</hostnames>\n"
            "<ports><extraports state=\"filtered\" count=\"111\">\n"
            "<extrareasons reason=\"no-response\" count=\"97\" proto=\"tcp\" "
            "ports=\"100-104,200-260,310-340\"/>\n"
            "<extrareasons reason=\"admin-prohibited\" count=\"13\" proto=\"tcp\" "
            "ports=\"110-112,300-309\"/>\n"
            "<extrareasons reason=\"host-prohibited\" count=\"1\" proto=\"tcp\" ports=\"113\"/>\n"
            "</extraports>\n"
            "<extraports state=\"closed\" count=\"101\">\n"
            "<extrareasons reason=\"reset\" count=\"101\" proto=\"tcp\" ports=\"600-700\"/>\n"
            "</extraports>\n"
            "<port protocol=\"tcp\" portid=\"22\"><state state=\"open\" reason=\"syn-ack\" "
            "reason_ttl=\"63\"/><service name=\"ssh\" method=\"table\" conf=\"3\"/></port>\n"
            "<port protocol=\"tcp\" portid=\"80\"><state state=\"open\" reason=\"syn-ack\" "
            "reason_ttl=\"63\"/><service name=\"http\" method=\"table\" conf=\"3\"/></port>\n"
            "</ports>\n"
            "<times srtt=\"14\" rttvar=\"0\" to=\"100000\"/>\n"
            "</host>\n");
}

TEST(AuditReports, ReasonNamesWhoSentIt) {
  HostReport report = host_up();
  add_ports(report, PortProtocol::Tcp, 81, 81, PortState::Closed, reason("reset", 63));
  add_ports(report, PortProtocol::Tcp, 110, 110, PortState::Filtered,
            {"admin-prohibited", 64, ip("198.18.0.1")});
  add_ports(report, PortProtocol::Tcp, 300, 300, PortState::Filtered, reason("no-response"));
  add_ports(report, PortProtocol::Tcp, 302, 302, PortState::Filtered, reason("no-response"));
  AuditRun run = run_of(2);  // Two levels mean --reason.
  EXPECT_EQ(host_text(Format::Normal, report, run),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up, received echo-reply ttl 63 (0.000014s latency).\n"
            "Scanned at " +
                second_time(report.started) +
                " for 1s\n"
                "\n"
                "PORT    STATE    SERVICE   REASON\n"
                "81/tcp  closed   hosts2-ns reset ttl 63\n"
                "110/tcp filtered pop3      admin-prohibited from 198.18.0.1 ttl 64\n"
                "300/tcp filtered unknown   no-response\n"
                "302/tcp filtered unknown   no-response\n"
                "\n");
  const std::string xml = host_text(Format::Xml, report, run);
  EXPECT_NE(xml.find("reason=\"admin-prohibited\" reason_ttl=\"64\" reason_ip=\"198.18.0.1\"/>"),
            std::string::npos);
  EXPECT_NE(xml.find("portid=\"300\"><state state=\"filtered\" reason=\"no-response\" "
                     "reason_ttl=\"0\"/><service name=\"unknown\" method=\"table\" conf=\"3\"/>"),
            std::string::npos);
  EXPECT_NE(xml.find("portid=\"302\"><state state=\"filtered\" reason=\"no-response\" "
                     "reason_ttl=\"0\"/></port>"),
            std::string::npos);
}

std::size_t listed(int ports, int verbosity, int debugging) {
  HostReport report = host_up();
  add_ports(report, PortProtocol::Tcp, 1, ports, PortState::Closed, reason("reset", 64));
  AuditRun run = run_of(verbosity);
  run.debugging = debugging;
  return summarize_ports(report, run).listed.size();
}

TEST(AuditReports, StatesAreIgnoredFromNmapsThresholds) {
  EXPECT_EQ(listed(25, 0, 0), 25U);
  EXPECT_EQ(listed(26, 0, 0), 0U);
  EXPECT_EQ(listed(50, 1, 0), 50U);
  EXPECT_EQ(listed(51, 1, 0), 0U);
  EXPECT_EQ(listed(100, 3, 0), 100U);
  EXPECT_EQ(listed(101, 3, 0), 0U);
  EXPECT_EQ(listed(550, 1, 1), 550U);
  EXPECT_EQ(listed(551, 1, 1), 0U);
  EXPECT_EQ(listed(1075, 2, 2), 1075U);
  EXPECT_EQ(listed(1076, 2, 2), 0U);
  EXPECT_EQ(listed(10000, 3, 3), 10000U);
}

TEST(AuditReports, AllPortsInIgnoredStates) {
  HostReport report = host_up();
  report.reverse_name = "host.example";
  add_ports(report, PortProtocol::Tcp, 200, 260, PortState::Filtered, reason("no-response"));
  EXPECT_EQ(host_text(Format::Grepable, report, run_of()),
            "Host: 198.18.1.2 (host.example)\tStatus: Up\n"
            "Host: 198.18.1.2 (host.example)\tPorts: \tIgnored State: filtered (61)\n");
  add_ports(report, PortProtocol::Tcp, 600, 700, PortState::Closed, reason("reset", 63));
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for host.example (198.18.1.2)\n"
            "Host is up (0.000014s latency).\n"
            "All 162 scanned ports on host.example (198.18.1.2) are in ignored states.\n"
            "Not shown: 101 closed tcp ports (reset), 61 filtered tcp ports (no-response)\n"
            "\n");
  EXPECT_EQ(host_text(Format::Grepable, report, run_of()),
            "Host: 198.18.1.2 (host.example)\tStatus: Up\n"
            "Host: 198.18.1.2 (host.example)\tPorts: \n");
}

TEST(AuditReports, SeveralProtocolsOfOneState) {
  HostReport report = host_up();
  add_ports(report, PortProtocol::Tcp, 22, 22, PortState::Open, reason("syn-ack", 63));
  add_ports(report, PortProtocol::Tcp, 600, 629, PortState::Closed, reason("reset", 63));
  add_ports(report, PortProtocol::Udp, 500, 500, PortState::OpenFiltered, reason("no-response"));
  add_ports(report, PortProtocol::Udp, 600, 629, PortState::Closed, reason("port-unreach", 63));
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up (0.000014s latency).\n"
            "Not shown: 30 closed udp ports (port-unreach), 30 closed tcp ports (reset)\n"
            "PORT    STATE         SERVICE\n"
            "22/tcp  open          ssh\n"
            "500/udp open|filtered isakmp\n"
            "\n");
  EXPECT_EQ(host_text(Format::Grepable, report, run_of()),
            "Host: 198.18.1.2 ()\tStatus: Up\n"
            "Host: 198.18.1.2 ()\tPorts: 22/open/tcp//ssh///, 500/open|filtered/udp//isakmp///"
            "\tIgnored State: closed (60)\n");
}

TEST(AuditReports, ProtocolScan) {
  HostReport report = host_up();
  add_ports(report, PortProtocol::Ip, 1, 1, PortState::Open, reason("proto-unreach", 63));
  add_ports(report, PortProtocol::Ip, 2, 2, PortState::OpenFiltered, reason("no-response"));
  add_ports(report, PortProtocol::Ip, 6, 6, PortState::Open, reason("proto-response", 63));
  add_ports(report, PortProtocol::Ip, 50, 102, PortState::Closed, reason("proto-unreach", 63));
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up (0.000014s latency).\n"
            "Not shown: 53 closed n/a protocols (proto-unreach)\n"
            "PROTOCOL STATE         SERVICE\n"
            "1        open          icmp\n"
            "2        open|filtered igmp\n"
            "6        open          tcp\n"
            "\n");
  EXPECT_EQ(host_text(Format::Grepable, report, run_of()),
            "Host: 198.18.1.2 ()\tStatus: Up\n"
            "Host: 198.18.1.2 ()\tProtocols: 1/open/icmp/, 2/open|filtered/igmp/, 6/open/tcp/"
            "\tIgnored State: closed (53)\n");
  const std::string xml = host_text(Format::Xml, report, run_of());
  EXPECT_NE(xml.find("count=\"53\" proto=\"ip\" ports=\"50-102\"/>"), std::string::npos);
  EXPECT_NE(xml.find("reason_ttl=\"0\"/>\n<service name=\"igmp\" conf=\"8\" method=\"table\"/>"),
            std::string::npos);
}

TEST(AuditReports, OnlyOpenHidesHostsWithoutOpenPorts) {
  AuditRun run = run_of(1);
  run.only_open = true;
  HostReport report = host_up();
  add_ports(report, PortProtocol::Tcp, 81, 81, PortState::Closed, reason("reset", 63));
  for (const Format format : {Format::Normal, Format::Xml, Format::Grepable, Format::Json}) {
    EXPECT_EQ(host_text(format, report, run), "");
  }
  report.ports.insert(report.ports.begin(),
                      {PortProtocol::Tcp, 22, PortState::Open, reason("syn-ack", 63)});
  EXPECT_EQ(host_text(Format::Normal, report, run),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up (0.000014s latency).\n"
            "Not shown: 1 closed tcp port (reset)\n"
            "PORT   STATE SERVICE\n"
            "22/tcp open  ssh\n"
            "\n");
  HostReport ping = host_up();
  ping.ports_scanned = false;
  EXPECT_NE(host_text(Format::Normal, ping, run), "");
  ping.status = HostStatus::Down;
  EXPECT_EQ(host_text(Format::Normal, ping, run), "");
}

TEST(AuditReports, UnfilteredPortsMayBeOpen) {
  AuditRun run = run_of();
  run.only_open = true;
  HostReport report = host_up();
  add_ports(report, PortProtocol::Tcp, 22, 22, PortState::Unfiltered, reason("reset", 63));
  add_ports(report, PortProtocol::Tcp, 81, 81, PortState::ClosedFiltered, reason("no-response"));
  const PortSummary summary = summarize_ports(report, run);
  ASSERT_EQ(summary.listed.size(), 1U);
  EXPECT_EQ(summary.listed[0]->number, 22);
}

TEST(AuditReports, HostsThatAreDown) {
  HostReport report;
  report.ip = ip("198.18.1.9");
  report.status = HostStatus::Down;
  report.reason = reason("no-response");
  for (const Format format : {Format::Normal, Format::Xml, Format::Grepable, Format::Json}) {
    EXPECT_EQ(host_text(format, report, run_of()), "");
  }
  AuditRun run = run_of(1);
  EXPECT_EQ(host_text(Format::Normal, report, run),
            "Nmap scan report for 198.18.1.9 [host down]\n");
  run.shows_reasons = true;
  EXPECT_EQ(host_text(Format::Normal, report, run),
            "Nmap scan report for 198.18.1.9 [host down, received no-response]\n");
  EXPECT_EQ(host_text(Format::Grepable, report, run), "Host: 198.18.1.9 ()\tStatus: Down\n");
  EXPECT_EQ(host_text(Format::Xml, report, run),
            "<host><status state=\"down\" reason=\"no-response\" reason_ttl=\"0\"/>\n"
            "<address addr=\"198.18.1.9\" addrtype=\"ipv4\"/>\n"
            "</host>\n");
}

HostReport pinged_neighbour() {
  HostReport report = host_up();
  report.ip = ip("198.18.0.1");
  report.reason = reason("arp-response");
  report.ports_scanned = false;
  report.times = {.srtt_us = 11, .rttvar_us = 5000, .timeout_us = 100000};
  report.mac = MacAddress::parse("00:0c:29:aa:bb:02");
  report.vendor = "VMware";
  return report;
}

TEST(AuditReports, PingedHostHasItsMacAndNoPorts) {
  HostReport report = pinged_neighbour();
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for 198.18.0.1\n"
            "Host is up (0.000011s latency).\n"
            "MAC Address: 00:0C:29:AA:BB:02 (VMware)\n");
  EXPECT_EQ(host_text(Format::Xml, report, run_of()),
            "<host><status state=\"up\" reason=\"arp-response\" reason_ttl=\"0\"/>\n"
            "<address addr=\"198.18.0.1\" addrtype=\"ipv4\"/>\n"
            "<address addr=\"00:0C:29:AA:BB:02\" addrtype=\"mac\" vendor=\"VMware\"/>\n"
            "<hostnames>\n"
            "</hostnames>\n"
            "<times srtt=\"11\" rttvar=\"5000\" to=\"100000\"/>\n"
            "</host>\n");
  report.vendor.clear();
  report.times.srtt_us = -1;
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for 198.18.0.1\n"
            "Host is up.\n"
            "MAC Address: 00:0C:29:AA:BB:02 (Unknown)\n");
  EXPECT_EQ(host_text(Format::Xml, report, run_of()).find("<times"), std::string::npos);
}

TEST(AuditReports, LatencyHasTwoDigitsThatCount) {
  const auto line = [](std::int64_t microseconds) {
    HostReport report = pinged_neighbour();
    report.mac.reset();
    report.times.srtt_us = microseconds;
    const std::string text = host_text(Format::Normal, report, run_of());
    return text.substr(text.find('(') + 1, text.find(" latency") - text.find('(') - 1);
  };
  EXPECT_EQ(line(7), "0.0000070s");
  EXPECT_EQ(line(110), "0.00011s");
  EXPECT_EQ(line(2600), "0.0026s");
  EXPECT_EQ(line(120000), "0.12s");
  EXPECT_EQ(line(1234000), "1.2s");
  EXPECT_EQ(line(12340000), "12s");
}

TEST(AuditReports, NamesAndOtherAddresses) {
  HostReport report = pinged_neighbour();
  report.mac.reset();
  report.times.srtt_us = -1;
  report.ip = ip("198.18.5.1");
  report.name = "multi.example";
  report.reverse_name = "ptr.example";
  report.others = {ip("198.18.5.2")};
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for multi.example (198.18.5.1)\n"
            "Host is up.\n"
            "Other addresses for multi.example (not scanned): 198.18.5.2\n"
            "rDNS record for 198.18.5.1: ptr.example\n");
  report.status = HostStatus::Unknown;
  report.reason = reason("user-set");
  EXPECT_EQ(host_text(Format::Xml, report, run_of()),
            "<host><status state=\"unknown\" reason=\"user-set\" reason_ttl=\"0\"/>\n"
            "<address addr=\"198.18.5.1\" addrtype=\"ipv4\"/>\n"
            "<hostnames>\n"
            "<hostname name=\"multi.example\" type=\"user\"/>\n"
            "<hostname name=\"ptr.example\" type=\"PTR\"/>\n"
            "</hostnames>\n"
            "</host>\n");
}

HopReport hop(unsigned ttl, std::string_view address, std::string name, double milliseconds) {
  return {ttl, ip(address), std::move(name),
          std::chrono::duration<double, std::milli>{milliseconds}};
}

TEST(AuditReports, TracesShowSilentHops) {
  HostReport report = host_up();
  report.ip = ip("198.18.2.2");
  add_ports(report, PortProtocol::Tcp, 22, 22, PortState::Closed, reason("reset", 62));
  report.traces = {{.protocol = "tcp", .port = 22, .hops = {}}};
  report.traces[0].hops = {hop(1, "198.18.0.1", "router.example", 0.02),
                           hop(3, "198.18.2.2", "", 0.03)};
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for 198.18.2.2\n"
            "Host is up (0.000014s latency).\n"
            "\n"
            "PORT   STATE  SERVICE\n"
            "22/tcp closed ssh\n"
            "\n"
            "TRACEROUTE (using port 22/tcp)\n"
            "HOP RTT     ADDRESS\n"
            "1   0.02 ms router.example (198.18.0.1)\n"
            "2   ...\n"
            "3   0.03 ms 198.18.2.2\n"
            "\n");
  EXPECT_NE(
      host_text(Format::Xml, report, run_of())
          .find("</ports>\n"
                "<trace port=\"22\" proto=\"tcp\">\n"
                "<hop ttl=\"1\" ipaddr=\"198.18.0.1\" rtt=\"0.02\" host=\"router.example\"/>\n"
                "<hop ttl=\"3\" ipaddr=\"198.18.2.2\" rtt=\"0.03\"/>\n"
                "</trace>\n"
                "<times"),
      std::string::npos);
  report.traces[0].hops[1] = hop(12, "198.18.2.2", "", 123.456);
  EXPECT_NE(host_text(Format::Normal, report, run_of())
                .find("HOP RTT       ADDRESS\n"
                      "1   0.02 ms   router.example (198.18.0.1)\n"
                      "2   ... 11\n"
                      "12  123.46 ms 198.18.2.2\n\n"),
            std::string::npos);
}

TEST(AuditReports, TracesOfPingsAndNeighbours) {
  HostReport report = pinged_neighbour();
  report.traces = {{.protocol = "", .port = 0, .hops = {hop(1, "198.18.0.1", "", 0.01)}}};
  EXPECT_EQ(host_text(Format::Normal, report, run_of()),
            "Nmap scan report for 198.18.0.1\n"
            "Host is up (0.000011s latency).\n"
            "MAC Address: 00:0C:29:AA:BB:02 (VMware)\n"
            "\n"
            "TRACEROUTE\n"
            "HOP RTT     ADDRESS\n"
            "1   0.01 ms 198.18.0.1\n"
            "\n");
  EXPECT_NE(host_text(Format::Xml, report, run_of()).find("<trace>\n<hop ttl=\"1\""),
            std::string::npos);
  report.traces[0].protocol = "icmp";
  EXPECT_NE(host_text(Format::Normal, report, run_of()).find("TRACEROUTE (using proto 1/icmp)\n"),
            std::string::npos);
  EXPECT_NE(host_text(Format::Xml, report, run_of()).find("<trace proto=\"icmp\">\n"),
            std::string::npos);
}

TEST(AuditReports, TimedOutHostKeepsWhatWasFound) {
  HostReport report = host_up();
  report.timed_out = true;
  EXPECT_EQ(host_text(Format::Normal, report, run_of(1)),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up (0.000014s latency).\n"
            "Skipping host 198.18.1.2 due to host timeout\n");
  EXPECT_EQ(host_text(Format::Grepable, report, run_of(1)),
            "Host: 198.18.1.2 ()\tStatus: Up\n"
            "Host: 198.18.1.2 ()\tStatus: Timeout\n");
  EXPECT_EQ(host_text(Format::Xml, report, run_of(1)),
            "<host starttime=\"1795322411\" endtime=\"1795322412\" timedout=\"true\"><status "
            "state=\"up\" reason=\"echo-reply\" reason_ttl=\"63\"/>\n"
            "<address addr=\"198.18.1.2\" addrtype=\"ipv4\"/>\n"
            "<hostnames>\n"
            "</hostnames>\n"
            "<times srtt=\"14\" rttvar=\"0\" to=\"100000\"/>\n"
            "</host>\n");
  add_ports(report, PortProtocol::Tcp, 22, 22, PortState::Open, reason("syn-ack", 63));
  EXPECT_EQ(host_text(Format::Normal, report, run_of(1)),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up (0.000014s latency).\n"
            "Skipping host 198.18.1.2 due to host timeout\n"
            "\n"
            "PORT   STATE SERVICE\n"
            "22/tcp open  ssh\n"
            "\n");
}

TEST(AuditReports, ScreenEndsWithTheRawPackets) {
  AuditTotals totals = totals_of(4, 2);
  totals.raw_packets_sent = 176;
  totals.raw_bytes_sent = 7672;
  totals.raw_packets_received = 8;
  totals.raw_bytes_received = 336;
  const std::string done = "Nmap done: 4 IP addresses (2 hosts up) scanned in 1.53 seconds\n";
  EXPECT_EQ(make_screen_format(run_of(), nullptr)->footer(totals), done);
  EXPECT_EQ(make_screen_format(run_of(1), nullptr)->footer(totals),
            done + "           Raw packets sent: 176 (7.672KB) | Rcvd: 8 (336B)\n");
  EXPECT_EQ(make_report_format(Format::Normal, run_of(1), nullptr)->footer(totals),
            "# Nmap done at " + calendar_time(totals.now) +
                " -- 4 IP addresses (2 hosts up) scanned in 1.53 seconds\n");
}

TEST(AuditReports, GrepableHeaderListsPortsWhenVerbose) {
  AuditRun run = run_of(1);
  run.scans = {{"syn", "", PortProtocol::Tcp, {22, 80, 81, 82, 65535}},
               {"udp", "", PortProtocol::Udp, {53}}};
  const std::string header = make_report_format(Format::Grepable, run, nullptr)->header();
  EXPECT_NE(header.find("\n# Ports scanned: TCP(5;22,80-82,65535) UDP(1;53) SCTP(0;) "
                        "PROTOCOLS(0;)\n"),
            std::string::npos);
}

TEST(AuditReports, HostileNamesStayInTheirPlace) {
  HostReport report = host_up();
  report.name = kHostile;
  report.reverse_name = std::string{kHostile} + "2";
  add_ports(report, PortProtocol::Tcp, 22, 22, PortState::Open, reason("syn-ack", 63));
  const std::string grepable = host_text(Format::Grepable, report, run_of());
  EXPECT_EQ(std::count(grepable.begin(), grepable.end(), '\n'), 2);
  EXPECT_EQ(std::count(grepable.begin(), grepable.end(), '\t'), 2);
  const std::string normal = host_text(Format::Normal, report, run_of());
  EXPECT_EQ(std::count(normal.begin(), normal.end(), '\n'), 7);
  for (const std::string& text : {grepable, normal}) {
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t';
    }));
  }
  const std::string json = host_text(Format::Json, report, run_of());
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(AuditReports, JsonHasPortsAndCounts) {
  HostReport report = host_up();
  report.name = "a\"b";
  report.mac = MacAddress::parse("00:0c:29:aa:bb:02");
  add_ports(report, PortProtocol::Tcp, 22, 22, PortState::Open, reason("syn-ack", 63));
  add_ports(report, PortProtocol::Tcp, 110, 110, PortState::Filtered,
            {"admin-prohibited", 64, ip("198.18.0.1")});
  add_ports(report, PortProtocol::Tcp, 600, 629, PortState::Closed, reason("reset", 63));
  EXPECT_EQ(host_text(Format::Json, report, run_of()),
            "{\"schema\":\"trawl.v1\",\"record\":\"host\",\"ip\":\"198.18.1.2\","
            "\"names\":[{\"name\":\"a\\\"b\",\"type\":\"user\"}],\"status\":\"up\","
            "\"reason\":\"echo-reply\",\"ttl\":63,\"mac\":\"00:0c:29:aa:bb:02\","
            "\"start\":\"2026-11-22T04:40:11.000000Z\",\"end\":\"2026-11-22T04:40:12.000000Z\","
            "\"ports\":[{\"port\":22,\"protocol\":\"tcp\",\"state\":\"open\","
            "\"reason\":\"syn-ack\",\"ttl\":63,\"service\":\"ssh\"},"
            "{\"port\":110,\"protocol\":\"tcp\",\"state\":\"filtered\","
            "\"reason\":\"admin-prohibited\",\"ttl\":64,\"from\":\"198.18.0.1\","
            "\"service\":\"pop3\"}],"
            "\"ignored\":[{\"state\":\"closed\",\"count\":30,\"reasons\":[{\"reason\":\"reset\","
            "\"protocol\":\"tcp\",\"count\":30,\"ports\":\"600-629\"}]}],"
            "\"times\":{\"srtt_us\":14,\"rttvar_us\":0,\"timeout_us\":100000}}\n");
  AuditTotals totals = totals_of(2, 1);
  totals.failure = "interrupted";
  EXPECT_EQ(make_report_format(Format::Json, run_of(), nullptr)->footer(totals),
            "{\"schema\":\"trawl.v1\",\"record\":\"run\",\"start\":\"2026-11-22T04:40:10.000000Z\","
            "\"end\":\"2026-11-22T04:40:12.000000Z\",\"elapsed_ms\":1530,\"hosts\":2,\"up\":1,"
            "\"down\":1,\"exit\":\"error\",\"error\":\"interrupted\"}\n");
}

TEST(AuditReports, KiddieKeepsWhatHasDigits) {
  HostReport report = host_with_filters();
  const std::string text = host_text(Format::Kiddie, report, run_of());
  const std::string plain = make_screen_format(run_of(), &kNames)->host(report);
  EXPECT_EQ(text, host_text(Format::Kiddie, report, run_of()));
  EXPECT_EQ(text.size(), plain.size());
  EXPECT_NE(text, plain);
  EXPECT_NE(text.find("198.18.1.2\n"), std::string::npos);
  EXPECT_NE(text.find("\n22/tcp "), std::string::npos);
}

TEST(AuditReports, FootersFitBehindAFile) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  AuditTotals totals = totals_of(kMost, kMost - 1);
  totals.elapsed = std::chrono::duration<double>{1e15};
  totals.raw_packets_sent = totals.raw_bytes_sent = kMost;
  totals.raw_packets_received = totals.raw_bytes_received = kMost;
  for (const char c : {'"', '\x01', '-', '\xff'}) {
    totals.failure = std::string(5000, c);
    for (const Format format :
         {Format::Normal, Format::Xml, Format::Grepable, Format::Json, Format::Kiddie}) {
      EXPECT_LE(make_report_format(format, run_of(1), nullptr)->footer(totals).size(),
                OutputFile::kLongestTrailer);
    }
  }
}

AuditOptions writes_to(const TempFile& file, Format format) {
  AuditOptions options;
  options.outputs = {{format, file.path()}};
  return options;
}

// Files take their reports while the screen's goes nowhere.
class AuditReportFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::fflush(stdout);
    kept_ = ::dup(STDOUT_FILENO);
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ASSERT_GE(::dup2(null, STDOUT_FILENO), 0);
    ::close(null);
  }
  void TearDown() override {
    std::fflush(stdout);
    ASSERT_GE(::dup2(kept_, STDOUT_FILENO), 0);
    ::close(kept_);
  }

 private:
  int kept_ = -1;
};

TEST_F(AuditReportFiles, HostWithAllPortsListedIsWritten) {
  HostReport report = host_up();
  add_ports(report, PortProtocol::Tcp, 1, 65535, PortState::Open, reason("syn-ack", 63));
  for (const Format format : {Format::Normal, Format::Xml, Format::Grepable, Format::Json}) {
    const TempFile file;
    const AuditRun run = run_of();
    auto reports =
        AuditReports::open(writes_to(file, format), run, {.names = &kNames, .appends = false});
    ASSERT_TRUE(reports);
    ASSERT_TRUE(reports->add(report));
    ASSERT_TRUE(reports->flush(totals_of(1, 1)));
    ASSERT_TRUE(reports->add(report));
    ASSERT_TRUE(reports->close(totals_of(2, 2)));
    const auto whole = make_report_format(format, run, &kNames);
    const std::string host = whole->host(report);
    EXPECT_GT(host.size(), OutputFile::kBufferSize);
    EXPECT_TRUE(file.content() == whole->header() + host + host + whole->footer(totals_of(2, 2)));
  }
}

TEST_F(AuditReportFiles, AppendKeepsWhatTheFileHeld) {
  const TempFile file;
  std::ofstream{file.path()} << "# before\n";
  auto reports = AuditReports::open(writes_to(file, Format::Grepable), run_of(),
                                    {.names = nullptr, .appends = true});
  ASSERT_TRUE(reports);
  ASSERT_TRUE(reports->flush(totals_of(0, 0)));
  ASSERT_TRUE(reports->close(totals_of(1, 1)));
  const auto format = make_report_format(Format::Grepable, run_of(), nullptr);
  EXPECT_EQ(file.content(), "# before\n" + format->header() + format->footer(totals_of(1, 1)));
  auto again = AuditReports::open(writes_to(file, Format::Grepable), run_of());
  ASSERT_TRUE(again);
  ASSERT_TRUE(again->close(totals_of(1, 1)));
  EXPECT_EQ(file.content(), format->header() + format->footer(totals_of(1, 1)));
}

TEST_F(AuditReportFiles, AppendCreatesAFileThatIsNotThere) {
  const TempFile file;
  auto reports = AuditReports::open(writes_to(file, Format::Json), run_of(),
                                    {.names = nullptr, .appends = true});
  ASSERT_TRUE(reports);
  ASSERT_TRUE(reports->close(totals_of(1, 1)));
  const auto format = make_report_format(Format::Json, run_of(), nullptr);
  EXPECT_EQ(file.content(), format->header() + format->footer(totals_of(1, 1)));
}

TEST_F(AuditReportFiles, FileThatCannotBeOpenedIsToldInNmapsWords) {
  const std::string path = testing::TempDir() + "trawl_no_such_directory/x";
  for (const auto& [format, kind] :
       std::vector<std::pair<Format, std::string>>{{Format::Normal, "normal"},
                                                   {Format::Xml, "XML"},
                                                   {Format::Grepable, "machine"},
                                                   {Format::Kiddie, "$Cr!pT |<!dd!3"}}) {
    AuditOptions options;
    options.outputs = {{format, path}};
    for (const bool appends : {false, true}) {
      const auto reports =
          AuditReports::open(options, run_of(), {.names = nullptr, .appends = appends});
      ASSERT_FALSE(reports);
      EXPECT_EQ(reports.error().message, "Failed to open " + kind + " output file " + path +
                                             " for writing: No such file or directory (2)");
      EXPECT_EQ(reports.error().code, ExitCode::Output);
    }
  }
}

TEST(AuditReports, FileNamesHaveTheirEscapesExpanded) {
  std::tm broken{};
  broken.tm_year = 126;
  broken.tm_mon = 10;
  broken.tm_mday = 22;
  broken.tm_hour = 4;
  broken.tm_min = 41;
  broken.tm_sec = 46;
  broken.tm_isdst = -1;
  const auto time = system_clock::from_time_t(std::mktime(&broken));
  EXPECT_EQ(expand_file_name("w-%H%M%S-%m%d%y-%Y-%T-%R-%D-%%-%q-%", time),
            "w-044146-112226-2026-044146-0441-112226-%-q-");
  EXPECT_EQ(expand_file_name("%%H", time), "%H");
  EXPECT_EQ(expand_file_name("", time), "");
}

// A document with everything in it that the formats know of, and hostile where it can be.
std::string hostile_document(const std::string& failure) {
  AuditRun run = run_of(1);
  run.command_line = {"--reason", "-oX", std::string{kHostile}, "--", "-->"};
  run.stylesheet = std::string{"?>"} + std::string{kHostile};
  run.scans = {{"syn", "PSHURG", PortProtocol::Tcp, {22, 80, 81}},
               {"ipproto", "", PortProtocol::Ip, {1}}};
  const auto format = make_report_format(Format::Xml, run, &kNames);
  HostReport report = host_with_filters();
  report.name = report.reverse_name = report.vendor = kHostile;
  report.mac = MacAddress::parse("00:0c:29:aa:bb:02");
  report.traces = {{.protocol = "tcp", .port = 22, .hops = {}}};
  report.traces[0].hops = {hop(1, "2001:db8::1", std::string{kHostile}, 0.02)};
  std::string text = format->header() + format->host(report);
  report.ports.clear();
  add_ports(report, PortProtocol::Ip, 1, 100, PortState::Closed, reason("proto-unreach", 63));
  report.ports[0].state = PortState::Open;
  report.timed_out = true;
  text += format->host(report);
  report.ports.clear();
  text += format->host(report);
  report.timed_out = false;
  text += format->host(report);
  HostReport down;
  down.ip = ip("2001:db8::2");
  down.status = HostStatus::Down;
  text += format->host(down) + format->host(pinged_neighbour());
  AuditTotals totals = totals_of(3, 2);
  totals.failure = failure;
  return text + format->footer(totals);
}

TEST(AuditReports, XmlIsValidAgainstNmapsDtd) {
  const std::string dtd = "/usr/share/nmap/nmap.dtd";
  struct stat status {};
  if (::stat("/usr/bin/xmllint", &status) != 0 || ::stat(dtd.c_str(), &status) != 0) {
    GTEST_SKIP() << "needs xmllint and Nmap's DTD";
  }
  for (const std::string& failure : {std::string{}, std::string{kHostile}}) {
    const TempFile file{hostile_document(failure), ".xml"};
    const std::string command =
        "/usr/bin/xmllint --nonet --noout --dtdvalid " + dtd + " " + file.path();
    EXPECT_EQ(std::system(command.c_str()), 0) << file.content();
  }
}

}  // namespace
}  // namespace trawl::control
