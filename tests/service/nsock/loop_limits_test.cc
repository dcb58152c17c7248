#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "service/nsock/loop.h"
#include "tests/service/nsock/local_server.h"

namespace trawl::service {
namespace {

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    ++count;
  }
  return count;
}

TEST(LoopLimits, LetsConnectsWaitForADescriptor) {
  const LocalServer server;
  const auto loop = make_loop({.most_sockets = 3});
  std::size_t connected = 0;
  std::uint64_t most = 0;
  for (int i = 0; i < 20; ++i) {
    loop->connect_tcp(loop->new_socket(), server.endpoint(), kLong, [&](const Event& event) {
      EXPECT_EQ(event.status, EventStatus::Success);
      ++connected;
      most = std::max(most, loop->statistics().connected - (connected - 1));
      loop->close(event.socket);
    });
  }
  loop->run();
  EXPECT_EQ(connected, 20U);
  EXPECT_LE(most, 3U);
  EXPECT_EQ(loop->statistics().waited_for_fd, 17U);
}

TEST(LoopLimits, LetsConnectsWaitWhereOthersHoldAllDescriptors) {
  const LocalServer server;
  const auto loop = make_loop();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<Descriptor> held;
  const rlimit low{.rlim_cur = open_descriptors() + 10, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  while (true) {
    Descriptor one{dup(0)};
    if (!one.is_open()) break;
    held.push_back(std::move(one));
  }
  Outcome waits;
  Outcome cancelled;
  Outcome closed;
  const SocketId socket = loop->new_socket();
  loop->connect_tcp(socket, server.endpoint(), kLong, into(waits));
  const EventId second =
      loop->connect_tcp(loop->new_socket(), server.endpoint(), kLong, into(cancelled));
  const SocketId third = loop->new_socket();
  loop->connect_tcp(third, server.endpoint(), kLong, into(closed));
  for (int i = 0; i < 3; ++i) loop->turn(Wait{1000});
  EXPECT_EQ(waits.calls, 0);
  EXPECT_TRUE(loop->cancel(second));
  loop->close(third);
  EXPECT_EQ(wait_for(*loop, cancelled).status, EventStatus::Cancelled);
  held.clear();
  EXPECT_EQ(wait_for(*loop, waits).status, EventStatus::Success);
  EXPECT_EQ(closed.calls, 0);
  EXPECT_EQ(loop->statistics().waited_for_fd, 3U);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(LoopLimits, LeavesNoDescriptorBehind) {
  const LocalServer server;
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 3; ++round) {
    const auto loop = make_loop({.names = {.servers = std::vector{NameServer{
                                               .ip = Ipv4Address{INADDR_LOOPBACK}, .port = 9}}}});
    [[maybe_unused]] const int nested = loop->fd();
    std::vector<Peer> peers;
    for (int i = 0; i < 20; ++i) peers.push_back(connect_to(*loop, server).peer);
    loop->connect_tcp(loop->new_socket(), server.endpoint(), kLong, {});
    ASSERT_TRUE(loop->open_udp(loop->new_socket(), AddressFamily::V4));
    loop->resolve("name.example", AddressFamily::V4, kLong, {});
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(LoopLimits, SendsNothingWhereItMayNot) {
  const LocalServer server;
  const LocalServer datagrams{SOCK_DGRAM};
  bool is_allowed = false;
  const auto loop = make_loop({.may_send = [&](const IpAddress&) { return is_allowed; }});
  Outcome connect;
  Outcome udp;
  Outcome tls;
  Outcome sent;
  const SocketId open = loop->new_socket();
  ASSERT_TRUE(loop->open_udp(open, AddressFamily::V4));
  loop->connect_tcp(loop->new_socket(), server.endpoint(), kLong, into(connect));
  loop->connect_tls(loop->new_socket(), server.endpoint(), kLong, into(tls));
  loop->connect_udp(loop->new_socket(), datagrams.endpoint(), into(udp));
  loop->send_to(open, datagrams.endpoint(), "x", into(sent));
  loop->run();
  for (const Outcome* const outcome : {&connect, &tls, &udp, &sent}) {
    EXPECT_EQ(outcome->status, EventStatus::Error);
    EXPECT_EQ(outcome->error, EPERM);
  }
  EXPECT_EQ(loop->statistics().blocked, 4U);
  pollfd arrived[] = {{.fd = server.fd(), .events = POLLIN, .revents = 0},
                      {.fd = datagrams.fd(), .events = POLLIN, .revents = 0}};
  EXPECT_EQ(poll(arrived, 2, 0), 0);
  is_allowed = true;
  Outcome allowed;
  loop->send_to(open, datagrams.endpoint(), "x", into(allowed));
  EXPECT_EQ(wait_for(*loop, allowed).status, EventStatus::Success);
}

TEST(LoopLimits, LooksAtTheHeaderOfRawPackets) {
  const IpAddress blocked = *IpAddress::parse("127.0.0.99");
  const auto loop =
      make_loop({.may_send = [&](const IpAddress& address) { return address != blocked; }});
  const SocketId socket = loop->new_socket();
  if (!loop->open_raw(socket, AddressFamily::V4, IPPROTO_RAW)) GTEST_SKIP() << "no right to it";
  std::string packet(28, '\0');
  packet.replace(16, 4, "\x7f\0\0\x63", 4);
  Outcome sent;
  loop->send_to(socket, {.ip = Ipv4Address{INADDR_LOOPBACK}}, packet, into(sent));
  EXPECT_EQ(wait_for(*loop, sent).error, EPERM);
}

TEST(LoopLimits, BindsToAnAddressAndAPort) {
  const LocalServer server;
  const auto loop = make_loop();
  const IpAddress from = *IpAddress::parse("127.0.0.77");
  Outcome connected;
  const SocketId socket = loop->new_socket({.from = from, .device = "lo"});
  loop->connect_tcp(socket, server.endpoint(), kLong, into(connected));
  EXPECT_EQ(wait_for(*loop, connected).status, EventStatus::Success);
  EXPECT_EQ(loop->local_endpoint(socket).ip, from);
  const std::uint16_t port = loop->local_endpoint(socket).port;
  Outcome again;
  const SocketId other =
      loop->new_socket({.from = *IpAddress::parse("127.0.0.78"), .from_port = port});
  loop->connect_tcp(other, server.endpoint(), kLong, into(again));
  EXPECT_EQ(wait_for(*loop, again).status, EventStatus::Success);
  EXPECT_EQ(loop->local_endpoint(other).port, port);
  Outcome nowhere;
  loop->connect_tcp(loop->new_socket({.device = "none"}), server.endpoint(), kLong, into(nowhere));
  EXPECT_EQ(wait_for(*loop, nowhere).status, EventStatus::Error);
}

TEST(LoopLimits, CanBeTurnedByALoopAroundIt) {
  const LocalServer server;
  const auto loop = make_loop();
  pollfd around{.fd = loop->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&around, 1, 0), 0);
  // Each of these makes the descriptor readable: nothing else tells when to turn.
  Outcome timer;
  Outcome connected;
  Outcome failed;
  loop->timer(Wait{1000}, into(timer));
  while (timer.calls == 0) {
    ASSERT_EQ(poll(&around, 1, 120'000), 1);
    loop->turn(Wait{0});
  }
  loop->connect_tcp(loop->new_socket(), server.endpoint(), kLong, into(connected));
  while (connected.calls == 0) {
    ASSERT_EQ(poll(&around, 1, 120'000), 1);
    loop->turn(Wait{0});
  }
  loop->read(SocketId{77}, kLong, into(failed));
  while (failed.calls == 0) {
    ASSERT_EQ(poll(&around, 1, 120'000), 1);
    loop->turn(Wait{0});
  }
  loop->turn(Wait{0});
  EXPECT_EQ(poll(&around, 1, 0), 0);
}

TEST(LoopWake, IsNeverLost) {
  const auto loop = make_loop();
  constexpr int kRounds = 20'000;
  std::atomic<int> asked = 0;
  int seen = 0;
  loop->on_wake([&] { seen = asked.load(); });
  // As many threads as may ask for it; each wish comes before its wake().
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        ++asked;
        loop->wake();
      }
    });
  }
  while (seen < 3 * kRounds) loop->turn(kForever);  // Were one lost, the last turn would not end.
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen, 3 * kRounds);
}

TEST(LoopWake, EndsATurnAndMayStopARun) {
  const auto loop = make_loop();
  Outcome never;
  loop->timer(std::chrono::hours{1}, into(never));
  std::atomic<bool> stops = false;
  loop->on_wake([&] {
    if (stops) loop->stop();
  });
  std::thread other{[&] {
    loop->wake();
    stops = true;
    loop->wake();
  }};
  loop->run();
  other.join();
  EXPECT_EQ(never.calls, 0);
}

}  // namespace
}  // namespace trawl::service
