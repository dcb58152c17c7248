#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "service/nsock/loop.h"
#include "tests/service/nsock/local_server.h"
#include "tests/service/nsock/tls_server.h"

namespace trawl::service {
namespace {

// The server's end, in this thread: what came is given to it, what it says is sent.
class TlsPeer {
 public:
  explicit TlsPeer(Peer peer, test::TlsServer::Options options = {})
      : peer_{std::move(peer)}, server_{std::make_unique<test::TlsServer>(std::move(options))} {
    fcntl(peer_.fd(), F_SETFL, O_NONBLOCK);
  }
  void step() {
    char bytes[16'384];
    const ssize_t got = recv(peer_.fd(), bytes, sizeof bytes, 0);
    if (got > 0) server_->feed({bytes, static_cast<std::size_t>(got)});
    if (got == 0) has_ended_ = true;
    if (server_->shake_hands()) {
      heard_ += server_->read();
      if (!greeting_.empty()) server_->write(std::exchange(greeting_, {}));
    }
    out_ += server_->take_output();
    const ssize_t sent = send(peer_.fd(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
  }
  void drain() {
    do step();
    while (!out_.empty());
  }
  // Said in one breath with its last word of the handshake.
  void greet_with(std::string greeting) { greeting_ = std::move(greeting); }
  [[nodiscard]] test::TlsServer& server() { return *server_; }
  [[nodiscard]] Peer& peer() { return peer_; }
  [[nodiscard]] const std::string& heard() const { return heard_; }
  [[nodiscard]] bool has_ended() const { return has_ended_; }

 private:
  Peer peer_;
  std::unique_ptr<test::TlsServer> server_;
  std::string out_;
  std::string greeting_;
  std::string heard_;
  bool has_ended_ = false;
};

// Both sides, until it was called back or `until` holds.
void go_on(Loop& loop, TlsPeer& peer, const std::function<bool()>& until) {
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (!until() && std::chrono::steady_clock::now() < end) {
    loop.turn(std::chrono::milliseconds{1});
    peer.step();
  }
  EXPECT_TRUE(until());
}

void go_on(Loop& loop, TlsPeer& peer, const Outcome& outcome) {
  go_on(loop, peer, [&] { return outcome.calls > 0; });
}

struct Secured {
  SocketId socket{};
  TlsPeer peer;
};

Secured secure(Loop& loop, const LocalServer& server, test::TlsServer::Options options = {}) {
  SocketSettings settings;
  settings.tls.server_name = "www.example";
  Outcome outcome;
  const SocketId socket = loop.new_socket(settings);
  EXPECT_EQ(static_cast<std::uint64_t>(
                loop.connect_tls(socket, server.endpoint(), kLong, into(outcome))) %
                8,
            1U);
  TlsPeer peer{server.take(), std::move(options)};
  go_on(loop, peer, outcome);
  EXPECT_EQ(outcome.status, EventStatus::Success) << outcome.trouble;
  return {.socket = socket, .peer = std::move(peer)};
}

TEST(LoopTls, ConnectsWritesAndReads) {
  const LocalServer server;
  const auto loop = make_loop();
  Secured secured = secure(*loop, server);
  const SocketId socket = secured.socket;
  TlsPeer& peer = secured.peer;
  EXPECT_EQ(peer.server().server_name(), "www.example");
  const auto details = loop->tls_details(socket);
  ASSERT_TRUE(details);
  EXPECT_EQ(details->version, "TLSv1.3");
  EXPECT_EQ(details->certificate, peer.server().certificate());
  Outcome written;
  Outcome read;
  loop->write(socket, "GET /", kLong, into(written));
  go_on(*loop, peer, [&] { return peer.heard() == "GET /"; });
  EXPECT_EQ(written.status, EventStatus::Success);
  peer.server().write("200 OK");
  loop->read(socket, kLong, into(read));
  go_on(*loop, peer, read);
  EXPECT_EQ(read.bytes, "200 OK");
  loop->close(socket);
  // close_notify, and the end.
  go_on(*loop, peer, [&] { return peer.has_ended(); });
  EXPECT_NE(SSL_get_shutdown(peer.server().connection()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST(LoopTls, MovesMoreThanAnyBufferHolds) {
  const LocalServer server;
  const auto loop = make_loop();
  Secured secured = secure(*loop, server);
  const SocketId socket = secured.socket;
  TlsPeer& peer = secured.peer;
  const std::string much(5U << 20U, 'm');
  Outcome written;
  loop->write(socket, much, kLong, into(written));
  go_on(*loop, peer, [&] { return peer.heard().size() == much.size(); });
  EXPECT_EQ(peer.heard(), much);
  EXPECT_EQ(written.status, EventStatus::Success);
  Outcome read;
  for (int i = 0; i < 5; ++i) peer.server().write(std::string(1U << 20U, 'r'));
  loop->read_bytes(socket, much.size(), kLong, into(read));
  go_on(*loop, peer, read);
  EXPECT_EQ(read.bytes, std::string(5U << 20U, 'r'));
}

TEST(LoopTls, TellsTheEndWithTheLastBytes) {
  const LocalServer server;
  const auto loop = make_loop();
  Secured secured = secure(*loop, server);
  const SocketId socket = secured.socket;
  TlsPeer& peer = secured.peer;
  peer.server().write("bye");
  peer.server().close();
  peer.drain();
  Outcome read;
  loop->read(socket, kLong, into(read));
  go_on(*loop, peer, read);
  EXPECT_EQ(read.bytes, "bye");
  EXPECT_TRUE(read.eof);
  Outcome end;
  loop->read(socket, kLong, into(end));
  go_on(*loop, peer, end);
  EXPECT_EQ(end.status, EventStatus::Eof);
}

TEST(LoopTls, SecuresAConnectionWithinItsOwnReadCallback) {
  const LocalServer server;
  const auto loop = make_loop();
  Pair pair = connect_to(*loop, server);
  pair.peer.say("220 go ahead");
  Outcome secured;
  std::string greeting;
  bool has_begun = false;
  loop->read(pair.socket, kLong, [&](const Event& event) {
    loop->start_tls(event.socket, kLong, into(secured));
    greeting = event.bytes;
    has_begun = true;
  });
  while (!has_begun) loop->turn(kLong);
  TlsPeer peer{std::move(pair.peer), {.highest = TLS1_2_VERSION}};
  go_on(*loop, peer, secured);
  EXPECT_EQ(secured.status, EventStatus::Success);
  EXPECT_EQ(secured.kind, EventKind::ConnectTls);
  EXPECT_EQ(greeting, "220 go ahead");
  EXPECT_EQ(loop->tls_details(pair.socket)->version, "TLSv1.2");
}

TEST(LoopTls, ServesRenegotiationInTheMiddleOfAWrite) {
  const LocalServer server;
  const auto loop = make_loop();
  Secured secured = secure(*loop, server, {.highest = TLS1_2_VERSION});
  const SocketId socket = secured.socket;
  TlsPeer& peer = secured.peer;
  peer.server().renegotiate();
  peer.drain();
  const std::string much(1U << 20U, 'w');
  Outcome written;
  loop->write(socket, much, kLong, into(written));
  go_on(*loop, peer, [&] { return peer.heard().size() == much.size(); });
  EXPECT_EQ(written.status, EventStatus::Success);
}

TEST(LoopTls, ServesRenegotiationWhileItOnlyReads) {
  const LocalServer server;
  const auto loop = make_loop();
  Secured secured = secure(*loop, server, {.highest = TLS1_2_VERSION});
  TlsPeer& peer = secured.peer;
  Outcome read;
  loop->read(secured.socket, kLong, into(read));
  peer.server().renegotiate();
  peer.drain();
  go_on(*loop, peer, [&] { return !peer.server().renegotiates(); });
  peer.server().write("now that I know you");
  go_on(*loop, peer, read);
  EXPECT_EQ(read.bytes, "now that I know you");
}

TEST(LoopTls, WaitsForAServerThatAsksWithoutListening) {
  const LocalServer server;
  const auto loop = make_loop();
  const int ours = Descriptor{dup(0)}.get();  // The lowest that is free is the next one's.
  Secured secured = secure(*loop, server, {.lowest = TLS1_3_VERSION});
  const int few = 4096;  // Of our answers, in the kernel.
  ASSERT_EQ(setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &few, sizeof few), 0);
  ASSERT_EQ(setsockopt(secured.peer.peer().fd(), SOL_SOCKET, SO_RCVBUF, &few, sizeof few), 0);
  TlsPeer& peer = secured.peer;
  Outcome read;
  loop->read(secured.socket, kLong, into(read));
  // Each wish for new keys wants an answer, until there is no room for one more: then no more
  // wishes are taken either.
  std::string wishes;
  for (int refused = 0; refused < 10; loop->turn(Wait{0})) {
    while (wishes.size() < 65'536) {
      peer.server().renegotiate();
      wishes += peer.server().take_output();
    }
    const ssize_t sent = send(peer.peer().fd(), wishes.data(), wishes.size(), MSG_NOSIGNAL);
    refused = sent > 0 ? 0 : refused + 1;
    if (sent > 0) wishes.erase(0, static_cast<std::size_t>(sent));
  }
  EXPECT_EQ(read.calls, 0);
  Outcome timer;
  loop->timer(Wait{0}, into(timer));
  EXPECT_EQ(wait_for(*loop, timer).status, EventStatus::Success);
}

TEST(LoopTls, LetsALongWriteStarveNobody) {
  const LocalServer server;
  const auto loop = make_loop();
  Secured secured = secure(*loop, server);
  Outcome written;
  loop->write(secured.socket, std::string(8U << 20U, 'w'), kLong, into(written));
  while (written.calls == 0) {
    const std::uint64_t before = loop->statistics().bytes_written;
    loop->turn(Wait{1000});
    ASSERT_LT(loop->statistics().bytes_written - before, 1U << 20U);
    secured.peer.step();
  }
  EXPECT_EQ(written.status, EventStatus::Success);
}

TEST(LoopTls, ReadsWhatCameWithTheEndOfTheHandshake) {
  const LocalServer server;
  const auto loop = make_loop();
  Outcome outcome;
  const SocketId socket = loop->new_socket();
  loop->connect_tls(socket, server.endpoint(), kLong, into(outcome));
  // The server's word is the last one of a handshake of TLS 1.2.
  TlsPeer peer{server.take(), {.highest = TLS1_2_VERSION}};
  peer.greet_with("220 ready for you");
  go_on(*loop, peer, outcome);
  Outcome read;
  loop->read(socket, kLong, into(read));
  EXPECT_EQ(wait_for(*loop, read).bytes, "220 ready for you");
}

TEST(LoopTls, WritesToAServerThatEnded) {
  const LocalServer server;
  const auto loop = make_loop();
  Secured secured = secure(*loop, server);
  secured.peer.server().close();
  secured.peer.drain();
  secured.peer.peer().close();
  Outcome end;
  loop->read(secured.socket, kLong, into(end));
  EXPECT_EQ(wait_for(*loop, end).status, EventStatus::Eof);
  // The first may still be taken by the kernel; in the end there is an error, and no standstill.
  EventStatus status = EventStatus::Success;
  for (int i = 0; i < 100 && status == EventStatus::Success; ++i) {
    Outcome written;
    loop->write(secured.socket, "anybody?", kLong, into(written));
    status = wait_for(*loop, written).status;
  }
  EXPECT_EQ(status, EventStatus::Error);
}

TEST(LoopTls, FailsWithASentenceWhereTheServerSpeaksNoTls) {
  const LocalServer server;
  const auto loop = make_loop();
  Outcome outcome;
  const SocketId socket = loop->new_socket();
  loop->connect_tls(socket, server.endpoint(), kLong, into(outcome));
  const Peer peer = server.take();
  peer.say("HTTP/1.0 400 Bad Request\r\n\r\n");
  EXPECT_EQ(wait_for(*loop, outcome).status, EventStatus::Error);
  EXPECT_EQ(outcome.error, EIO);
  EXPECT_THAT(outcome.trouble, testing::HasSubstr("TLS"));
  EXPECT_FALSE(loop->tls_details(socket));
  // The socket is as new.
  Outcome again;
  loop->connect_tcp(socket, server.endpoint(), kLong, into(again));
  EXPECT_EQ(wait_for(*loop, again).status, EventStatus::Success);
}

TEST(LoopTls, FailsWhereTheServerEndsOrResetsTheHandshake) {
  const LocalServer server;
  const auto loop = make_loop();
  for (const bool resets : {false, true}) {
    Outcome outcome;
    loop->connect_tls(loop->new_socket(), server.endpoint(), kLong, into(outcome));
    Peer peer = server.take();
    if (resets) {
      peer.reset();
    } else {
      peer.close();
    }
    EXPECT_EQ(wait_for(*loop, outcome).status, EventStatus::Error);
  }
}

// The lines that Nmap 7.93 writes for the same calls.
TEST(LoopTls, IsTracedAsNmapTracesIt) {
  const LocalServer server;
  std::string lines;
  const auto loop = make_loop({.trace = [&](std::string_view line) {
    lines += line;
    lines += '\n';
  }});
  Secured secured = secure(*loop, server);
  secured.peer.server().write("bye");
  secured.peer.server().close();
  secured.peer.drain();
  secured.peer.peer().close();
  Outcome read;
  loop->read_bytes(secured.socket, 3, kLong, into(read));
  wait_for(*loop, read);
  loop->close(secured.socket);
  const Pair pair = connect_to(*loop, server);
  loop->start_tls(pair.socket, kLong, {});
  loop->close(pair.socket);
  EXPECT_EQ(
      lines,
      fmt::format("nsock_iod_new2(): nsock_iod_new (IOD #1)\n"
                  "nsock_connect_ssl(): SSL connection requested to {0}/tcp (IOD #1) EID 9\n"
                  "nsock_trace_handler_callback(): Callback: SSL-CONNECT SUCCESS for EID 9 [{0}]\n"
                  "nsock_readbytes(): Read request for 3 bytes from IOD #1 [{0}] EID 18\n"
                  "nsock_trace_handler_callback(): Callback: READ SUCCESS for EID 18 [{0}] "
                  "[EOF](3 bytes): bye\n"
                  "nsock_iod_delete(): nsock_iod_delete (IOD #1)\n"
                  "nsock_iod_new2(): nsock_iod_new (IOD #2)\n"
                  "nsock_connect_tcp(): TCP connection requested to {0} (IOD #2) EID 24\n"
                  "nsock_trace_handler_callback(): Callback: CONNECT SUCCESS for EID 24 [{0}]\n"
                  "nsock_reconnect_ssl(): SSL reconnection requested (IOD #2) EID 33\n"
                  "nsock_iod_delete(): nsock_iod_delete (IOD #2)\n"
                  "nevent_delete(): nevent_delete on event #33 (type SSL-CONNECT)\n",
                  fmt::format("127.0.0.1:{}", server.endpoint().port)));
}

TEST(LoopTls, TimesOutInAHandshakeAndCancelsOne) {
  const LocalServer server;
  const auto loop = make_loop();
  Outcome late;
  loop->connect_tls(loop->new_socket(), server.endpoint(), Wait{1000}, into(late));
  EXPECT_EQ(wait_for(*loop, late).status, EventStatus::Timeout);
  Outcome cancelled;
  const Pair pair = connect_to(*loop, server);
  const EventId id = loop->start_tls(pair.socket, kLong, into(cancelled));
  loop->turn(Wait{0});
  EXPECT_TRUE(loop->cancel(id));
  EXPECT_EQ(wait_for(*loop, cancelled).status, EventStatus::Cancelled);
}

}  // namespace
}  // namespace trawl::service
