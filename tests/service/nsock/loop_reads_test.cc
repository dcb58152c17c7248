#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "service/nsock/loop.h"
#include "tests/service/nsock/local_server.h"

namespace trawl::service {
namespace {

TEST(LoopReads, WaitsForWholeLinesAndGivesAllThereIs) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome lines;
  loop->read_lines(pair.socket, 2, kLong, into(lines));
  pair.peer.say("one\r\ntw");
  // A second connection's bytes come later than these: by then the first line has been seen.
  const Pair other = connect_to(*loop, server);
  EXPECT_EQ(lines.calls, 0);
  pair.peer.say("o\r\nthree");
  EXPECT_EQ(wait_for(*loop, lines).status, EventStatus::Success);
  EXPECT_EQ(lines.bytes, "one\r\ntwo\r\nthree");
}

TEST(LoopReads, WaitsForSoManyBytes) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome bytes;
  loop->read_bytes(pair.socket, 10, kLong, into(bytes));
  for (const char* const part : {"abc", "def", "ghij"}) {
    EXPECT_EQ(bytes.calls, 0);
    pair.peer.say(part);
    const Pair other = connect_to(*loop, server);
  }
  EXPECT_EQ(wait_for(*loop, bytes).bytes, "abcdefghij");
}

TEST(LoopReads, GivesWhatCameBeforeTheEndOrTheTimeLimit) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  pair.peer.say("half a li");
  std::string before;
  while (before.empty()) {
    Outcome late;
    loop->read_lines(pair.socket, 1, Wait{1000}, into(late));
    EXPECT_EQ(wait_for(*loop, late).status, EventStatus::Timeout);
    before = late.bytes;
  }
  EXPECT_EQ(before, "half a li");
  Outcome end;
  pair.peer.say("ne");
  pair.peer.end();
  loop->read_lines(pair.socket, 1, kLong, into(end));
  EXPECT_EQ(wait_for(*loop, end).status, EventStatus::Eof);
  EXPECT_EQ(end.bytes, "ne");
}

TEST(LoopReads, EndsALineThatNeverEnds) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  fcntl(pair.peer.fd(), F_SETFL, O_NONBLOCK);
  const std::string much(1U << 20U, 'x');
  Outcome lines;
  loop->read_lines(pair.socket, 1, kLong, into(lines));
  while (lines.calls == 0) {
    [[maybe_unused]] const auto sent = send(pair.peer.fd(), much.data(), much.size(), MSG_NOSIGNAL);
    loop->turn(Wait{1000});
  }
  EXPECT_EQ(lines.status, EventStatus::Success);
  EXPECT_GE(lines.bytes.size(), much.size());
  EXPECT_LT(lines.bytes.size(), 2 * much.size());
}

TEST(LoopReads, ServesReadsInTheirOrder) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome first;
  Outcome second;
  loop->read_bytes(pair.socket, 3, kLong, into(first));
  loop->read(pair.socket, kLong, into(second));
  pair.peer.say("abc");
  wait_for(*loop, first);
  EXPECT_EQ(second.calls, 0);
  pair.peer.say("d");
  EXPECT_EQ(wait_for(*loop, second).bytes, "d");
}

TEST(LoopReads, LeavesTheBytesOfACancelledReadToTheNext) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome never;
  EventId read{};
  // It has ended when the callback of the write, which comes first, cancels it.
  bool was_pending = false;
  loop->write(pair.socket, "x", kLong,
              [&](const Event&) { was_pending = loop->cancel(read, false); });
  read = loop->read(pair.socket, kLong, into(never));
  pair.peer.say("banner");
  while (!was_pending) loop->turn(kLong);
  EXPECT_EQ(never.calls, 0);
  Outcome next;
  loop->read(pair.socket, kLong, into(next));
  EXPECT_EQ(wait_for(*loop, next).bytes, "banner");
}

TEST(LoopReads, TalksToUnixSockets) {
  const std::string path =
      std::filesystem::temp_directory_path() / fmt::format("trawl_loop_reads_{}", getpid());
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof name.sun_path);
  std::memcpy(name.sun_path, path.data(), path.size());
  std::filesystem::remove(path);
  Descriptor listener{socket(AF_UNIX, SOCK_STREAM, 0)};
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(listen(listener.get(), 5), 0);
  const auto loop = make_loop();
  const SocketId socket = loop->new_socket();
  Outcome connected;
  loop->connect_unix(socket, path, kLong, into(connected));
  EXPECT_EQ(wait_for(*loop, connected).status, EventStatus::Success);
  const Peer peer{accept(listener.get(), nullptr, nullptr)};
  Outcome written;
  Outcome read;
  loop->write(socket, "ping", kLong, into(written));
  loop->read(socket, kLong, into(read));
  wait_for(*loop, written);
  EXPECT_EQ(peer.hear(4), "ping");
  peer.say("pong");
  EXPECT_EQ(wait_for(*loop, read).bytes, "pong");
  std::filesystem::remove(path);
  for (const std::string& wrong : {path, std::string{}, std::string(200, 'p')}) {
    Outcome failed;
    loop->connect_unix(loop->new_socket(), wrong, kLong, into(failed));
    EXPECT_EQ(wait_for(*loop, failed).status, EventStatus::Error) << wrong;
  }
}

TEST(LoopReads, TellsWhomADatagramIsFrom) {
  const LocalServer server{SOCK_DGRAM};
  const auto loop = make_loop();
  const SocketId socket = loop->new_socket();
  ASSERT_TRUE(loop->open_udp(socket, AddressFamily::V4));
  EXPECT_FALSE(loop->open_udp(socket, AddressFamily::V4));
  Outcome sent;
  loop->send_to(socket, server.endpoint(), "hello", into(sent));
  EXPECT_EQ(wait_for(*loop, sent).status, EventStatus::Success);
  char bytes[16];
  sockaddr_in from{};
  socklen_t size = sizeof from;
  auto* const name = reinterpret_cast<sockaddr*>(&from);
  ASSERT_EQ(recvfrom(server.fd(), bytes, sizeof bytes, 0, name, &size), 5);
  ASSERT_EQ(sendto(server.fd(), "there", 5, 0, name, size), 5);
  Endpoint teller;
  bool is_over = false;
  loop->read(socket, kLong, [&](const Event& event) {
    teller = event.from;
    is_over = true;
  });
  while (!is_over) loop->turn(kLong);
  EXPECT_EQ(teller.port, server.endpoint().port);
  EXPECT_EQ(teller.ip, server.endpoint().ip);
}

// Raw sockets and captures need rights that a tester may not have.
TEST(LoopReads, SendsAndReadsRawPackets) {
  const auto loop = make_loop();
  const SocketId socket = loop->new_socket();
  if (!loop->open_raw(socket, AddressFamily::V4, 253)) GTEST_SKIP() << "no right to raw sockets";
  Outcome sent;
  Outcome read;
  loop->send_to(socket, {.ip = Ipv4Address{INADDR_LOOPBACK}}, "raw bytes", into(sent));
  loop->read(socket, kLong, into(read));
  EXPECT_EQ(wait_for(*loop, sent).status, EventStatus::Success);
  EXPECT_EQ(wait_for(*loop, read).status, EventStatus::Success);
  ASSERT_EQ(read.bytes.size(), 29U);  // With its IPv4 header.
  EXPECT_EQ(read.bytes.substr(20), "raw bytes");
}

TEST(LoopReads, ReadsWhatLibpcapCaptures) {
  const LocalServer server{SOCK_DGRAM};
  const auto loop = make_loop();
  const SocketId capture = loop->new_socket();
  const auto wrong = loop->open_pcap(capture, "lo", "no filter at all", 65'535);
  if (wrong.error().code != ExitCode::BadInput) GTEST_SKIP() << wrong.error().message;
  EXPECT_FALSE(loop->open_pcap(capture, "no such device", "", 65'535));
  ASSERT_TRUE(loop->open_pcap(capture, "lo",
                              fmt::format("udp and dst port {}", server.endpoint().port), 65'535));
  // Each datagram is seen when it leaves and when it arrives; two reads wait at once.
  const SocketId socket = loop->new_socket();
  loop->connect_udp(socket, server.endpoint(), {});
  loop->write(socket, "look at me", kLong, {});
  PacketDetails details;
  std::string packet;
  loop->read_pcap(capture, kLong, [&](const Event& event) {
    packet = event.bytes;
    details = event.packet;
  });
  while (packet.empty()) loop->turn(kLong);
  EXPECT_THAT(packet, testing::EndsWith("look at me"));
  EXPECT_EQ(details.network_offset, 14U);
  EXPECT_EQ(details.wire_length, 14U + 20U + 8U + 10U);
  EXPECT_EQ(packet[details.network_offset], 0x45);
  loop->close(capture);
  Outcome closed;
  loop->read_pcap(capture, kLong, into(closed));
  EXPECT_EQ(wait_for(*loop, closed).error, EBADF);
}

}  // namespace
}  // namespace trawl::service
