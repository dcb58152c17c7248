#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "service/nsock/dns_channel.h"
#include "service/nsock/event_table.h"
#include "service/nsock/loop.h"
#include "service/nsock/poller.h"
#include "service/nsock/socket.h"
#include "service/nsock/timer_queue.h"
#include "service/nsock/trace_writer.h"

namespace trawl::service {

// The parts of a loop, and how they work together. loop_api.cc is asked, loop.cc waits and calls
// back, loop_connect.cc connects, loop_tls.cc secures that, loop_transfer.cc moves bytes,
// loop_packets.cc packets.
//
// No callback is made while any of these functions is at work but dispatch(): an event that ends
// is put into the table's queue. So no reference to a socket can be lost on the way.
struct Loop::Impl {
  LoopOptions options;
  Poller poller;
  TimerQueue timers;  // All there is to their events...
  TimerQueue limits;  // ...of which others have time limits.
  EventTable events;
  std::unordered_map<std::uint64_t, std::unique_ptr<Socket>> sockets;
  std::vector<SocketId> hot;           // To be looked at in the next turn.
  std::deque<EventId> waiting_for_fd;  // Connects, the first one first.
  bool starts_more = false;            // Of them, in the next turn.
  std::unique_ptr<DnsChannel> names;
  std::size_t open_fds = 0;  // Of sockets.
  std::size_t most_fds = 0;
  TraceWriter trace;
  Statistics statistics;
  std::string buffer;  // That is read into.
  Descriptor wake_fd;
  Descriptor clock_fd;  // Readable once a turn is due, for a loop around this.
  SteadyTime clock_due{};
  bool is_nested = false;
  std::function<void()> woken;
  SteadyTime now = std::chrono::steady_clock::now();
  std::uint64_t last_socket = 0;
  bool is_stopped = false;
  bool is_dead = false;  // The loop is gone; a callback that is under way returns to nothing.

  ~Impl();

  // loop.cc
  [[nodiscard]] Socket* find(SocketId id) noexcept;
  PendingEvent& ask(EventKind kind, Request request, SocketId socket, Callback done);
  void limit(PendingEvent& event, Wait timeout);
  void finish(PendingEvent& event, EventStatus status, int error = 0);
  void heat(Socket& socket);
  [[nodiscard]] TimerQueue& queue_of(const PendingEvent& event) noexcept;
  [[nodiscard]] SteadyTime first_due() const noexcept;
  void forget(PendingEvent& event);  // Out of the socket's lists and the timers.
  bool cancel(EventId event, bool tells);
  void close(SocketId id, bool tells);
  void abandon(SocketId id);
  bool turn(Wait longest);
  [[nodiscard]] Wait wait_for(Wait longest) const;
  void take_ready(Socket& socket, std::uint32_t ready);
  void take_hot();
  void take_addresses(EventId id, std::vector<IpAddress> addresses, const char* trouble);
  void expire(TimerQueue& queue, SteadyTime at);
  void expired(PendingEvent& event);
  void dispatch();
  void deliver(PendingEvent& event);
  void set_clock();

  // loop_connect.cc
  EventId connect(PendingEvent& event, const Endpoint& to, Wait timeout);
  int open_for(PendingEvent& event);
  void wait_for_fd(PendingEvent& event);
  [[nodiscard]] bool has_fd() const noexcept;
  void start_waiting();
  [[nodiscard]] Endpoint first_hop(const PendingEvent& event) const;
  [[nodiscard]] bool may_send(const IpAddress& ip);
  [[nodiscard]] bool may_send_to(const Socket& socket, const PendingEvent& event);
  [[nodiscard]] int make_fd(Socket& socket, int family, int type, int protocol);
  [[nodiscard]] int start_connect(Socket& socket, PendingEvent& event);
  [[nodiscard]] bool watch(Socket& socket);
  void progress(Socket& socket);
  void progress_proxies(Socket& socket);
  [[nodiscard]] Result<void> open_unconnected(SocketId id, Socket::Kind kind, AddressFamily family,
                                              int protocol);
  void reached(Socket& socket);
  void opened(Socket& socket);
  void fail_open(Socket& socket, EventStatus status, int error, std::string trouble = {});
  void shut(Socket& socket);
  [[nodiscard]] bool uses_proxies(const Socket& socket) const noexcept {
    return socket.kind == Socket::Kind::Tcp && socket.settings.uses_proxies &&
           !options.proxies.empty();
  }

  // loop_tls.cc
  EventId start_tls(PendingEvent& event, Wait timeout);
  void begin_tls(Socket& socket);
  void progress_tls(Socket& socket);
  // Sends what the stream has to say; false where that fails, as errno(3) says.
  [[nodiscard]] bool flush_tls(Socket& socket);
  // Bytes of the wire that were taken; 0 where there are none, at the end and after errors.
  std::size_t receive_tls(Socket& socket, std::size_t most);
  void take_plaintext(Socket& socket);
  // Sends what the stream says to what was read: keys, another handshake. Whether it can take more;
  // it cannot where the server wants answers and does not listen to them.
  [[nodiscard]] bool answer_tls(Socket& socket);
  void say_goodbye(Socket& socket);
  void write_some_tls(Socket& socket);

  // loop_transfer.cc
  EventId read(SocketId socket, ReadGoal goal, std::size_t amount, Wait timeout, Callback done);
  EventId write(PendingEvent& event, Wait timeout);
  void pump(Socket& socket);
  // Sends what is in `out`, as far as it goes; false where it fails, as errno(3) says.
  [[nodiscard]] bool flush(Socket& socket);
  void write_some(Socket& socket);
  [[nodiscard]] static ssize_t send_once(const Socket& socket, const PendingEvent& event,
                                         std::size_t most);
  void read_some(Socket& socket);
  [[nodiscard]] bool serve_read(Socket& socket);
  std::size_t receive(Socket& socket, std::size_t most);
  [[nodiscard]] ssize_t receive_wire(Socket& socket, std::size_t most);
  std::size_t receive_datagram(Socket& socket);
  void give_read(Socket& socket, EventStatus status, int error);

  // loop_packets.cc
  [[nodiscard]] Result<void> open_pcap(SocketId id, const PcapWatch::Settings& settings);
  [[nodiscard]] Result<void> open_packets(SocketId id, std::shared_ptr<PacketSource> source);
  EventId read_packet(PendingEvent& event, Socket::Kind kind, Wait timeout);
  void read_packets(Socket& socket);
  void take_captured(Socket& socket, PendingEvent& event);
  void take_packet(Socket& socket, PendingEvent& event);
};

struct SocketName {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&bytes);
  }
};
[[nodiscard]] SocketName socket_name(const Endpoint& endpoint) noexcept;
[[nodiscard]] Endpoint endpoint_of(const sockaddr_storage& name) noexcept;

}  // namespace trawl::service
