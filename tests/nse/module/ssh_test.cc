#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "nse/host/host_module.h"
#include "nse/module/native_modules.h"
#include "tests/nse/host/fake_context.h"
#include "tests/service/nsock/local_server.h"

namespace trawl::nse {
namespace {

using service::LocalServer;
using service::Peer;

// Scripts against servers that do not speak as SSH servers should. tests/lab has a real one.
class Ssh : public testing::Test {
 protected:
  Ssh() {
    std::filesystem::create_directories(folder_ / "nselib");
    std::ofstream{folder_ / "nselib" / "stdnse.lua"} << "local _ENV = {} return _ENV";
    context_.host = &host_;
  }
  ~Ssh() override { std::filesystem::remove_all(folder_); }

  // What session_open() raises when the server does `serve` with its connection.
  std::string opened(const std::function<void(Peer)>& serve) {
    const LocalServer server;
    std::thread thread{[&] { serve(server.take()); }};
    std::string text = result("return select(2, pcall(libssh2.session_open, '127.0.0.1', " +
                              std::to_string(server.endpoint().port) + "))");
    thread.join();
    return text;
  }

  // What an action returned.
  std::string result(const std::string& action) {
    std::ofstream{folder_ / "script.nse"} << "description = 'd' categories = {'safe'}\n"
                                             "hostrule = function() return true end\n"
                                             "action = function(host)\n"
                                          << action << "\nend\n";
    std::string text;
    EngineSettings settings;
    settings.library_folders = {folder_ / "nselib"};
    settings.result = [&](const ScriptResult& one) { text = one.output.text; };
    settings.note = [&](const ScriptNote& note) {
      if (note.kind == ScriptNote::Kind::Failed) text = note.text;
    };
    auto loop = service::Loop::open({});
    auto engine = Engine::open(**loop, settings, native_modules());
    EXPECT_TRUE(engine) << engine.error().message;
    EXPECT_TRUE(install_host_module(**engine, context_));
    const ChosenScript chosen{.path = folder_ / "script.nse", .named = true};
    EXPECT_TRUE((*engine)->load({&chosen, 1}));
    ScriptHost* const hosts[] = {&host_};
    (*engine)->run_hosts(hosts);
    return text;
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("trawl_ssh_" + std::to_string(getpid()));
  FakeScannedHost host_{{.ip = Ipv4Address{0xc6120001}}};
  FakeContext context_;
};

TEST_F(Ssh, SendsNothingToABlockedAddress) {
  const LocalServer server;
  context_.blocked = {"127.0.0.1"};
  EXPECT_EQ(result("return select(2, pcall(libssh2.session_open, '127.0.0.1', " +
                   std::to_string(server.endpoint().port) + "))"),
            "ERROR");
  EXPECT_THAT(context_.asked, testing::ElementsAre("127.0.0.1"));
  pollfd watched{.fd = server.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&watched, 1, 0), 0);
}

TEST_F(Ssh, GivesUpOnWhatIsNoServer) {
  EXPECT_EQ(opened([](Peer peer) { peer.close(); }), "ERROR");
  EXPECT_EQ(opened([](Peer peer) { peer.reset(); }), "ERROR");
  EXPECT_EQ(opened([](const Peer& peer) {
              std::ignore = peer.hear(8);
              peer.say("SSH-2.0-x\r\n");
              peer.say(std::string(5000, '\xff'));
              std::ignore = peer.hear(1 << 20);
            }),
            "Unable to complete libssh2 handshake.");
  EXPECT_EQ(opened([](const Peer& peer) {
              std::ignore = peer.hear(8);
              peer.say("SSH-1.5-x\r\n" + std::string(5000, '\0'));
              std::ignore = peer.hear(1 << 20);
            }),
            "Unable to complete libssh2 handshake.");
}

TEST_F(Ssh, EndsAFlood) {
  // Lines before a banner may be any number (RFC 4253, section 4.2).
  EXPECT_EQ(opened([](const Peer& peer) {
              std::string lines;
              for (int i = 0; i < 100'000; ++i) lines += "greetings\r\n";
              for (int i = 0; i < 40; ++i) peer.say(lines);
            }),
            "the server sends too much");
}

TEST_F(Ssh, ClosesWhatAScriptThatEndsLeavesOpen) {
  // A worker waits in session_open() for ever; the run level does not wait for it.
  const LocalServer server;
  std::string heard;
  std::thread thread{[&] { heard = server.take().hear(1 << 20); }};  // Until the other end closes.
  EXPECT_EQ(
      result("require('stdnse').new_thread(libssh2.session_open, '127.0.0.1', " +
             std::to_string(server.endpoint().port) + ") nmap.socket.sleep(0.05) return 'done'"),
      "done");
  thread.join();
  EXPECT_THAT(heard, testing::StartsWith("SSH-2.0-libssh2"));
}

TEST_F(Ssh, RefusesBadArguments) {
  EXPECT_EQ(result("return select(2, pcall(libssh2.session_open))"),
            "bad argument #2 to 'libssh2.session_open' (number expected, got no value)");
  EXPECT_EQ(result("return select(2, pcall(libssh2.userauth_list, io.stdout, 'x'))"),
            "bad argument #1 to 'libssh2.userauth_list' (ssh2 expected, got FILE*)");
  EXPECT_EQ(result("return select(2, pcall(libssh2.channel_read, nil, nil))"),
            "bad argument #2 to 'libssh2.channel_read' (ssh2.channel expected, got nil)");
  EXPECT_EQ(result("return select(2, pcall(libssh2.session_open, '127.0.0.1', 1 << 40))"), "ERROR");
  EXPECT_THAT(result("return select(2, pcall(string.gsub, 'x', 'x', function() "
                     "libssh2.session_open('127.0.0.1', 9) end))"),
              testing::HasSubstr("attempt to wait across a C-call boundary"));
}

}  // namespace
}  // namespace trawl::nse
