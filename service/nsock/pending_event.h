#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "service/nsock/event.h"
#include "service/nsock/timer_queue.h"

namespace trawl::service {

struct Socket;

// How much a read asks for.
enum class ReadGoal : std::uint8_t { Any, Lines, Bytes };

// Which call asked for an event, for its trace.
enum class Request : std::uint8_t {
  Connect,
  ConnectUdp,
  ConnectUnix,
  ConnectTls,
  StartTls,
  Read,
  Write,
  SendTo,
  Timer,
  Pcap,
  Packet,
  Resolve
};

// An event that was asked for and whose callback has not been made yet. Its timer is its time
// limit, or all there is to it.
struct PendingEvent : TimerNode {
  EventId id{};
  EventKind kind = EventKind::Timer;
  Request request = Request::Timer;
  Callback done;
  Socket* socket = nullptr;  // nullptr for none, and once that is closed.
  SocketId socket_id{};

  Endpoint to{};       // Of connects and send_to().
  std::string path{};  // Of a UNIX socket.
  Wait timeout{0};     // Of connects: it begins when a descriptor is there.
  ReadGoal goal = ReadGoal::Any;
  std::size_t amount = 0;
  std::size_t scanned = 0;  // Bytes that were looked through for the ends of lines...
  std::size_t lines = 0;    // ...and how many there were.
  std::string bytes{};      // To be written, or read.
  std::size_t taken = 0;    // Bytes of a write that the socket or the TLS stream has.

  bool is_done = false;  // What follows is known.
  EventStatus status = EventStatus::Success;
  bool eof = false;
  bool tells_eof = false;  // In the trace, where TLS said so in the same breath.
  int error = 0;
  std::string trouble{};
  std::vector<IpAddress> addresses{};
  Endpoint from{};
  PacketDetails packet{};
};

}  // namespace trawl::service
