#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"
#include "base/result.h"
#include "service/dns/name_settings.h"
#include "service/nsock/event.h"
#include "service/nsock/packet_source.h"
#include "service/proxy/proxy_hop.h"

namespace trawl::service {

struct LoopOptions {
  std::vector<ProxyHop> proxies{};  // Which all TCP connections go through, the first one first.
  std::size_t most_sockets = 0;     // Open at once; 0: what RLIMIT_NOFILE allows, less a reserve.
  NameSettings names{};             // Of resolve(), which asks servers itself in any case.
  // Whether a packet may go to that address: asked before each connect and raw send.
  std::function<bool(const IpAddress&)> may_send{};
  // Each line of a trace, without newline: "nsock_connect_tcp(): TCP connection requested to ...".
  // The loop leaves out all work for it where it is empty.
  std::function<void(std::string_view)> trace{};
};

// One event loop: sockets, TLS, timers, libpcap handles, packets of polling cores, names. A
// callback is called exactly once for each event that was asked for, never from within the call
// that asked; it may call anything here, closing its own socket too.
//
// Thread: one user; wake() from anywhere.
class Loop {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Loop>> open(LoopOptions options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] SocketId new_socket(SocketSettings settings = {});
  // Cancels its events (their callbacks come, with Cancelled, unless `tells` is false) and closes.
  void close(SocketId socket, bool tells = false);
  // The same, and the peer is told nothing, for it must get no packet any more: neither the end of
  // TLS nor that of TCP. To what it still sends the kernel answers with a reset. Needs
  // CAP_NET_ADMIN; without, TCP ends as with close().
  void abandon(SocketId socket);

  EventId connect_tcp(SocketId socket, const Endpoint& to, Wait timeout, Callback done);
  EventId connect_udp(SocketId socket, const Endpoint& to, Callback done);
  // TCP, then a TLS handshake; both within the time.
  EventId connect_tls(SocketId socket, const Endpoint& to, Wait timeout, Callback done);
  // A handshake on a connection there is.
  EventId start_tls(SocketId socket, Wait timeout, Callback done);
  EventId connect_unix(SocketId socket, const std::string& path, Wait timeout, Callback done);
  // A UDP socket without a connection: send_to(), and reads that tell whom a datagram is from.
  [[nodiscard]] Result<void> open_udp(SocketId socket, AddressFamily family);
  // A raw IP socket for a protocol; sends go by send_to(), reads give whole packets.
  [[nodiscard]] Result<void> open_raw(SocketId socket, AddressFamily family, int protocol);
  // A descriptor of a capture (pcap_get_selectable_fd) is watched by read_pcap().
  [[nodiscard]] Result<void> open_pcap(SocketId socket, const std::string& device,
                                       const std::string& filter, int snap_length,
                                       bool promiscuous = false);

  // What a polling core offers to `source` comes by read_packet(). A source has one socket at a
  // time; fails where it has one.
  [[nodiscard]] Result<void> open_packets(SocketId socket, std::shared_ptr<PacketSource> source);

  EventId read(SocketId socket, Wait timeout, Callback done);
  EventId read_lines(SocketId socket, std::size_t lines, Wait timeout, Callback done);
  EventId read_bytes(SocketId socket, std::size_t bytes, Wait timeout, Callback done);
  EventId read_pcap(SocketId socket, Wait timeout, Callback done);
  // One packet, oldest first; Eof once the producer has ended and all were read. More reads may
  // wait at once.
  EventId read_packet(SocketId socket, Wait timeout, Callback done);
  EventId write(SocketId socket, std::string bytes, Wait timeout, Callback done);
  EventId send_to(SocketId socket, const Endpoint& to, std::string bytes, Callback done);
  EventId timer(Wait delay, Callback done);
  EventId resolve(const std::string& name, AddressFamily family, Wait timeout, Callback done);
  // False when it is over already. Its callback comes with Cancelled when `tells`.
  bool cancel(EventId event, bool tells = true);

  // Handles what there is, waiting at most `longest` for it. False when no event is pending.
  bool turn(Wait longest);
  // Until no event is pending, or stop().
  void run();
  void stop() noexcept;
  // From any thread: turn() returns soon, after `woken` was called by the loop's thread.
  void wake() noexcept;
  void on_wake(std::function<void()> woken);
  // epoll's descriptor, for a loop around this one.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] SteadyTime now() const noexcept;  // Of this turn.

  // nullopt where there is no TLS, or not yet.
  [[nodiscard]] std::optional<TlsDetails> tls_details(SocketId socket) const;
  [[nodiscard]] Endpoint local_endpoint(SocketId socket) const;

  struct Statistics {
    std::uint64_t events = 0;     // Callbacks made.
    std::uint64_t connects = 0;   // Begun...
    std::uint64_t connected = 0;  // ...and that came to a connection.
    std::uint64_t bytes_read = 0, bytes_written = 0;
    std::uint64_t waited_for_fd = 0;  // Connects that waited until a descriptor was free.
    std::uint64_t pending = 0;        // Events now.
    std::uint64_t sockets = 0;        // Open now.
    std::uint64_t blocked = 0;        // Sends that `may_send` forbade.
    Wait latest_timer{0};             // How late a timer's callback was at worst.
  };
  [[nodiscard]] Statistics statistics() const noexcept;
  void trace_to(std::function<void(std::string_view)> trace);

 private:
  struct Impl;
  explicit Loop(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // A turn holds it while a callback throws the loop away.
};

}  // namespace trawl::service
