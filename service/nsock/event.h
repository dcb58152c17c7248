#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"
#include "base/result.h"

namespace trawl::service {

using SteadyTime = std::chrono::steady_clock::time_point;
using Wait = std::chrono::microseconds;
inline constexpr Wait kForever = Wait::max();

// Where a connection goes.
struct Endpoint {
  IpAddress ip{};
  std::uint16_t port = 0;
  std::uint32_t zone = 0;  // The interface of a link-local address, 0 for any.
};

enum class EventKind : std::uint8_t { Connect, ConnectTls, Read, Write, Timer, PcapRead, Resolve };
enum class EventStatus : std::uint8_t { Success, Error, Timeout, Cancelled, Eof, Proxy };

// Numbers of events as Nmap has them: a serial number times 8, plus the kind. 0 for none.
enum class EventId : std::uint64_t {};
// Numbers of sockets from 1, Nmap's IOD. 0 for none.
enum class SocketId : std::uint64_t {};

// When a packet of a capture or of a PacketSource came, how long it was, and what it begins with.
struct PacketDetails {
  std::chrono::system_clock::time_point captured{};
  std::uint32_t wire_length = 0;     // Bytes, of which fewer may have been kept.
  int link_type = 0;                 // DLT_EN10MB...
  std::uint32_t network_offset = 0;  // Of the network layer in it, by the link type.
  // Of a PacketSource alone: where it was sent to, and what its producer notes of it.
  Endpoint to{};
  std::uint64_t tag = 0;
};

// How an event ended. What it refers to lives until the callback returns.
struct Event {
  EventId id{};
  EventKind kind = EventKind::Timer;
  EventStatus status = EventStatus::Success;
  int error = 0;  // Of errno(3), with Error.
  SocketId socket{};
  std::string_view bytes{};                // Of a read; also what came before Eof or Timeout.
  bool eof = false;                        // After these bytes nothing comes.
  std::span<const IpAddress> addresses{};  // Of a resolution.
  std::string_view trouble{};              // A sentence, where errno(3) has none (TLS, proxy).
  Endpoint from{};         // Of a datagram on a socket without a connection, or of a PacketSource.
  PacketDetails packet{};  // Of a PcapRead.
};
using Callback = std::function<void(const Event&)>;

struct TlsSettings {
  std::string server_name{};             // SNI; "" for none.
  std::vector<std::string> protocols{};  // ALPN, in order of preference.
};

struct SocketSettings {
  std::optional<IpAddress> from{};  // bind(2).
  std::uint16_t from_port = 0;
  std::string device{};  // SO_BINDTODEVICE, "" for any.
  bool broadcasts = false;
  bool uses_proxies = true;  // Those of the loop.
  TlsSettings tls{};
};

// What the TLS handshake agreed on.
struct TlsDetails {
  std::string version;  // "TLSv1.3"
  std::string cipher;
  std::string protocol;     // Of ALPN.
  std::string certificate;  // DER of the server's, "" for none.
};

}  // namespace trawl::service
