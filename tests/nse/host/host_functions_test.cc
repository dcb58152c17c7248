#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "nse/host/host_module.h"
#include "tests/nse/host/fake_context.h"
#include "tests/service/nsock/local_server.h"

namespace trawl::nse {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Actions of a script against a host, and what they returned.
class HostFunctions : public testing::Test {
 protected:
  HostFunctions() {
    std::filesystem::create_directories(folder_ / "nselib");
    std::ofstream{folder_ / "nselib" / "stdnse.lua"} << "local _ENV = {} return _ENV";
    context_.host = &host_;
    host_.add({.number = 22,
               .state = "open",
               .reason = "syn-ack",
               .reason_ttl = 64,
               .version = {.name = "ssh", .cpe = {"cpe:/a:x:y"}, .confidence = 10}});
    host_.add({.number = 25, .state = "closed", .reason = "reset"});
    host_.add({.number = 80, .state = "open", .reason = "syn-ack"});
  }
  ~HostFunctions() override { std::filesystem::remove_all(folder_); }

  // What the actions returned, one per copy of the script, all of which run at once.
  std::vector<std::string> results(const std::string& action, int copies = 1) {
    std::vector<std::string> all;
    std::vector<ChosenScript> chosen;
    for (int i = 0; i < copies; ++i) {
      const auto path = folder_ / ("script" + std::to_string(i) + ".nse");
      std::ofstream{path} << "description = 'd' categories = {'safe'}\n"
                             "local nmap = require 'nmap'\n"
                             "hostrule = function() return true end\n"
                             "action = function(host)\n"
                          << action << "\nend\n";
      chosen.push_back({.path = path, .named = copies == 1});
    }
    EngineSettings settings;
    settings.library_folders = {folder_ / "nselib"};
    settings.result = [&](const ScriptResult& result) { all.push_back(result.output.text); };
    settings.note = [&](const ScriptNote& note) {
      if (note.kind == ScriptNote::Kind::Failed) all.push_back(note.text);
    };
    auto loop = service::Loop::open({});
    auto engine = Engine::open(**loop, settings, {});
    EXPECT_TRUE(engine);
    EXPECT_TRUE(install_host_module(**engine, context_));
    const auto loaded = (*engine)->load(chosen);
    EXPECT_TRUE(loaded) << loaded.error().message;
    ScriptHost* const hosts[] = {&host_};
    (*engine)->run_hosts(hosts);
    return all;
  }
  std::string result(const std::string& action) {
    const auto all = results(action);
    return all.size() == 1 ? all.front() : std::to_string(all.size()) + " results";
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("trawl_host_" + std::to_string(getpid()));
  FakeScannedHost host_{{.ip = Ipv4Address{0xc6120001},
                         .name = "one.example",
                         .interface = "eth0",
                         .mac = "\x02\x01\x02\x03\x04\x05",
                         .srtt = 0.25,
                         .timeout = 1.5,
                         .os = {{.name = "Linux", .classes = {{.vendor = "V", .cpe = {"c"}}}}}}};
  FakeContext context_;
};

TEST_F(HostFunctions, GiveTheHostsTable) {
  EXPECT_EQ(result("return table.concat({host.ip, host.name, #host.bin_ip, host.interface,"
                   "#host.mac_addr, host.times.srtt, host.times.timeout, host.os[1].name,"
                   "host.os[1].classes[1].cpe[1], type(host.registry)}, ' ')"),
            "198.18.0.1 one.example 4 eth0 6 0.25 1.5 Linux c table");
}

TEST_F(HostFunctions, GivePortsOneAfterAnother) {
  EXPECT_EQ(result("local seen, port = {}\n"
                   "repeat port = nmap.get_ports(host, port, 'tcp', 'open')\n"
                   "seen[#seen + 1] = port and port.number until not port\n"
                   "return table.concat(seen, ' ')"),
            "22 80");
  EXPECT_EQ(result("local p = nmap.get_port_state(host, {number = 22, protocol = 'tcp'})\n"
                   "return table.concat({p.service, p.state, p.reason, p.version.name_confidence,"
                   "p.version.service_tunnel, p.version.cpe[1]}, ' ')"),
            "ssh open syn-ack 10.0 none cpe:/a:x:y");
  EXPECT_EQ(result("return tostring(nmap.get_port_state(host, {number = 7, protocol = 'tcp'}))"),
            "nil");
}

TEST_F(HostFunctions, ChangeAPort) {
  EXPECT_EQ(result("local p = nmap.get_port_state(host, {number = 80, protocol = 'tcp'})\n"
                   "nmap.set_port_state(host, p, 'closed')\n"
                   "p.version = {name = 'http', product = 'P', service_tunnel = 'ssl'}\n"
                   "nmap.set_port_version(host, p, 'softmatched')\n"
                   "local q = nmap.get_port_state(host, p)\n"
                   "return table.concat({p.state, q.state, q.reason, q.version.product,"
                   "q.version.service_tunnel, q.version.service_dtype}, ' ')"),
            "open closed script-set P ssl probed");
  EXPECT_EQ(host_.last_match, ScannedHost::Match::Soft);
  EXPECT_THAT(result("return select(2, pcall(nmap.set_port_version, host,"
                     "{number = 80, protocol = 'tcp', version = {service_tunnel = 'x'}}))"),
              HasSubstr("invalid value for port.version.service_tunnel"));
}

TEST_F(HostFunctions, TellOfTheScan) {
  EXPECT_EQ(result("return table.concat({nmap.verbosity(), nmap.version_intensity(),"
                   "nmap.timing_level(), nmap.address_family(), nmap.get_ttl(),"
                   "nmap.add_targets('198.18.0.7', 'x'), nmap.new_targets_num(),"
                   "tostring(nmap.port_is_excluded(9100, 'tcp')), nmap.get_dns_servers()[1],"
                   "nmap.get_interface_info('lo').link, nmap.get_interface_link('lo'),"
                   "#nmap.list_interfaces(), nmap.fetchfile('nmap-services')}, ' ')"),
            "2 9 3 inet 64 1 1 true 198.18.0.53 loopback loopback 1 /data/nmap-services");
}

TEST_F(HostFunctions, DoWhatAnOlderEditionOfTheApiSays) {
  EXPECT_EQ(result("local m = nmap.mutex('m') local before = m 'running' m 'lock'\n"
                   "local s = nmap.newsocket() local a = s.pcap_register ~= nil\n"
                   "local b, c = pcall(s.pcap_register, s, '')\n"
                   "return table.concat({tostring(before), type(m 'running'), tostring(a),"
                   "tostring(nmap.get_interface_link('none')), c}, ' ')"),
            "nil thread true nil not a pcap socket");
}

TEST_F(HostFunctions, EndAScriptQuietlyByAnException) {
  context_.debug = 1;
  EXPECT_THAT(results("local t = nmap.new_try(function() nmap.log_write('stdout', 'cleaned') end)\n"
                      "t(nil, 'the reason')\nreturn 'unreachable'"),
              IsEmpty());
  EXPECT_THAT(context_.logged, ElementsAre("cleaned", HasSubstr("the reason")));
}

TEST_F(HostFunctions, SendNothingToABlockedAddress) {
  const service::LocalServer server;
  context_.blocked = {"127.0.0.1"};
  const std::string port = std::to_string(server.endpoint().port);
  EXPECT_EQ(result("local a, b = nmap.new_socket():connect('127.0.0.1', " + port +
                   ")\nlocal c, d = nmap.new_socket('udp'):sendto('127.0.0.1', " + port +
                   ", 'x')\nreturn table.concat({tostring(a), b, tostring(c), d}, ' ')"),
            "nil ERROR nil ERROR");
  EXPECT_THAT(context_.asked, ElementsAre("127.0.0.1", "127.0.0.1"));
  pollfd ready{.fd = server.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&ready, 1, 0), 0);
}

TEST_F(HostFunctions, GuardRawPackets) {
  context_.blocked = {"198.18.0.9"};
  const std::string packet =
      "local function ip(last) return '\\x45\\0\\0\\20\\0\\0\\0\\0\\x40\\1\\0\\0\\198\\18\\0\\1'"
      " .. '\\198\\18\\0' .. string.char(last) end\n"
      "local d = nmap.new_dnet() d:ethernet_open('eth0') d:ip_open()\n";
  EXPECT_EQ(result(packet + "local a = d:ip_send(ip(9)) local b = d:ip_send(ip(8), '198.18.0.9')\n"
                            "local c = d:ethernet_send(('\\2'):rep(12) .. '\\8\\0' .. ip(9))\n"
                            "return table.concat({tostring(a), tostring(b), tostring(c)}, ' ')"),
            "false false false");
  EXPECT_THAT(context_.sent, IsEmpty());
  EXPECT_EQ(result(packet + "return tostring(d:ip_send(ip(8), host)) .."
                            "tostring(d:ethernet_send(('\\2'):rep(12) .. '\\8\\0' .. ip(8)))"),
            "truetrue");
  EXPECT_EQ(context_.sent.size(), 2U);
}

TEST_F(HostFunctions, LimitHowManyScriptsHoldSockets) {
  const service::LocalServer server;
  context_.limits.per_host = 2;
  const std::string port = std::to_string(server.endpoint().port);
  const auto all = results(
      "local r = nmap.registry\nr.now = r.now or 0 r.most = r.most or 0\n"
      "local a, b = nmap.new_socket(), nmap.new_socket()\n"
      "a:connect('127.0.0.1', " +
          port +
          ") r.now = r.now + 1\n"
          "b:connect('127.0.0.1', " +
          port +
          ") if r.now > r.most then r.most = r.now end\n"
          "local waiting = nmap.socket.get_stats().connect_waiting\n"
          "nmap.socket.sleep(0.01)\nr.now = r.now - 1\n"
          "a:close() b:close()\nreturn r.most .. ' ' .. (waiting > 0 and 'some wait' or 'none "
          "waits')",
      5);
  EXPECT_EQ(all.size(), 5U);
  EXPECT_THAT(all, Contains("2 some wait"));
  EXPECT_THAT(all, Not(Contains(HasSubstr("3 "))));
}

TEST_F(HostFunctions, GiveTheSlotOfADeadScriptToAnother) {
  const service::LocalServer server;
  context_.limits.all = 1;
  const std::string port = std::to_string(server.endpoint().port);
  const auto all = results(
      "nmap.registry.kept = nmap.registry.kept or {}\n"
      "local s = nmap.new_socket() table.insert(nmap.registry.kept, s)\n"
      "return tostring(s:connect('127.0.0.1', " +
          port + "))",
      3);
  EXPECT_THAT(all, ElementsAre("true", "true", "true"));
}

TEST_F(HostFunctions, CaptureByTheHashOfAnOlderInterface) {
  EXPECT_THAT(result("local s = nmap.new_socket()\n"
                     "s:pcap_open('lo', 100, 0, function() return 'a' end, 'udp')\n"
                     "return select(2, pcall(s.pcap_receive, s))"),
              HasSubstr("pcap_register"));
}

}  // namespace
}  // namespace trawl::nse
