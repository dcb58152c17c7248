#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "control/audit/report/report_format.h"
#include "control/scripts/audited_host.h"

namespace trawl::control {
namespace {

using Format = AuditOptions::Output::Format;

PortReport open_port(std::uint16_t number) {
  return {.protocol = PortProtocol::Tcp,
          .number = number,
          .state = PortState::Open,
          .reason = {.word = "syn-ack", .ttl = 64}};
}

HostReport two_ports() {
  HostReport report;
  report.ip = Ipv4Address{0xc6120001};
  report.name = "web.lab.test";
  report.reverse_name = "a.lab.test";
  report.status = HostStatus::Up;
  report.ports_scanned = true;
  report.times = {.srtt_us = 2000, .rttvar_us = 1000, .timeout_us = 100'000};
  report.ports = {open_port(22), open_port(80)};
  report.ports[0].state = PortState::Closed;
  return report;
}

class ScriptReports : public testing::Test {
 protected:
  ScriptReports() {
    port_script_.id = "http-title";
    host_script_.id = "uptime";
  }
  nse::ScriptResult at_port(const char* text) {
    nse::ScriptResult result{.script = port_script_, .rule = nse::Rule::Port};
    result.port = nse::ScriptPort{.number = 80, .protocol = "tcp"};
    result.output = {.text = text,
                     .structure = nse::OutputValue{
                         .is_table = true,
                         .has_text = false,
                         .items = {{.key = "title", .value = {.text = "Wel\"come", .items = {}}}}}};
    return result;
  }
  HostReport told() {
    host_.add(at_port("Welcome\nto <all>"));
    nse::ScriptResult result{.script = host_script_, .rule = nse::Rule::Host};
    result.output.text = "long";
    host_.add(result);
    return host_.take().report;
  }
  static std::string in(Format format, const HostReport& report) {
    return make_report_format(format, AuditRun{}, nullptr)->host(report);
  }

  nse::Script port_script_, host_script_;
  AuditedHost host_{{.id = 1, .report = two_ports()}, nullptr};
};

TEST_F(ScriptReports, AreBelowTheirPortAndBehindTheHost) {
  const std::string text = in(Format::Normal, told());
  EXPECT_NE(text.find("80/tcp open   unknown\n| http-title: Welcome\n|_to <all>\n\nHost script "
                      "results:\n|_uptime: long\n\n"),
            std::string::npos)
      << text;
}

TEST_F(ScriptReports, AreElementsOfXml) {
  const std::string text = in(Format::Xml, told());
  EXPECT_NE(text.find("<script id=\"http-title\" output=\"Welcome&#xa;to &lt;all&gt;\"><elem "
                      "key=\"title\">Wel&quot;come</elem>\n</script></port>"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("<hostscript><script id=\"uptime\" output=\"long\"/></hostscript>"),
            std::string::npos)
      << text;
}

TEST_F(ScriptReports, AreMembersOfJsonLines) {
  const std::string text = in(Format::Json, told());
  EXPECT_NE(text.find("\"scripts\":[{\"id\":\"http-title\",\"output\":\"Welcome\\u000ato <all>\","
                      "\"structure\":[{\"key\":\"title\",\"value\":\"Wel\\\"come\"}]}]}"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(",\"scripts\":[{\"id\":\"uptime\",\"output\":\"long\"}]"), std::string::npos)
      << text;
}

TEST_F(ScriptReports, OfNoHostHaveAPlaceOfTheirOwn) {
  const std::vector<ScriptReport> found{{.id = "sniffer", .output = {.text = "nobody"}}};
  const AuditRun run;
  EXPECT_EQ(make_report_format(Format::Normal, run, nullptr)->scripts(true, found),
            "Pre-scan script results:\n|_sniffer: nobody\n");
  EXPECT_EQ(make_report_format(Format::Xml, run, nullptr)->scripts(false, found),
            "<postscript><script id=\"sniffer\" output=\"nobody\"/></postscript>");
  EXPECT_EQ(make_report_format(Format::Grepable, run, nullptr)->scripts(false, found), "");
  EXPECT_EQ(make_report_format(Format::Json, run, nullptr)->scripts(false, found),
            "{\"schema\":\"trawl.v1\",\"record\":\"postscript\",\"scripts\":[{\"id\":\"sniffer\","
            "\"output\":\"nobody\"}]}\n");
}

TEST_F(ScriptReports, HostsAreWhatTheAuditFound) {
  const nse::HostFacts facts = host_.facts();
  EXPECT_EQ(facts.name, "a.lab.test");
  EXPECT_EQ(facts.target_name, "web.lab.test");
  EXPECT_DOUBLE_EQ(*facts.srtt, 0.002);
  EXPECT_DOUBLE_EQ(*facts.timeout, 0.1);
  ASSERT_EQ(host_.ports().size(), 1U);  // A closed one is asked by no rule.
  EXPECT_EQ(host_.ports().front().number, 80);
  EXPECT_EQ(host_.port("tcp", 22)->state, "closed");
  EXPECT_FALSE(host_.port("tcp", 23));
  EXPECT_FALSE(host_.port("udp", 80));
  EXPECT_EQ(host_.next_port("tcp", "open", 22)->number, 80);
  EXPECT_FALSE(host_.next_port("tcp", "open", 80));
}

TEST_F(ScriptReports, WhatScriptsSetIsTold) {
  host_.set_state("tcp", 22, true);
  host_.set_version("tcp", 80,
                    {.name = "http", .product = "Acme", .version = "1.2", .tunnelled = true},
                    nse::ScannedHost::Match::Hard);
  EXPECT_EQ(host_.ports().size(), 2U);
  EXPECT_EQ(host_.port("tcp", 22)->reason, "script-set");
  EXPECT_EQ(host_.port("tcp", 80)->version.product, "Acme");
  const std::string text = in(Format::Xml, host_.take().report);
  EXPECT_NE(text.find("<service name=\"http\" product=\"Acme\" version=\"1.2\" tunnel=\"ssl\" "
                      "method=\"probed\" conf=\"10\"/>"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace trawl::control
