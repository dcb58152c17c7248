#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "service/nsock/loop.h"
#include "tests/service/nsock/local_server.h"
#include "tests/service/nsock/packets.h"

namespace trawl::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A socket on a source of packets.
SocketId open_on(Loop& loop, const std::shared_ptr<PacketSource>& source) {
  const SocketId socket = loop.new_socket();
  const auto opened = loop.open_packets(socket, source);
  EXPECT_TRUE(opened) << opened.error().message;
  return socket;
}

TEST(LoopPackets, GivesWhatWasOfferedBeforeAndWhileItWaits) {
  const auto loop = make_loop();
  const auto source = make_source({.packets = 8});
  source->offer(packet(1, "early"));
  const SocketId socket = open_on(*loop, source);
  Outcome early;
  loop->read_packet(socket, kLong, into(early));
  EXPECT_EQ(wait_for(*loop, early).status, EventStatus::Success);
  EXPECT_EQ(early.bytes, "early");
  EXPECT_EQ(early.kind, EventKind::PcapRead);
  Outcome late;
  Event details;
  loop->read_packet(socket, kLong, [&](const Event& event) {
    details = event;
    into(late)(event);
  });
  loop->turn(Wait{0});
  loop->turn(Wait{0});
  EXPECT_EQ(late.calls, 0);
  std::thread producer{[&] {
    SeenPacket seen = packet(2, "late");
    seen.details.wire_length = 60;
    seen.details.to.port = 40'000;
    seen.from = {.ip = Ipv4Address{0xc6120005}, .port = 443};
    source->offer(seen);
  }};
  EXPECT_EQ(wait_for(*loop, late).status, EventStatus::Success);
  producer.join();
  EXPECT_EQ(late.bytes, "late");
  EXPECT_EQ(details.packet.tag, 2U);
  EXPECT_EQ(details.packet.wire_length, 60U);
  EXPECT_EQ(details.packet.to.port, 40'000);
  EXPECT_EQ(details.from.ip, IpAddress{Ipv4Address{0xc6120005}});
  EXPECT_EQ(details.from.port, 443);
}

TEST(LoopPackets, EndsReadsByTimeCancelAndClose) {
  const auto loop = make_loop();
  const auto source = make_source({.packets = 8});
  const SocketId socket = open_on(*loop, source);
  Outcome timed;
  loop->read_packet(socket, std::chrono::milliseconds{2}, into(timed));
  EXPECT_EQ(wait_for(*loop, timed).status, EventStatus::Timeout);
  Outcome cancelled;
  EXPECT_TRUE(loop->cancel(loop->read_packet(socket, kLong, into(cancelled))));
  EXPECT_EQ(wait_for(*loop, cancelled).status, EventStatus::Cancelled);
  Outcome closed;
  loop->read_packet(socket, kLong, into(closed));
  loop->close(socket, true);
  EXPECT_EQ(wait_for(*loop, closed).status, EventStatus::Cancelled);
  Outcome after;
  loop->read_packet(socket, kLong, into(after));
  EXPECT_EQ(wait_for(*loop, after).error, EBADF);
  // None of them took a packet that came later.
  source->offer(packet(1, "kept"));
  Outcome kept;
  loop->read_packet(open_on(*loop, source), kLong, into(kept));
  EXPECT_EQ(wait_for(*loop, kept).bytes, "kept");
}

TEST(LoopPackets, GivesThePacketsOfCancelledReadsToTheNextOnes) {
  const auto loop = make_loop();
  const auto source = make_source({.packets = 8});
  const SocketId socket = open_on(*loop, source);
  for (const std::string_view text : {"a", "b", "c", "d"}) {
    source->offer(packet(static_cast<unsigned char>(text[0]), text));
  }
  source->end();
  std::vector<std::string> order;
  const auto keep = [&](const Event& event) {
    order.push_back(fmt::format("{}{}", event.bytes, event.packet.tag));
  };
  EventId second{};
  EventId third{};
  loop->read_packet(socket, kLong, [&](const Event& event) {
    keep(event);
    // Both have their packets, and their callbacks are due.
    EXPECT_TRUE(loop->cancel(second, false));
    EXPECT_TRUE(loop->cancel(third, false));
    for (int i = 0; i < 3; ++i) loop->read_packet(socket, kLong, keep);
  });
  second = loop->read_packet(socket, kLong, keep);
  third = loop->read_packet(socket, kLong, keep);
  loop->run();
  EXPECT_THAT(order, ElementsAre("a97", "b98", "c99", "d100"));
}

TEST(LoopPackets, EndWhereTheProducerEnds) {
  const auto loop = make_loop();
  const auto source = make_source({.packets = 8});
  const SocketId socket = open_on(*loop, source);
  Outcome first;
  Outcome waits;
  Outcome last;
  loop->read_packet(socket, kLong, into(first));
  loop->read_packet(socket, kLong, into(waits));
  loop->turn(Wait{0});
  source->offer(packet(1, "one"));
  source->end();
  EXPECT_EQ(wait_for(*loop, first).bytes, "one");
  EXPECT_EQ(wait_for(*loop, waits).status, EventStatus::Eof);
  EXPECT_TRUE(waits.eof);
  loop->read_packet(socket, kLong, into(last));
  EXPECT_EQ(wait_for(*loop, last).status, EventStatus::Eof);
}

TEST(LoopPackets, AreReadByOneSocketThatDoesNothingElse) {
  const auto loop = make_loop();
  const auto source = make_source({.packets = 8});
  const SocketId socket = open_on(*loop, source);
  const SocketId other = loop->new_socket();
  EXPECT_FALSE(loop->open_packets(socket, make_source({.packets = 1})));
  EXPECT_FALSE(loop->open_packets(other, source));
  EXPECT_FALSE(loop->open_packets(other, nullptr));
  Outcome read;
  Outcome written;
  Outcome captured;
  Outcome unopened;
  loop->read(socket, kLong, into(read));
  loop->write(socket, "x", kLong, into(written));
  loop->read_pcap(socket, kLong, into(captured));
  loop->read_packet(other, kLong, into(unopened));
  for (const Outcome* const outcome : {&read, &written, &captured, &unopened}) {
    EXPECT_EQ(wait_for(*loop, *outcome).error, EBADF);
  }
  loop->close(socket);
  EXPECT_TRUE(loop->open_packets(other, source));
}

TEST(LoopPackets, AreTracedAsNmapTracesCaptures) {
  std::vector<std::string> lines;
  const auto loop = make_loop({.trace = [&](std::string_view line) { lines.emplace_back(line); }});
  const auto source = make_source({.packets = 8, .most_bytes = 128});
  const SocketId socket = open_on(*loop, source);
  source->offer(packet(1, "shown nowhere"));
  Outcome read;
  loop->read_packet(socket, kLong, into(read));
  wait_for(*loop, read);
  Outcome timed;
  loop->read_packet(socket, Wait{1}, into(timed));
  wait_for(*loop, timed);
  EXPECT_THAT(
      lines,
      ElementsAre(
          "nsock_iod_new2(): nsock_iod_new (IOD #1)",
          "open_packets(): Packets of a polling core requested (capacity=8 snaplen=128) (IOD #1)",
          "read_packet(): Packet read request from IOD #1  EID 13",
          "nsock_trace_handler_callback(): Callback: READ-PCAP SUCCESS for EID 13 ",
          "read_packet(): Packet read request from IOD #1  EID 21",
          "nsock_trace_handler_callback(): Callback: READ-PCAP TIMEOUT for EID 21 "));
}

// Thousands of packets and reads are there at once, and a connection's answer and a timer besides.
TEST(LoopPackets, LeaveSocketsAndTimersTheirTurn) {
  constexpr int kPackets = 4096;
  const LocalServer server;
  const auto loop = make_loop();
  auto [connection, peer] = connect_to(*loop, server);
  const auto source = make_source({.packets = kPackets});
  for (int i = 0; i < kPackets; ++i) ASSERT_TRUE(source->offer(SeenPacket{}));
  const SocketId socket = open_on(*loop, source);
  int seen = 0;
  int seen_before_read = kPackets;
  int seen_before_timer = kPackets;
  for (int i = 0; i < kPackets; ++i) {
    loop->read_packet(socket, kLong, [&](const Event&) { ++seen; });
  }
  peer.say("hello");
  loop->read(connection, kLong, [&](const Event& event) {
    EXPECT_EQ(event.bytes, "hello");
    seen_before_read = seen;
  });
  loop->timer(Wait{0}, [&](const Event&) { seen_before_timer = seen; });
  loop->run();
  EXPECT_EQ(seen, kPackets);
  EXPECT_LT(seen_before_read, kPackets / 2);
  EXPECT_LT(seen_before_timer, kPackets / 2);
}

// The producer never lets the source run dry; a dialogue of a connection goes on meanwhile.
TEST(LoopPackets, LetDialoguesGoOnInAFlood) {
  const LocalServer server;
  const auto loop = make_loop();
  auto [connection, peer] = connect_to(*loop, server);
  const auto source = make_source({.packets = 32});
  const SocketId socket = open_on(*loop, source);
  int answers = 0;
  std::uint64_t packets = 0;
  const std::function<void(const Event&)> flood = [&](const Event& event) {
    ASSERT_EQ(event.status, EventStatus::Success);
    ++packets;
    source->offer(SeenPacket{});
    if (answers < 50) loop->read_packet(socket, kLong, flood);
  };
  const std::function<void(const Event&)> talk = [&, &peer = peer,
                                                  connection = connection](const Event& event) {
    ASSERT_EQ(event.bytes, "x");
    if (++answers == 50) return;
    peer.say("x");
    loop->read(connection, kLong, talk);
  };
  while (source->offer(SeenPacket{})) {
  }
  for (int i = 0; i < 16; ++i) loop->read_packet(socket, kLong, flood);
  peer.say("x");
  loop->read(connection, kLong, talk);
  loop->run();
  EXPECT_EQ(answers, 50);
  EXPECT_GT(packets, 50U);
}

TEST(LoopPackets, ComeInOrderFromAnotherThread) {
  constexpr std::uint64_t kPackets = 50'000;
  const auto loop = make_loop();
  const auto source = make_source({.packets = 64, .most_bytes = 8});
  const SocketId socket = open_on(*loop, source);
  std::thread producer{[&] { offer_numbers(*source, kPackets); }};
  std::uint64_t next = 0;
  std::uint64_t wrong = 0;
  int ended = 0;
  const std::function<void(const Event&)> take = [&](const Event& event) {
    if (event.status == EventStatus::Eof) {
      ++ended;
      return;
    }
    if (event.status != EventStatus::Success || event.packet.tag != next ||
        event.bytes != number_text(next)) {
      ++wrong;
    }
    ++next;
    loop->read_packet(socket, kLong, take);
  };
  for (int i = 0; i < 5; ++i) loop->read_packet(socket, kLong, take);
  loop->run();
  producer.join();
  EXPECT_EQ(next, kPackets);
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(ended, 5);
}

// A loop around this one learns of packets too.
TEST(LoopPackets, MakeTheDescriptorOfTheLoopReadable) {
  const auto loop = make_loop();
  const auto source = make_source({.packets = 8});
  const SocketId socket = open_on(*loop, source);
  const int fd = loop->fd();
  Outcome read;
  loop->read_packet(socket, kForever, into(read));
  for (int i = 0; i < 4; ++i) loop->turn(Wait{0});
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&wait, 1, 0), 0);
  source->offer(SeenPacket{});
  EXPECT_EQ(poll(&wait, 1, 0), 1);
  loop->turn(Wait{0});
  EXPECT_EQ(read.calls, 1);
}

}  // namespace
}  // namespace trawl::service
