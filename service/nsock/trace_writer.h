#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "service/nsock/pending_event.h"
#include "service/nsock/socket.h"

namespace trawl::service {

// The lines of a trace, in the form of Nmap's --version-trace. Nothing is worked out where nobody
// listens.
class TraceWriter {
 public:
  using Sink = std::function<void(std::string_view)>;

  void to(Sink sink) { sink_ = std::move(sink); }
  [[nodiscard]] bool is_on() const noexcept { return sink_ != nullptr; }

  void made(SocketId socket) const;
  void closed(SocketId socket) const;
  // What was asked for. `socket` may be nullptr.
  void asked(const PendingEvent& event, const Socket* socket) const;
  void cancelled(const PendingEvent& event) const;
  void deleted(const PendingEvent& event) const;  // With its socket.
  void opened_udp(SocketId socket) const;
  void binding(const Socket& socket) const;
  void opened_pcap(SocketId socket, const PcapWatch::Settings& settings,
                   const PcapWatch& watch) const;
  void opened_packets(SocketId socket, const PacketSource& source) const;
  void handshake_failed(const PendingEvent& event) const;
  // How it ended, just before its callback.
  void called(const PendingEvent& event) const;

 private:
  Sink sink_;
};

// "198.18.0.5:22", "[2001:db8::1]:22", the path of a UNIX socket; "" for none.
[[nodiscard]] std::string peer_text(const Socket* socket);

}  // namespace trawl::service
