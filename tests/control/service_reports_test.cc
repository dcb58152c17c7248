#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "control/audit/report/base64.h"
#include "control/audit/report/report_format.h"
#include "control/audit/report/service_text.h"

// What version detection found, in all formats. Golden texts are what Nmap 7.93 printed of servers
// in a namespace, asked with a probe file made for this.
namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;
using Outcome = service::ServiceFinding::Outcome;
using testing::HasSubstr;
using testing::Not;

class TableOfNames final : public PortNames {
 public:
  std::string_view name(PortProtocol protocol, std::uint16_t number) const override {
    static const std::map<std::pair<PortProtocol, int>, std::string_view> kNames{
        {{PortProtocol::Tcp, 22}, "ssh"},        {{PortProtocol::Tcp, 80}, "http"},
        {{PortProtocol::Tcp, 2002}, "globe"},    {{PortProtocol::Tcp, 2004}, "mailbox"},
        {{PortProtocol::Udp, 53}, "domain"},     {{PortProtocol::Tcp, 111}, "rpcbind"},
        {{PortProtocol::Tcp, 8443}, "https-alt"}};
    const auto found = kNames.find({protocol, number});
    return found == kNames.end() ? std::string_view{} : found->second;
  }
};
const TableOfNames kNames;

constexpr std::string_view kFingerprint =
    "SF-Port2002-TCP:V=7.93%I=1%D=11/22%Time=6B0307EF%P=x86_64-pc-linux-gnu%r(NULL,1B,\"hello,"
    "\\x20<b>you</b>\\x1b\\[31m\\x20\\\"x\\\"\\0\");";

AuditRun run_of() {
  AuditRun run;
  run.program = "trawl";
  run.command_line = {"-sV", "198.18.1.2"};
  run.detects_versions = true;
  return run;
}

service::ServiceFinding found(Outcome outcome, std::string name = {}) {
  service::ServiceFinding finding;
  finding.outcome = outcome;
  finding.name = std::move(name);
  finding.answered = outcome == Outcome::Matched || outcome == Outcome::SoftMatched;
  return finding;
}

PortReport port_of(std::uint16_t number, const service::ServiceFinding& finding,
                   PortState state = PortState::Open, PortProtocol protocol = PortProtocol::Tcp) {
  PortReport port{.protocol = protocol, .number = number, .state = state, .reason = {}};
  port.reason.word = state == PortState::Open ? "syn-ack" : "no-response";
  port.service = std::make_shared<service::ServiceFinding>(finding);
  return port;
}

service::ServiceFinding apache() {
  service::ServiceFinding finding = found(Outcome::Matched, "http");
  finding.product = "Apache httpd";
  finding.version = "2.4.57";
  finding.info = "(Debian)";
  finding.hostname = "mail.example.org";
  finding.os = "Linux";
  finding.device = "router";
  finding.cpes = {"cpe:/o:debian:debian_linux", "cpe:/o:linux:linux_kernel",
                  "cpe:/a:apache:http_server:2.4.57", "cpe:/h:q:r"};
  finding.evidence = {.probe = "GetRequest",
                      .line_probe = "GetRequest",
                      .line = 42,
                      .response = "HTTP/1.1 200 OK\r\n\r\n"};
  return finding;
}

service::ServiceFinding unknown() {
  service::ServiceFinding finding = found(Outcome::Unknown);
  finding.answered = true;
  finding.fingerprint = kFingerprint;
  return finding;
}

HostReport host_with(std::vector<PortReport> ports) {
  HostReport report;
  report.ip = *IpAddress::parse("198.18.1.2");
  report.status = HostStatus::Up;
  report.ports_scanned = true;
  report.ports = std::move(ports);
  return report;
}

std::string text_of(Format format, const HostReport& report, const AuditRun& run = run_of()) {
  return make_report_format(format, run, &kNames)->host(report);
}

HostReport usual_host() {
  service::ServiceFinding tls = found(Outcome::Matched, "smtp");
  tls.is_tls = true;
  tls.product = "Postfix smtpd";
  tls.hostname = "MAIL.example.org";
  tls.os = "Unix";
  service::ServiceFinding wrapped = found(Outcome::Wrapped, "tcpwrapped");
  return host_with(
      {port_of(25, tls), port_of(80, apache()), port_of(2002, unknown()), port_of(2003, wrapped),
       port_of(2004, found(Outcome::Silent)),
       port_of(53, found(Outcome::Silent), PortState::OpenFiltered, PortProtocol::Udp)});
}

TEST(ServiceReports, NormalTableHasVersionsFingerprintsAndHints) {
  EXPECT_EQ(text_of(Format::Normal, usual_host()),
            "Nmap scan report for 198.18.1.2\n"
            "Host is up.\n"
            "\n"
            "PORT     STATE         SERVICE    VERSION\n"
            "25/tcp   open          ssl/smtp   Postfix smtpd\n"
            "80/tcp   open          http       Apache httpd 2.4.57 ((Debian))\n"
            "2002/tcp open          globe?\n"
            "2003/tcp open          tcpwrapped\n"
            "2004/tcp open          mailbox?\n"
            "53/udp   open|filtered domain\n"
            "1 service unrecognized despite returning data. Whoever knows the service and its "
            "version can write a match line by the following fingerprint:\n"
            "SF-Port2002-TCP:V=7.93%I=1%D=11/22%Time=6B0307EF%P=x86_64-pc-linux-gnu%r(N\n"
            "SF:ULL,1B,\"hello,\\x20<b>you</b>\\x1b\\[31m\\x20\\\"x\\\"\\0\");\n"
            "Service Info: Host: MAIL.example.org; OSs: Unix, Linux; Device: router; "
            "CPE: cpe:/h:q:r, cpe:/o:linux:linux_kernel\n"
            "\n");
}

TEST(ServiceReports, ReasonsStandBeforeVersions) {
  AuditRun run = run_of();
  run.shows_reasons = true;
  EXPECT_THAT(text_of(Format::Normal, host_with({port_of(80, apache())}), run),
              HasSubstr("PORT   STATE SERVICE REASON  VERSION\n"
                        "80/tcp open  http    syn-ack Apache httpd 2.4.57 ((Debian))\n"));
}

TEST(ServiceReports, MacAddressStandsBeforeHints) {
  HostReport report = host_with({port_of(80, apache())});
  report.mac = MacAddress{};
  EXPECT_THAT(text_of(Format::Normal, report),
              HasSubstr("(Unknown)\nService Info: Host: mail.example.org;"));
}

TEST(ServiceReports, SeveralFingerprintsAreParted) {
  const std::string text =
      text_of(Format::Normal, host_with({port_of(2002, unknown()), port_of(2004, unknown())}));
  EXPECT_THAT(text, HasSubstr("2 services unrecognized despite returning data."));
  EXPECT_THAT(text,
              HasSubstr("==============NEXT SERVICE FINGERPRINT (SUBMIT INDIVIDUALLY)=========="
                        "====\nSF-Port2002-TCP:"));
}

TEST(ServiceReports, GrepableParts) {
  EXPECT_THAT(text_of(Format::Grepable, usual_host()),
              HasSubstr("\tPorts: 25/open/tcp//ssl|smtp//Postfix smtpd/, "
                        "80/open/tcp//http//Apache httpd 2.4.57 ((Debian))/, "
                        "2002/open/tcp//globe?///, 2003/open/tcp//tcpwrapped///, "
                        "2004/open/tcp//mailbox?///, 53/open|filtered/udp//domain///\n"));
}

TEST(ServiceReports, XmlHasNmapsAttributesInNmapsOrder) {
  const std::string xml = text_of(Format::Xml, usual_host());
  EXPECT_THAT(xml, HasSubstr("<service name=\"smtp\" product=\"Postfix smtpd\" "
                             "hostname=\"MAIL.example.org\" ostype=\"Unix\" tunnel=\"ssl\" "
                             "method=\"probed\" conf=\"10\"/></port>"));
  EXPECT_THAT(xml,
              HasSubstr("<service name=\"http\" product=\"Apache httpd\" version=\"2.4.57\" "
                        "extrainfo=\"(Debian)\" hostname=\"mail.example.org\" ostype=\"Linux\" "
                        "devicetype=\"router\" method=\"probed\" conf=\"10\">"
                        "<cpe>cpe:/a:apache:http_server:2.4.57</cpe><cpe>cpe:/h:q:r</cpe>"
                        "<cpe>cpe:/o:linux:linux_kernel</cpe></service></port>"));
  EXPECT_THAT(xml, HasSubstr("<service name=\"tcpwrapped\" method=\"probed\" conf=\"8\"/>"));
  EXPECT_THAT(
      xml,
      HasSubstr(
          "<service name=\"globe\" servicefp=\"SF-Port2002-TCP:V=7.93%I=1%D=11/22%Time="
          "6B0307EF%P=x86_64-pc-linux-gnu%r(NULL,1B,&quot;hello,\\x20&lt;b&gt;you&lt;/"
          "b&gt;\\x1b\\[31m\\x20\\&quot;x\\&quot;\\0&quot;);\" method=\"table\" conf=\"3\"/>"));
  EXPECT_THAT(xml, HasSubstr("<service name=\"mailbox\" method=\"table\" conf=\"3\"/>"));
}

TEST(ServiceReports, NamelessServices) {
  service::ServiceFinding tls = found(Outcome::Unknown);
  tls.is_tls = true;
  // Neither the table nor the server knows a name: "unknown" is no guess.
  const HostReport report = host_with({port_of(60001, tls), port_of(60002, found(Outcome::Silent)),
                                       port_of(60003, unknown()), port_of(8443, tls)});
  const std::string normal = text_of(Format::Normal, report);
  EXPECT_THAT(normal, HasSubstr("60001/tcp open  ssl/unknown\n"));
  EXPECT_THAT(normal, HasSubstr("60002/tcp open  unknown\n"));
  EXPECT_THAT(normal, HasSubstr("8443/tcp  open  ssl/https-alt?\n"));
  EXPECT_THAT(text_of(Format::Grepable, report),
              HasSubstr("60001/open/tcp//ssl|unknown///, 60002/open/tcp/////, "
                        "60003/open/tcp//unknown///, 8443/open/tcp//ssl|https-alt?///"));
  const std::string xml = text_of(Format::Xml, report);
  EXPECT_THAT(xml, HasSubstr("<service name=\"unknown\" tunnel=\"ssl\" method=\"table\" "
                             "conf=\"3\"/>"));
  EXPECT_THAT(xml, HasSubstr("portid=\"60002\"><state state=\"open\" reason=\"syn-ack\" "
                             "reason_ttl=\"0\"/></port>"));
}

TEST(ServiceReports, RpcProgramsAreVersions) {
  service::ServiceFinding rpc = found(Outcome::Matched, "rpcbind");
  rpc.rpc = {.number = 100000, .low = 2, .high = 4};
  HostReport report = host_with({port_of(111, rpc)});
  EXPECT_THAT(text_of(Format::Normal, report),
              HasSubstr("111/tcp open  rpcbind 2-4 (RPC #100000)\n"));
  EXPECT_THAT(text_of(Format::Grepable, report),
              HasSubstr("111/open/tcp//rpcbind//2-4 (RPC #100000)/"));
  EXPECT_THAT(text_of(Format::Xml, report),
              HasSubstr("<service name=\"rpcbind\" version=\"2-4\" extrainfo=\"RPC #100000\" "
                        "proto=\"rpc\" rpcnum=\"100000\" lowver=\"2\" highver=\"4\" "
                        "method=\"probed\" conf=\"10\"/>"));
  EXPECT_THAT(text_of(Format::Json, report),
              HasSubstr("\"rpc\":{\"number\":100000,\"low\":2,\"high\":4}"));
  rpc.rpc->high = 2;
  report = host_with({port_of(111, rpc)});
  EXPECT_THAT(text_of(Format::Normal, report), HasSubstr("rpcbind 2 (RPC #100000)\n"));
}

TEST(ServiceReports, JsonSaysWhy) {
  const std::string json = text_of(Format::Json, usual_host());
  EXPECT_THAT(
      json,
      HasSubstr("\"service\":\"http\",\"detection\":{\"outcome\":\"matched\",\"method\":\"probed\","
                "\"confidence\":10,\"product\":\"Apache httpd\",\"version\":\"2.4.57\","
                "\"info\":\"(Debian)\",\"hostname\":\"mail.example.org\",\"os\":\"Linux\","
                "\"device\":\"router\",\"cpe\":[\"cpe:/a:apache:http_server:2.4.57\","
                "\"cpe:/h:q:r\",\"cpe:/o:linux:linux_kernel\"],\"why\":{\"probe\":\"GetRequest\","
                "\"line_probe\":\"GetRequest\",\"line\":42,"
                "\"response\":\"HTTP/1.1 200 OK\\u000d\\u000a\\u000d\\u000a\"}}}"));
  EXPECT_THAT(json, Not(HasSubstr("soft-matched")));
  EXPECT_THAT(json, HasSubstr("\"tunnel\":\"ssl\""));
  EXPECT_THAT(json, HasSubstr("{\"outcome\":\"tcpwrapped\",\"method\":\"probed\","
                              "\"confidence\":8}"));
  EXPECT_THAT(json, HasSubstr("{\"outcome\":\"silent\",\"method\":\"table\",\"confidence\":3}"));
}

TEST(ServiceReports, JsonHasWhatFailedAndBytesThatAreNoText) {
  service::ServiceFinding failed = found(Outcome::Failed);
  failed.trouble = "Network is unreachable";
  service::ServiceFinding binary = found(Outcome::Matched, "x");
  binary.evidence.response = std::string{"\0\xff\x10", 3};
  const std::string json =
      text_of(Format::Json, host_with({port_of(80, failed), port_of(81, binary)}));
  EXPECT_THAT(json, HasSubstr("\"outcome\":\"failed\",\"method\":\"table\",\"confidence\":3,"
                              "\"trouble\":\"Network is unreachable\""));
  EXPECT_THAT(json, HasSubstr("\"why\":{\"response_base64\":\"AP8Q\"}"));
}

TEST(ServiceReports, WithoutDetectionNothingChanges) {
  PortReport port{.number = 80, .state = PortState::Open, .reason = {}};
  AuditRun run = run_of();
  run.detects_versions = false;
  EXPECT_THAT(text_of(Format::Normal, host_with({port}), run),
              HasSubstr("PORT   STATE SERVICE\n80/tcp open  http\n"));
  EXPECT_THAT(text_of(Format::Json, host_with({port}), run), Not(HasSubstr("detection")));
}

// All bytes there are, in every field that a server has a say in.
HostReport hostile_host() {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  all += "\n22/tcp open fake\n\"}\n-->]]></service><host/>, 1/open/tcp//x///\t";
  service::ServiceFinding finding = found(Outcome::Matched, all);
  finding.product = finding.version = finding.info = finding.hostname = finding.os = all;
  finding.device = finding.fingerprint = finding.trouble = all;
  finding.cpes = {all};
  finding.evidence = {.probe = all, .line_probe = all, .line = 1, .response = all};
  return host_with({port_of(80, finding)});
}

TEST(ServiceReports, HostileBytesStayInTheirPlace) {
  const HostReport report = hostile_host();
  for (const Format format : {Format::Normal, Format::Xml, Format::Grepable, Format::Json}) {
    const std::string text = text_of(format, report);
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool may_be = byte == '\n' || (byte >= 0x20 && byte < 0x7f) ||
                          (format == Format::Grepable && byte == '\t') ||
                          (format == Format::Xml && byte == 0x7f) ||
                          ((format == Format::Json || format == Format::Xml) && byte >= 0x80);
      ASSERT_TRUE(may_be) << static_cast<int>(format) << " " << int{byte};
    }
    EXPECT_THAT(text, Not(HasSubstr("\n22/tcp")));
    EXPECT_THAT(text, Not(HasSubstr("\n\"}")));
  }
  const std::string grepable = text_of(Format::Grepable, report);
  EXPECT_EQ(std::ranges::count(grepable, '\n'), 2);
  EXPECT_EQ(std::ranges::count(grepable, ','), 0);
  const std::string ports = grepable.substr(grepable.find("Ports: "));
  EXPECT_EQ(std::ranges::count(ports, '/'), 7);
  EXPECT_EQ(std::ranges::count(ports, '\t'), 0);
  const std::string json = text_of(Format::Json, report);
  EXPECT_EQ(std::ranges::count(json, '\n'), 1);
  const std::string xml = text_of(Format::Xml, report);
  EXPECT_THAT(xml, Not(HasSubstr("<host/>")));
  EXPECT_THAT(xml, Not(HasSubstr("-->")));
}

TEST(ServiceReports, HintsAreFewAndNamedOnce) {
  std::vector<PortReport> ports;
  for (std::uint16_t i = 0; i < 8; ++i) {
    service::ServiceFinding finding = found(Outcome::Matched, "x");
    finding.hostname = i == 1 ? "HOST0" : "host" + std::to_string(i);
    finding.os = i == 1 ? "OS0" : "os" + std::to_string(i);
    finding.cpes = {"cpe:/a:x:y", "cpe:/o:x:z" + std::to_string(i)};
    ports.push_back(port_of(i, finding));
  }
  EXPECT_THAT(text_of(Format::Normal, host_with(std::move(ports))),
              HasSubstr("Service Info: Hosts: host0, host2, host3, host4, host5; "
                        "OSs: os0, OS0, os2, os3, os4; CPE: cpe:/o:x:z0, cpe:/o:x:z1, "
                        "cpe:/o:x:z2, cpe:/o:x:z3, cpe:/o:x:z4\n"));
}

TEST(ServiceReports, OnlyAnAuditThatEndedSaysWhatItDid) {
  AuditTotals totals;
  totals.hosts = totals.up = 1;
  const auto footer = [&totals](const AuditRun& run) {
    return make_report_format(Format::Normal, run, &kNames)->footer(totals);
  };
  EXPECT_THAT(footer(run_of()), testing::StartsWith("Service detection performed.\n# Nmap done"));
  EXPECT_THAT(make_screen_format(run_of(), &kNames)->footer(totals),
              testing::StartsWith("Service detection performed.\nNmap done: "));
  AuditRun run = run_of();
  run.detects_versions = false;
  EXPECT_THAT(footer(run), Not(HasSubstr("Service detection")));
  totals.is_running = true;
  EXPECT_THAT(footer(run_of()), Not(HasSubstr("Service detection")));
  totals.is_running = false;
  totals.failure = "interrupted";
  EXPECT_THAT(footer(run_of()), Not(HasSubstr("Service detection")));
  totals.failure.clear();
  totals.up = 0;
  EXPECT_THAT(footer(run_of()), Not(HasSubstr("Service detection")));
}

TEST(ServiceReports, FingerprintsBreakAtNmapsColumns) {
  EXPECT_EQ(fingerprint_lines(std::string(74, 'a')), std::string(74, 'a') + "\n");
  EXPECT_EQ(fingerprint_lines(std::string(74 + 71, 'a') + "b"),
            std::string(74, 'a') + "\nSF:" + std::string(71, 'a') + "\nSF:b\n");
}

// RFC 4648 section 10.
TEST(Base64, VectorsOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xfb\xff"), "+/8=");
}

}  // namespace
}  // namespace trawl::control
