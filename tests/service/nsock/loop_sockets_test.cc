#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/nsock/loop.h"
#include "tests/service/nsock/local_server.h"

namespace trawl::service {
namespace {

using namespace std::chrono_literals;

TEST(LoopSockets, ConnectsReadsAndWrites) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome written;
  Outcome read;
  loop->write(pair.socket, "hello", kLong, into(written));
  EXPECT_EQ(wait_for(*loop, written).status, EventStatus::Success);
  EXPECT_EQ(pair.peer.hear(5), "hello");
  pair.peer.say("welcome");
  loop->read(pair.socket, kLong, into(read));
  EXPECT_EQ(wait_for(*loop, read).status, EventStatus::Success);
  EXPECT_EQ(read.bytes, "welcome");
  EXPECT_FALSE(read.eof);
  const auto statistics = loop->statistics();
  EXPECT_EQ(statistics.connects, 1U);
  EXPECT_EQ(statistics.connected, 1U);
  EXPECT_EQ(statistics.bytes_written, 5U);
  EXPECT_EQ(statistics.bytes_read, 7U);
  EXPECT_EQ(statistics.events, 3U);
  EXPECT_EQ(statistics.pending, 0U);
  EXPECT_EQ(statistics.sockets, 1U);
  EXPECT_EQ(loop->local_endpoint(pair.socket).ip, IpAddress{Ipv4Address{INADDR_LOOPBACK}});
  EXPECT_NE(loop->local_endpoint(pair.socket).port, 0);
}

TEST(LoopSockets, NumbersEventsAsNmapDoes) {
  const LocalServer server;
  const auto loop = make_loop();
  const SocketId socket = loop->new_socket();
  EXPECT_EQ(socket, SocketId{1});
  EXPECT_EQ(loop->connect_tcp(socket, server.endpoint(), kLong, {}), EventId{8});
  EXPECT_EQ(loop->read(socket, kLong, {}), EventId{18});
  EXPECT_EQ(loop->write(socket, "x", kLong, {}), EventId{27});
  EXPECT_EQ(loop->timer(1h, {}), EventId{36});
}

TEST(LoopSockets, TellsOfARefusalLaterAndNotAtOnce) {
  const LocalServer server;
  const Endpoint nobody = server.nobody();
  const auto loop = make_loop();
  Outcome outcome;
  const SocketId socket = loop->new_socket();
  loop->connect_tcp(socket, nobody, kLong, into(outcome));
  EXPECT_EQ(outcome.calls, 0);
  EXPECT_EQ(wait_for(*loop, outcome).status, EventStatus::Error);
  EXPECT_EQ(outcome.error, ECONNREFUSED);
  // The socket can be used again.
  const LocalServer other;
  Outcome again;
  loop->connect_tcp(socket, other.endpoint(), kLong, into(again));
  EXPECT_EQ(wait_for(*loop, again).status, EventStatus::Success);
}

TEST(LoopSockets, FailsAtOnceOnlyByCallback) {
  const auto loop = make_loop();
  Outcome family;
  Outcome unknown;
  Outcome closed;
  Outcome written;
  SocketSettings settings;
  settings.from = Ipv6Address{1};
  loop->connect_tcp(loop->new_socket(settings), {.ip = Ipv4Address{INADDR_LOOPBACK}, .port = 9},
                    kLong, into(family));
  loop->connect_tcp(SocketId{99}, {}, kLong, into(unknown));
  loop->read(loop->new_socket(), kLong, into(closed));
  loop->write(SocketId{99}, "x", kLong, into(written));
  EXPECT_EQ(family.calls + unknown.calls + closed.calls + written.calls, 0);
  loop->run();
  EXPECT_EQ(family.error, EAFNOSUPPORT);
  EXPECT_EQ(unknown.error, EBADF);
  EXPECT_EQ(closed.error, ENOTCONN);
  EXPECT_EQ(written.error, EBADF);
}

TEST(LoopSockets, ReadsTheEndAgainAndAgain) {
  const LocalServer server;
  const auto loop = make_loop();
  Pair pair = connect_to(*loop, server);
  pair.peer.say("bye");
  pair.peer.close();
  Outcome outcomes[3];
  for (Outcome& outcome : outcomes) {
    loop->read(pair.socket, kLong, into(outcome));
    wait_for(*loop, outcome);
  }
  EXPECT_EQ(outcomes[0].status, EventStatus::Success);
  EXPECT_EQ(outcomes[0].bytes, "bye");
  EXPECT_EQ(outcomes[1].status, EventStatus::Eof);
  EXPECT_EQ(outcomes[2].status, EventStatus::Eof);
  EXPECT_TRUE(outcomes[2].eof);
}

TEST(LoopSockets, WritesToAPeerThatOnlyListens) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  pair.peer.end();
  Outcome read;
  loop->read(pair.socket, kLong, into(read));
  EXPECT_EQ(wait_for(*loop, read).status, EventStatus::Eof);
  Outcome written;
  loop->write(pair.socket, "still there", kLong, into(written));
  EXPECT_EQ(wait_for(*loop, written).status, EventStatus::Success);
  EXPECT_EQ(pair.peer.hear(11), "still there");
}

TEST(LoopSockets, TellsOfAResetInTheMiddleOfAWriteAndOfARead) {
  const LocalServer server;
  const auto loop = make_loop();
  Pair pair = connect_to(*loop, server);
  Outcome written;
  loop->write(pair.socket, std::string(64U << 20U, 'x'), kLong, into(written));
  loop->turn(0s);
  pair.peer.reset();
  EXPECT_EQ(wait_for(*loop, written).status, EventStatus::Error);
  EXPECT_THAT(written.error, testing::AnyOf(ECONNRESET, EPIPE));

  Pair other = connect_to(*loop, server);
  Outcome read;
  loop->read(other.socket, kLong, into(read));
  loop->turn(0s);
  other.peer.reset();
  EXPECT_EQ(wait_for(*loop, read).status, EventStatus::Error);
  EXPECT_EQ(read.error, ECONNRESET);
  // A write now must not raise SIGPIPE, which would end this test.
  Outcome late;
  loop->write(other.socket, "x", kLong, into(late));
  EXPECT_EQ(wait_for(*loop, late).status, EventStatus::Error);
}

TEST(LoopSockets, DoesNotSpinOnAPeerThatHungUp) {
  const LocalServer server;
  const auto loop = make_loop();
  Pair pair = connect_to(*loop, server);
  pair.peer.reset();
  // Nobody reads. With one pending timer, a loop that spins would turn very often until it ends.
  Outcome timer;
  loop->timer(50ms, into(timer));
  int turns = 0;
  while (timer.calls == 0) {
    loop->turn(kForever);
    ++turns;
  }
  EXPECT_LT(turns, 20);
}

TEST(LoopSockets, LetsAnEndlessSenderStarveNobody) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair endless = connect_to(*loop, server);
  const Pair modest = connect_to(*loop, server);
  fcntl(endless.peer.fd(), F_SETFL, O_NONBLOCK);
  const std::string much(1U << 20U, 'x');
  std::size_t most = 0;
  bool stops = false;
  std::function<void(const Event&)> more = [&](const Event& event) {
    most = std::max(most, event.bytes.size());
    [[maybe_unused]] const auto sent =
        send(endless.peer.fd(), much.data(), much.size(), MSG_NOSIGNAL);
    if (!stops) loop->read(endless.socket, kLong, more);
  };
  [[maybe_unused]] const auto sent =
      send(endless.peer.fd(), much.data(), much.size(), MSG_NOSIGNAL);
  loop->read(endless.socket, kLong, more);
  modest.peer.say("me too");
  Outcome read;
  loop->read(modest.socket, kLong, into(read));
  EXPECT_EQ(wait_for(*loop, read).bytes, "me too");
  stops = true;
  EXPECT_LE(most, 65'536U);
}

TEST(LoopSockets, CancelsWhatAClosedSocketWaitsFor) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome told;
  loop->read(pair.socket, kLong, into(told));
  loop->close(pair.socket, true);
  EXPECT_EQ(told.calls, 0);
  EXPECT_EQ(wait_for(*loop, told).status, EventStatus::Cancelled);

  const Pair other = connect_to(*loop, server);
  Outcome untold;
  loop->read(other.socket, kLong, into(untold));
  loop->write(other.socket, "x", kLong, into(untold));
  loop->close(other.socket);
  EXPECT_FALSE(loop->turn(0s));
  EXPECT_EQ(untold.calls, 0);
  EXPECT_EQ(other.peer.hear(1), "");  // It is closed.
  EXPECT_EQ(loop->statistics().sockets, 0U);
}

TEST(LoopSockets, ForgetsEventsThatEndedWhenTheirSocketIsClosed) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  // Both end in one turn; the first one's callback closes, and the second is not told any more.
  int calls = 0;
  const auto close = [&](const Event&) {
    ++calls;
    loop->close(pair.socket);
  };
  loop->write(pair.socket, "a", kLong, close);
  loop->write(pair.socket, "b", kLong, close);
  loop->run();
  EXPECT_EQ(calls, 1);
}

TEST(LoopSockets, ClosesWithinItsOwnCallback) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  pair.peer.say("banner");
  std::string heard;
  loop->read(pair.socket, kLong, [&](const Event& event) {
    loop->close(event.socket);
    heard = event.bytes;  // Lives until the callback returns.
  });
  loop->run();
  EXPECT_EQ(heard, "banner");
}

TEST(LoopSockets, CanBeThrownAwayByACallback) {
  const LocalServer server;
  auto loop = make_loop();
  Pair pair = connect_to(*loop, server);
  const auto held = std::make_shared<int>(1);
  int others = 0;
  for (int i = 0; i < 3; ++i) {
    loop->timer(0s, [&, held](const Event&) {
      ++others;
      loop.reset();
    });
  }
  loop->read(pair.socket, kLong, [held](const Event&) {});
  loop->run();
  EXPECT_EQ(loop, nullptr);
  EXPECT_EQ(others, 1);
  EXPECT_EQ(held.use_count(), 1);    // All callbacks are gone.
  EXPECT_EQ(pair.peer.hear(1), "");  // And all sockets.
}

TEST(LoopSockets, GoesOnAfterACallbackThrew) {
  const auto loop = make_loop();
  Outcome second;
  loop->timer(0s, [](const Event&) { throw std::string{"mine"}; });
  loop->timer(0s, into(second));
  EXPECT_THROW(loop->run(), std::string);
  EXPECT_EQ(wait_for(*loop, second).status, EventStatus::Success);
}

TEST(LoopSockets, TimesOutAReadAndReadsOn) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome read;
  loop->read(pair.socket, 1ms, into(read));
  EXPECT_EQ(wait_for(*loop, read).status, EventStatus::Timeout);
  pair.peer.say("late");
  Outcome again;
  loop->read(pair.socket, kLong, into(again));
  EXPECT_EQ(wait_for(*loop, again).bytes, "late");
}

TEST(LoopSockets, FiresTimersInOrderThoughTheFirstIsCancelled) {
  const auto loop = make_loop();
  std::vector<int> order;
  const EventId first = loop->timer(0s, [&](const Event&) { order.push_back(0); });
  loop->timer(2ms, [&](const Event&) { order.push_back(2); });
  loop->timer(1ms, [&](const Event&) { order.push_back(1); });
  EXPECT_TRUE(loop->cancel(first, false));
  EXPECT_FALSE(loop->cancel(first, false));
  loop->run();
  EXPECT_THAT(order, testing::ElementsAre(1, 2));
}

TEST(LoopSockets, LooksAtTimersBetweenCallbacks) {
  const LocalServer server;
  const auto loop = make_loop();
  constexpr int kSockets = 40;
  std::vector<Pair> pairs;
  for (int i = 0; i < kSockets; ++i) pairs.push_back(connect_to(*loop, server));
  int read = 0;
  int read_before_timer = 0;
  int chained = 0;
  // One that sets itself again does not keep the others waiting either.
  const std::function<void(const Event&)> again = [&](const Event&) {
    ++chained;
    if (read < kSockets) loop->timer(Wait{0}, again);
  };
  for (const Pair& pair : pairs) {
    pair.peer.say("x");
    loop->read(pair.socket, kLong, [&](const Event&) {
      if (++read > 1) return;
      loop->timer(Wait{0}, [&](const Event&) { read_before_timer = read; });
      loop->timer(Wait{0}, again);
    });
  }
  loop->run();
  EXPECT_EQ(read_before_timer, 1);
  EXPECT_EQ(read, kSockets);
  EXPECT_GE(chained, 2);
}

TEST(LoopSockets, TellsOfACancelledEventOnce) {
  const LocalServer server;
  const auto loop = make_loop();
  const Pair pair = connect_to(*loop, server);
  Outcome outcome;
  const EventId id = loop->read(pair.socket, kLong, into(outcome));
  EXPECT_TRUE(loop->cancel(id));
  EXPECT_FALSE(loop->cancel(id));
  EXPECT_EQ(outcome.calls, 0);
  loop->run();
  EXPECT_EQ(outcome.calls, 1);
  EXPECT_EQ(outcome.status, EventStatus::Cancelled);
}

TEST(LoopSockets, SendsAndReceivesDatagrams) {
  const LocalServer server{SOCK_DGRAM};
  const auto loop = make_loop();
  const SocketId socket = loop->new_socket();
  Outcome connected;
  loop->connect_udp(socket, server.endpoint(), into(connected));
  EXPECT_EQ(wait_for(*loop, connected).status, EventStatus::Success);
  Outcome sent[2];
  loop->write(socket, "", kLong, into(sent[0]));
  loop->write(socket, "question", kLong, into(sent[1]));
  wait_for(*loop, sent[1]);
  char bytes[64];
  sockaddr_in from{};
  socklen_t size = sizeof from;
  auto* const name = reinterpret_cast<sockaddr*>(&from);
  EXPECT_EQ(recvfrom(server.fd(), bytes, sizeof bytes, 0, name, &size), 0);
  EXPECT_EQ(recvfrom(server.fd(), bytes, sizeof bytes, 0, name, &size), 8);
  // Each read gives one datagram, an empty one too, and that is no end.
  EXPECT_EQ(sendto(server.fd(), "one", 3, 0, name, size), 3);
  EXPECT_EQ(sendto(server.fd(), "", 0, 0, name, size), 0);
  EXPECT_EQ(sendto(server.fd(), "three", 5, 0, name, size), 5);
  Outcome reads[3];
  for (Outcome& read : reads) loop->read(socket, kLong, into(read));
  for (const Outcome& read : reads) EXPECT_EQ(wait_for(*loop, read).status, EventStatus::Success);
  EXPECT_EQ(reads[0].bytes, "one");
  EXPECT_EQ(reads[1].bytes, "");
  EXPECT_EQ(reads[2].bytes, "three");
}

TEST(LoopSockets, TellsOfAnUnreachableUdpPort) {
  const LocalServer server{SOCK_DGRAM};
  const Endpoint nobody = server.nobody();
  const auto loop = make_loop();
  const SocketId socket = loop->new_socket();
  Outcome read;
  loop->connect_udp(socket, nobody, {});
  loop->write(socket, "?", kLong, {});
  loop->read(socket, kLong, into(read));
  EXPECT_EQ(wait_for(*loop, read).status, EventStatus::Error);
  EXPECT_EQ(read.error, ECONNREFUSED);
}

}  // namespace
}  // namespace trawl::service
