#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "service/nsock/loop.h"
#include "tests/service/nsock/local_server.h"

namespace trawl::service {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;

// Turns until there is something to be heard.
void wait_for_bytes(Loop& loop, int fd) {
  pollfd arrived{.fd = fd, .events = POLLIN, .revents = 0};
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (poll(&arrived, 1, 0) == 0 && std::chrono::steady_clock::now() < end) {
    loop.turn(Wait{1000});
  }
}

// A name server in this thread: each question is answered with the same.
class FakeNameServer {
 public:
  [[nodiscard]] NameSettings settings() const {
    const Endpoint endpoint = server_.endpoint();
    return {.servers = std::vector{NameServer{.ip = endpoint.ip, .port = endpoint.port}}};
  }
  // Waits for a question. Its records are of RFC 1035 section 4.1.3, with the name left out.
  void answer(Loop& loop, char code, const std::string& record) const {
    wait_for_bytes(loop, server_.fd());
    char bytes[512];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* const name = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = recvfrom(server_.fd(), bytes, sizeof bytes, 0, name, &size);
    ASSERT_GT(got, 12);
    std::string message(bytes, static_cast<std::size_t>(got));
    message.resize(message.find('\0', 12) + 5);  // Without what is added to the question.
    message[2] = '\x81';
    message[3] = static_cast<char>('\x80' | code);
    message.replace(6, 6, record.empty() ? "\0\0\0\0\0\0"s : "\0\1\0\0\0\0"s);
    if (!record.empty()) message += "\xc0\x0c"s + record;
    sendto(server_.fd(), message.data(), message.size(), 0, name, size);
  }
  [[nodiscard]] int fd() const { return server_.fd(); }

 private:
  LocalServer server_{SOCK_DGRAM};
};

TEST(LoopNames, AreAskedForInTheLoop) {
  const FakeNameServer server;
  const auto loop = make_loop({.names = server.settings()});
  Outcome v4;
  loop->resolve("name.example", AddressFamily::V4, kLong, into(v4));
  server.answer(*loop, 0, "\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\5"s);
  EXPECT_EQ(wait_for(*loop, v4).status, EventStatus::Success) << v4.trouble;
  EXPECT_THAT(v4.addresses, ElementsAre(*IpAddress::parse("198.18.0.5")));
  Outcome v6;
  loop->resolve("name.example", AddressFamily::V6, kLong, into(v6));
  server.answer(*loop, 0, "\0\x1c\0\1\0\0\0\x3c\0\x10 \1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1"s);
  EXPECT_EQ(wait_for(*loop, v6).status, EventStatus::Success) << v6.trouble;
  EXPECT_THAT(v6.addresses, ElementsAre(*IpAddress::parse("2001:db8::1")));
}

TEST(LoopNames, FailWithASentence) {
  const FakeNameServer server;
  const auto loop = make_loop({.names = server.settings()});
  Outcome none;
  loop->resolve("none.example.", AddressFamily::V4, kLong, into(none));
  server.answer(*loop, 3, "");
  EXPECT_EQ(wait_for(*loop, none).status, EventStatus::Error);
  EXPECT_FALSE(none.trouble.empty());
}

TEST(LoopNames, AreGivenUpAndLeaveTheAnswerAlone) {
  const FakeNameServer server;
  const auto loop = make_loop({.names = server.settings()});
  Outcome late;
  loop->resolve("late.example.", AddressFamily::V4, Wait{0}, into(late));
  EXPECT_EQ(wait_for(*loop, late).status, EventStatus::Timeout);
  Outcome cancelled;
  const EventId id = loop->resolve("late.example.", AddressFamily::V4, kLong, into(cancelled));
  EXPECT_EQ(static_cast<std::uint64_t>(id) % 8, 6U);
  EXPECT_TRUE(loop->cancel(id, false));
  server.answer(*loop, 0, "\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\5"s);
  server.answer(*loop, 0, "\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\5"s);
  Outcome next;
  loop->resolve("next.example.", AddressFamily::V4, kLong, into(next));
  server.answer(*loop, 0, "\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\6"s);
  wait_for(*loop, next);
  EXPECT_THAT(next.addresses, ElementsAre(*IpAddress::parse("198.18.0.6")));
  EXPECT_EQ(late.calls, 1);
  EXPECT_EQ(cancelled.calls, 0);
}

TEST(LoopNames, MayBeNumbersInOldForms) {
  const auto loop = make_loop({.names = {.servers = std::vector<NameServer>{}}});
  for (const auto& [text, address] : std::vector<std::pair<std::string, std::string>>{
           {"127.1", "127.0.0.1"}, {"0x7f.2", "127.0.0.2"}, {"198.18.0.1", "198.18.0.1"}}) {
    Outcome outcome;
    loop->resolve(text, AddressFamily::V4, kLong, into(outcome));
    EXPECT_EQ(outcome.calls, 0);
    wait_for(*loop, outcome);
    EXPECT_THAT(outcome.addresses, ElementsAre(*IpAddress::parse(address)));
  }
}

class LoopProxies : public testing::Test {
 protected:
  [[nodiscard]] ProxyHop hop(ProxyHop::Kind kind) const {
    return {.kind = kind,
            .host = "127.0.0.1",
            .port = server.endpoint().port,
            .ip = server.endpoint().ip};
  }
  const LocalServer server;
  const Endpoint goal{.ip = Ipv4Address{0xc6120005}, .port = 443};  // Nobody is asked directly.
};

TEST_F(LoopProxies, LeadToTheGoalOneAfterTheOther) {
  const auto loop =
      make_loop({.proxies = {hop(ProxyHop::Kind::Http), hop(ProxyHop::Kind::Socks4)}});
  const SocketId socket = loop->new_socket();
  Outcome connected;
  Outcome read;
  loop->connect_tcp(socket, goal, kLong, into(connected));
  loop->read(socket, kLong, into(read));
  loop->turn(Wait{0});
  const Peer peer = server.take();
  wait_for_bytes(*loop, peer.fd());
  std::string request;
  while (!request.ends_with("\r\n\r\n")) request += peer.hear(1);
  EXPECT_THAT(request, testing::StartsWith(fmt::format("CONNECT 127.0.0.1:{} HTTP/1.1\r\n",
                                                       server.endpoint().port)));
  peer.say("HTTP/1.1 200 Go on\r\n\r\n");
  wait_for_bytes(*loop, peer.fd());
  EXPECT_EQ(peer.hear(9), "\4\1\1\xbb\xc6\x12\0\5\0"s);
  EXPECT_EQ(connected.calls, 0);
  // What follows the last answer is the goal's.
  peer.say("\0\x5a\0\0\0\0\0\0SSH-2.0-far"s);
  EXPECT_EQ(wait_for(*loop, read).bytes, "SSH-2.0-far");
  EXPECT_EQ(connected.status, EventStatus::Success);
  Outcome written;
  loop->write(socket, "hi", kLong, into(written));
  wait_for(*loop, written);
  EXPECT_EQ(peer.hear(2), "hi");
}

TEST_F(LoopProxies, SayWhyTheyDoNot) {
  const auto loop = make_loop({.proxies = {hop(ProxyHop::Kind::Socks4)}});
  Outcome refused;
  Outcome ended;
  loop->connect_tcp(loop->new_socket(), goal, kLong, into(refused));
  loop->turn(Wait{0});
  Peer peer = server.take();
  wait_for_bytes(*loop, peer.fd());
  peer.say("\0\x5b\0\0\0\0\0\0"s);
  EXPECT_EQ(wait_for(*loop, refused).status, EventStatus::Proxy);
  EXPECT_FALSE(refused.trouble.empty());
  loop->connect_tcp(loop->new_socket(), goal, kLong, into(ended));
  loop->turn(Wait{0});
  Peer other = server.take();
  other.end();
  EXPECT_EQ(wait_for(*loop, ended).status, EventStatus::Proxy);
  EXPECT_THAT(ended.trouble, testing::HasSubstr("proxy 1"));
}

TEST_F(LoopProxies, AreNamedWhereTheyAreSilent) {
  const auto loop = make_loop({.proxies = {hop(ProxyHop::Kind::Socks4)}});
  // Whether it was reached in time or not, nobody is silent but the proxy.
  std::string trouble;
  while (trouble.empty()) {
    Outcome late;
    loop->connect_tcp(loop->new_socket(), goal, std::chrono::milliseconds{20}, into(late));
    EXPECT_EQ(wait_for(*loop, late).status, EventStatus::Timeout);
    trouble = late.trouble;
  }
  EXPECT_THAT(trouble, testing::HasSubstr("proxy 1"));
}

TEST_F(LoopProxies, AreLeftOutWhereASocketAsksForIt) {
  const auto loop = make_loop({.proxies = {hop(ProxyHop::Kind::Socks4)}});
  const LocalServer direct;
  Outcome connected;
  loop->connect_tcp(loop->new_socket({.uses_proxies = false}), direct.endpoint(), kLong,
                    into(connected));
  EXPECT_EQ(wait_for(*loop, connected).status, EventStatus::Success);
}

// The lines that Nmap 7.93 writes for the same calls, with the ports of this test.
TEST(LoopTrace, ReadsAsNmapsDoes) {
  const LocalServer server;
  std::vector<std::string> lines;
  const auto loop = make_loop({.trace = [&](std::string_view line) { lines.emplace_back(line); }});
  const std::string peer_name = fmt::format("127.0.0.1:{}", server.endpoint().port);
  const auto all = [&] {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    lines.clear();
    return text;
  };
  {
    const Pair pair = connect_to(*loop, server);
    Outcome read;
    Outcome written;
    loop->write(pair.socket, "\r\n\r\n", kLong, into(written));
    loop->read(pair.socket, std::chrono::seconds{6}, into(read));
    wait_for(*loop, written);
    pair.peer.say("SSH-2.0-Foo_1.0 \0\x1b<b>\r\n"s);
    wait_for(*loop, read);
    EXPECT_EQ(
        all(),
        fmt::format("nsock_iod_new2(): nsock_iod_new (IOD #1)\n"
                    "nsock_connect_tcp(): TCP connection requested to {0} (IOD #1) EID 8\n"
                    "nsock_trace_handler_callback(): Callback: CONNECT SUCCESS for EID 8 [{0}]\n"
                    "nsock_write(): Write request for 4 bytes to IOD #1 EID 19 [{0}]\n"
                    "nsock_read(): Read request from IOD #1 [{0}] (timeout: 6000ms) EID 26\n"
                    "nsock_trace_handler_callback(): Callback: WRITE SUCCESS for EID 19 [{0}]\n"
                    "nsock_trace_handler_callback(): Callback: READ SUCCESS for EID 26 [{0}] "
                    "(23 bytes): SSH-2.0-Foo_1.0 ..<b>..\n",
                    peer_name));
    for (const std::size_t size : {79, 80}) {
      Outcome more;
      pair.peer.say(std::string(size, 'y'));
      loop->read_bytes(pair.socket, size, kLong, into(more));
      wait_for(*loop, more);
    }
    EXPECT_EQ(all(),
              fmt::format("nsock_readbytes(): Read request for 79 bytes from IOD #1 [{0}] EID 34\n"
                          "nsock_trace_handler_callback(): Callback: READ SUCCESS for EID 34 [{0}] "
                          "(79 bytes): {1}\n"
                          "nsock_readbytes(): Read request for 80 bytes from IOD #1 [{0}] EID 42\n"
                          "nsock_trace_handler_callback(): Callback: READ SUCCESS for EID 42 [{0}] "
                          "(80 bytes)\n",
                          peer_name, std::string(79, 'y')));
    Outcome timeout;
    loop->read_lines(pair.socket, 1, Wait{0}, into(timeout));
    wait_for(*loop, timeout);
    pair.peer.end();
    Outcome end;
    loop->read(pair.socket, kLong, into(end));
    wait_for(*loop, end);
    loop->close(pair.socket);
    EXPECT_EQ(all(), fmt::format(
                         "nsock_readlines(): Read request for 1 lines from IOD #1 [{0}] EID 50\n"
                         "nsock_trace_handler_callback(): Callback: READ TIMEOUT for EID 50 [{0}]\n"
                         "nsock_read(): Read request from IOD #1 [{0}] (timeout: 120000ms) EID 58\n"
                         "nsock_trace_handler_callback(): Callback: READ EOF for EID 58 [{0}]\n"
                         "nsock_iod_delete(): nsock_iod_delete (IOD #1)\n",
                         peer_name));
  }
  Outcome timer;
  loop->cancel(loop->timer(std::chrono::milliseconds{50}, {}), false);
  loop->timer(Wait{0}, into(timer));
  wait_for(*loop, timer);
  Outcome refused;
  const SocketId socket = loop->new_socket({.from = *IpAddress::parse("127.0.0.9")});
  const Endpoint nobody = server.nobody();
  loop->connect_tcp(socket, nobody, kLong, into(refused));
  wait_for(*loop, refused);
  EXPECT_EQ(
      all(),
      fmt::format("nsock_timer_create(): Timer created - 50ms from now.  EID 68\n"
                  "nsock_event_cancel(): Event #68 (type TIMER) cancelled\n"
                  "nsock_timer_create(): Timer created - 0ms from now.  EID 76\n"
                  "nsock_trace_handler_callback(): Callback: TIMER SUCCESS for EID 76\n"
                  "nsock_iod_new2(): nsock_iod_new (IOD #2)\n"
                  "nsock_connect_tcp(): TCP connection requested to 127.0.0.3:{0} (IOD #2) "
                  "EID 80\n"
                  "mksock_bind_addr(): Binding to 127.0.0.9:0 (IOD #2)\n"
                  "nsock_trace_handler_callback(): Callback: CONNECT ERROR [Connection refused "
                  "(111)] for EID 80 [127.0.0.3:{0}]\n",
                  nobody.port));
  const LocalServer datagrams{SOCK_DGRAM};
  const SocketId udp = loop->new_socket();
  ASSERT_TRUE(loop->open_udp(udp, AddressFamily::V4));
  Outcome sent;
  loop->send_to(udp, datagrams.endpoint(), "hello", into(sent));
  wait_for(*loop, sent);
  EXPECT_EQ(
      all(),
      fmt::format("nsock_iod_new2(): nsock_iod_new (IOD #3)\n"
                  "nsock_setup_udp(): UDP unconnected socket (IOD #3)\n"
                  "nsock_sendto(): Sendto request for 5 bytes to IOD #3 EID 91 [127.0.0.1:{0}]\n"
                  "nsock_trace_handler_callback(): Callback: WRITE SUCCESS for EID 91 "
                  "[127.0.0.1:{0}]\n",
                  datagrams.endpoint().port));
}

}  // namespace
}  // namespace trawl::service
