#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>

#include "service/nsock/descriptor.h"
#include "service/nsock/event.h"
#include "service/nsock/packet_source.h"
#include "service/nsock/pcap_watch.h"
#include "service/nsock/pending_event.h"
#include "service/nsock/poller.h"
#include "service/nsock/tls_stream.h"
#include "service/proxy/proxy_chain.h"

namespace trawl::service {

// A packet whose read was cancelled after it had come, for the next read.
struct ReturnedPacket {
  std::string bytes;
  PacketDetails details;
  Endpoint from;
};

// A socket of a loop, and what is asked of it.
struct Socket {
  enum class Kind : std::uint8_t { None, Tcp, Udp, Unix, Raw, Pcap, Packets };
  // What the wire carries now.
  enum class Stage : std::uint8_t { Closed, Connecting, Proxies, Handshake, Open };

  SocketId id{};
  SocketSettings settings{};
  Kind kind = Kind::None;
  Stage stage = Stage::Closed;
  Descriptor fd{};
  Poller::Watch watch{};
  int protocol = 0;            // Of a raw socket.
  bool has_connection = true;  // Else datagrams come from, and go to, anybody.
  Endpoint peer{};
  std::string path{};  // Of a UNIX socket.

  // What epoll told of, and no call has proved wrong since.
  bool can_read = false;
  bool can_write = false;
  bool peer_ended = false;  // No more than what is in the kernel's buffer comes.
  bool is_abandoned = false;
  bool is_hot = false;  // In the loop's list of those to be looked at without being told.

  PendingEvent* opening = nullptr;  // A connect or a handshake.
  std::list<PendingEvent*> reads{};
  std::list<PendingEvent*> writes{};
  std::size_t undelivered = 0;  // Events that ended, before their callbacks.

  std::string in{};    // Read, and not delivered yet.
  bool eof = false;    // Nothing follows `in`.
  int read_error = 0;  // This follows `in`, of errno(3), with a sentence or without.
  std::string read_trouble{};

  std::string out{};     // Of the proxies and of TLS, for the wire.
  std::size_t sent = 0;  // Of `out`.
  std::unique_ptr<ProxyChain> chain{};
  std::unique_ptr<TlsStream> tls{};
  std::unique_ptr<PcapWatch> pcap{};
  std::unique_ptr<PacketReader> packets{};
  std::list<ReturnedPacket> returned{};  // They come before those of the two above.

  [[nodiscard]] bool is_stream() const noexcept { return kind == Kind::Tcp || kind == Kind::Unix; }
  [[nodiscard]] bool has_packets() const noexcept {
    return kind == Kind::Pcap || kind == Kind::Packets;
  }
};

}  // namespace trawl::service
